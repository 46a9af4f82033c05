# SPDX-License-Identifier: Apache-2.0
"""The drill: the newest backup restored into a scratch table, read back and compared; the table gone whatever happens, and no other
table ever touched. DynamoDB Local makes, fills, scans and deletes the tables.
"""
import base64
import gzip
import hashlib
import json
import re
import signal
import zlib

import pytest

import items
from backups import Backup, md5
from mail import box

BUCKET = 'student-backup'


def tables(dynamo):
    return {name for page in dynamo.get_paginator('list_tables').paginate() for name in page['TableNames']}


@pytest.fixture
def before(dynamo):
    """The tables that were there; nothing else may be there when the test ends."""
    there = tables(dynamo)
    yield there
    assert tables(dynamo) == there, 'a scratch table was left behind, or a table of somebody else is gone'


def backed_up(setup, name, job=None, **sections):
    one = setup()
    one.job(name, **(job or {}), **sections)
    one.run(name)
    return one


def scratch_names(cloud, operation='CreateTable'):
    return [seen['table'] for seen in cloud.seen('dynamodb') if seen['operation'] == operation]


@pytest.mark.core
def test_a_drill_passes_on_a_good_backup(setup, cloud, dynamo, s3, small_table, before):
    one = backed_up(setup, 'small')
    one.start()
    result = one.json('drill', 'small', '--wait')['result']
    backup = Backup(s3, BUCKET, 'backups/small/')
    assert result['result'] == 'success' and result['kind'] == 'drill' and result['items'] == len(small_table)
    assert result['id'] == backup.id and 'error' not in result
    assert re.fullmatch(r'small-drill-\d{8}-\d{6}-[0-9a-f]{8}', result['scratch'])
    assert cloud.count('dynamodb', 'CreateTable') == 1 and cloud.count('dynamodb', 'DeleteTable') == 1
    job, = one.json('status', 'small')['jobs']
    assert job['drill']['last']['run'] == result['run'] and job['drill']['state'] == 'idle'
    past = one.json('history', 'small')['runs']
    assert [row['kind'] for row in past] == ['drill'] and past[0]['result'] == 'success' and past[0]['items'] == len(small_table)
    assert 'drill passed' in one.journal()
    assert re.search(r'^Drill +none: only on demand; last success ', one.ctl('status', 'small').stdout, re.M)
    one.stop()
    one.start()  # the last drill is remembered
    assert one.json('status', 'small')['jobs'][0]['drill']['last']['run'] == result['run']


def test_a_drill_of_every_type_and_format(setup, dynamo, s3, before):
    source = items.make(400, seed=31)
    items.fill(dynamo, 'drilled', source)
    before.add('drilled')
    one = backed_up(setup, 'drilled', Destination={'Format': 'dynamodb-json json', 'Compression': 'zstd'}, Scan={'Segments': '3'})
    done = one.json('drill', 'drilled', local=True)['result']
    assert done['result'] == 'success' and done['items'] == len(source)
    assert 'drill' in one.ctl('history', 'drilled', local=True).stdout


def test_an_empty_table_is_drilled(setup, dynamo, before):
    items.create_table(dynamo, 'drilled-empty')
    before.add('drilled-empty')
    one = backed_up(setup, 'drilled-empty')
    done = one.json('drill', 'drilled-empty', local=True)['result']
    assert done['result'] == 'success' and done['items'] == 0


def test_the_scheduled_drill_runs_by_itself_and_is_mailed(setup, cloud, dynamo, small_table, before):
    one = backed_up(setup, 'small')
    one.job('small', Drill={'Schedule': '* * * * * *', 'TablePrefix': 'scratch.'},
            Email={'From': 'backup@example.edu.vn', 'To': 'registrar@example.edu.vn'})
    assert one.ctl('check').stdout.count(' drill into scratch.') == 1
    one.start()
    one.wait_journal('drill passed')
    one.job('small')
    one.reload()
    one.wait(lambda: one.json('status', 'small')['jobs'][0]['drill']['state'] == 'idle', 'the end of the drill')
    assert all(name.startswith('scratch.') for name in scratch_names(cloud))
    one.wait_journal('mail sent')
    assert any(mail['subject'].startswith('Drill of small passed: 500 items') for mail in box(cloud))


def test_there_is_nothing_to_drill_with(setup, cloud, dynamo, small_table, before):
    one = setup()
    one.job('small')
    one.start()
    result = one.json('drill', 'small', '--wait', status=1)['result']
    assert 'no backup of this job' in result['error'] and cloud.count('dynamodb', 'CreateTable') == 0
    assert one.ctl('drill', 'smal', status=1).stderr.count('did you mean small?') == 1


# A backup that is not what it was.
class Tampered:
    """The backup with one data file changed, and every checksum of it and of what describes it made to fit."""

    def __init__(self, s3, prefix):
        self.s3, self.backup = s3, Backup(s3, BUCKET, prefix)

    def put(self, key, data):
        head = self.s3.head_object(Bucket=BUCKET, Key=key)
        return self.s3.put_object(Bucket=BUCKET, Key=key, Body=data, ContentType=head['ContentType'],
                                  Metadata=head['Metadata'])['ETag'].strip('"')

    def change(self, change):
        """`change` takes the lines of the first data file and gives others."""
        record = self.backup.record
        entry = next(one for one in record['outputs'] if one['format'] == 'dynamodb-json')['objects'][0]
        old = dict(entry)
        lines = change(gzip.decompress(self.backup.body(entry['key'])).splitlines(keepends=True))
        data = gzip.compress(b''.join(lines))
        etag = self.put(entry['key'], data)
        crc = base64.b64encode(zlib.crc32(data).to_bytes(4, 'big')).decode()
        part, = entry['parts']
        delta = len(lines) - old['items']
        raw = self.backup.body(self.backup.home + 'backup.json').decode()
        for name, value in (('size', len(data)), ('length', len(data))):
            raw = raw.replace(f'"{name}":{old["size"]}', f'"{name}":{value}')
        raw = raw.replace(old['crc32'], crc).replace(old['etag'], etag)
        if delta:
            raw = raw.replace(f'"items":{old["items"]}', f'"items":{len(lines)}')
        self.manifests(entry['key'], data, etag, len(lines), delta)
        self.put(self.backup.home + 'backup.json', self.sealed(raw))

    def manifests(self, key, data, etag, count, delta):
        home = self.backup.home
        rows = [json.loads(line) for line in self.backup.body(home + 'manifest-files.json').splitlines()]
        for row in rows:
            if row['dataFileS3Key'] == key:
                row.update(itemCount=count, md5Checksum=md5(data), etag=etag)
        summary = json.loads(self.backup.body(home + 'manifest-summary.json'))
        summary['itemCount'] += delta
        files = ''.join(json.dumps(row) + '\n' for row in rows).encode()
        for name, text in (('manifest-files', files), ('manifest-summary', json.dumps(summary).encode())):
            self.sums = getattr(self, 'sums', {})
            self.sums[name] = (md5(self.backup.body(f'{home}{name}.json')), md5(text), len(self.backup.body(f'{home}{name}.json')), len(text))
            self.put(f'{home}{name}.json', text)
            self.put(f'{home}{name}.checksum', md5(text).encode())

    def sealed(self, raw):
        for old, new, size, length in self.sums.values():
            raw = raw.replace(old, new).replace(f'"size":{size},"md5":"{new}"', f'"size":{length},"md5":"{new}"')
        match = re.search(r',\n"sha256":"[0-9a-f]{64}"\}\n$', raw)
        if not match:
            return raw.encode()
        body = raw[:match.start()].encode()
        return body + b',\n"sha256":"' + hashlib.sha256(body).hexdigest().encode() + b'"}\n'


def failed_drill(one, name):
    result = one.json('drill', name, '--wait', status=1)['result']
    assert result['result'] == 'failure'
    return result['error']


@pytest.fixture
def sized_job(setup, dynamo, before):
    """A running daemon whose job `tampered` has a backup of 300 items, that records their digest."""
    if 'tampered' not in before:
        items.fill(dynamo, 'tampered', items.sized(300, 300, seed=5))
        before.add('tampered')
    one = setup()
    one.job('tampered', Drill={'Schedule': '0 0 1 1 *'}, Email={'From': 'backup@example.edu.vn', 'To': 'registrar@example.edu.vn'})
    one.start()
    one.ctl('run', 'tampered', '--wait')
    return one


@pytest.mark.core
def test_a_drill_fails_on_a_changed_item_whose_checksums_fit(sized_job, s3, cloud):
    assert sized_job.json('drill', 'tampered', '--wait')['result']['result'] == 'success'

    def change(lines):
        assert b'"n":{"N":"7"}' in b''.join(lines)
        return [line.replace(b'"n":{"N":"7"}', b'"n":{"N":"8"}') for line in lines]
    Tampered(s3, 'backups/tampered/').change(change)
    error = failed_drill(sized_job, 'tampered')
    assert 'not the same' in error and 'digest' in error, error
    assert sized_job.json('history', 'tampered')['runs'][0]['result'] == 'failure'
    assert re.search(r'tampered: last drill failed: .*digest', sized_job.ctl('status').stdout)
    sized_job.wait_journal('drill failed')
    sized_job.wait(lambda: any(mail['subject'].startswith('Drill of tampered FAILED') for mail in box(cloud)), 'the mail')


@pytest.mark.parametrize('kind', ['one less', 'one twice', 'another key'])
def test_a_drill_fails_where_the_items_are_others(sized_job, s3, kind):
    def change(lines):
        if kind == 'one less':
            return lines[:-1]
        if kind == 'one twice':
            return lines[:-1] + lines[:1]
        return [line.replace(b'00000009', b'90000009') for line in lines]
    Tampered(s3, 'backups/tampered/').change(change)
    failed_drill(sized_job, 'tampered')


def test_a_drill_fails_on_a_flipped_bit(sized_job, s3):
    backup = Backup(s3, BUCKET, 'backups/tampered/')
    key = backup.output('dynamodb-json')['objects'][0]['key']
    data = bytearray(backup.body(key))
    data[len(data) // 2] ^= 4
    s3.put_object(Bucket=BUCKET, Key=key, Body=bytes(data))
    assert key.rsplit('/', 1)[1] in failed_drill(sized_job, 'tampered')


def test_a_drill_fails_on_a_missing_file(sized_job, s3):
    backup = Backup(s3, BUCKET, 'backups/tampered/')
    s3.delete_object(Bucket=BUCKET, Key=backup.output('dynamodb-json')['objects'][0]['key'])
    failed_drill(sized_job, 'tampered')


def test_a_drill_fails_where_the_table_gives_back_something_else(sized_job, cloud):
    """What is read back is one item short: an item is deleted between the two."""
    cloud.fault('dynamodb', 'forgets', 'BatchWriteItem', target='-drill-', count=1)
    error = failed_drill(sized_job, 'tampered')
    assert '300 items were read from the backup, and 299 came back' in error


# Whose table it is.
def test_a_table_that_exists_fails_the_drill_and_stays(sized_job, cloud, dynamo, before):
    cloud.fault('dynamodb', 'taken', 'CreateTable', target='-drill-', count=1)
    error = failed_drill(sized_job, 'tampered')
    name, = tables(dynamo) - before
    assert name in error and 'left alone' in error and cloud.count('dynamodb', 'DeleteTable') == 0
    sized_job.stop()
    sized_job.start()  # nor does the next start delete it
    assert sized_job.json('drill', 'tampered', '--wait')['result']['result'] == 'success'
    assert tables(dynamo) == before | {name}
    before.add(name)


def test_a_table_made_by_a_call_whose_answer_was_lost_is_our_own(sized_job, cloud, dynamo):
    cloud.fault('dynamodb', 'lost', 'CreateTable', target='-drill-', count=1)
    assert sized_job.json('drill', 'tampered', '--wait')['result']['result'] == 'success'
    assert cloud.count('dynamodb', 'CreateTable') == 2


def test_no_table_is_made_under_a_name_that_cannot_be_looked_at(sized_job, cloud):
    cloud.fault('dynamodb', 'deny', 'DescribeTable', target='-drill-')
    assert 'DescribeTable' in failed_drill(sized_job, 'tampered')
    assert cloud.count('dynamodb', 'CreateTable') == 0


@pytest.mark.parametrize('operation', ['BatchWriteItem', 'Scan'])
def test_no_table_stays_when_a_call_is_refused(sized_job, cloud, operation):
    cloud.fault('dynamodb', 'deny', operation, target='-drill-')
    assert operation in failed_drill(sized_job, 'tampered')


def test_a_table_that_cannot_be_deleted_fails_the_drill_and_goes_with_the_next_start(sized_job, cloud, dynamo, before):
    cloud.fault('dynamodb', 'deny', 'DeleteTable', target='-drill-')
    result = sized_job.json('drill', 'tampered', '--wait', status=1)['result']
    name, = tables(dynamo) - before
    assert 'the backup restores, but' in result['error'] and f'--table-name {name}' in result['left_behind']
    sized_job.stop()
    cloud.reset()
    sized_job.start()
    sized_job.wait(lambda: tables(dynamo) == before, 'the table being deleted')
    sized_job.wait_journal(f'scratch table {name} .* is gone')


# A process that ends in the middle.
@pytest.mark.parametrize('operation', ['CreateTable', 'BatchWriteItem', 'Scan', 'DeleteTable'])
def test_no_table_stays_after_sigkill(sized_job, cloud, dynamo, before, operation):
    at = 'mid' if operation == 'CreateTable' else 'before'  # mid: carried out, and half the answer sent
    cloud.fault('dynamodb', 'stall', operation, target='-drill-', at=at, wait=60)
    sized_job.ctl('drill', 'tampered')
    sized_job.wait(lambda: cloud.count('dynamodb', operation) > 0, operation)
    sized_job.wait(lambda: tables(dynamo) != before, 'the scratch table')
    sized_job.signal(signal.SIGKILL)
    sized_job.child.wait()
    cloud.reset()
    name, = tables(dynamo) - before
    sized_job.start()
    sized_job.wait(lambda: tables(dynamo) == before, 'the table being deleted')
    sized_job.wait_journal(f'scratch table {name} .* is gone')
    sized_job.stop()
    sized_job.start()
    assert sized_job.json('status', 'tampered')['jobs'][0]['drill']['state'] == 'idle'


def test_no_table_stays_after_sigkill_of_a_job_that_has_left_the_configuration(sized_job, cloud, dynamo, before):
    cloud.fault('dynamodb', 'stall', 'Scan', target='-drill-', wait=60)
    sized_job.ctl('drill', 'tampered')
    sized_job.wait(lambda: cloud.count('dynamodb', 'Scan') > 1, 'the scan of the scratch table')
    sized_job.signal(signal.SIGKILL)
    sized_job.child.wait()
    cloud.reset()
    sized_job.remove_job('tampered')
    sized_job.job('other')
    sized_job.start()
    sized_job.wait(lambda: tables(dynamo) == before, 'the table being deleted')


@pytest.mark.parametrize('how', ['cancel', 'stop'])
def test_no_table_stays_after_a_cancel_or_a_stop(sized_job, cloud, dynamo, before, how):
    cloud.fault('dynamodb', 'delay', 'Scan', target='-drill-', wait=5)
    sized_job.ctl('drill', 'tampered')
    sized_job.wait(lambda: cloud.count('dynamodb', 'Scan') > 1, 'the scan of the scratch table')
    if how == 'cancel':
        sized_job.ctl('cancel', 'tampered')
        sized_job.wait_journal('drill cancelled')
    else:
        sized_job.stop()
    assert tables(dynamo) == before
