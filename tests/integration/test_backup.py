# SPDX-License-Identifier: Apache-2.0
"""The main job: what stands in DynamoDB comes back out of S3 exactly, in every format, however many segments scan it."""
import json
import os
import subprocess
import time

import pytest
from backups import Backup, Number, all_keys, nothing_left, uploads
from conftest import client
from items import assert_same_plain, assert_same_typed, create_table, fill, make, nested

BOTH = 'dynamodb-json json'
MIB = 1 << 20


def compare(backup, source):
    if 'dynamodb-json' in backup.formats:
        assert_same_typed(source, backup.typed())
    if 'json' in backup.formats:
        assert_same_plain(source, backup.plain())


@pytest.fixture
def on_ceph(setup, cloud, rgw):
    """The daemon against Ceph RGW, its credentials from RGW's own AssumeRole."""
    made = setup(s3=cloud.url['rgw'], endpoints={'STS': cloud.url['rgw']})
    made.ceph = client('s3', rgw['url'], rgw)
    made.role = rgw['role_arn']
    return made


@pytest.mark.parametrize('segments', [1, 4, 16])
@pytest.mark.parametrize('formats', ['dynamodb-json', 'json', BOTH])
def test_every_type_comes_back_exactly(on_ceph, mixed_table, formats, segments):
    name = f'studentData-{segments}-{len(formats)}'
    on_ceph.job(name, Job={'Table': 'mixed'}, Credentials={'RoleArn': on_ceph.role}, Scan={'Segments': segments},
                Destination={'Format': formats})
    on_ceph.start()
    on_ceph.run(name, local=False)
    backup = Backup(on_ceph.ceph, 'student-backup', f'backups/{name}/')
    assert backup.formats == set(formats.split()) and backup.record['segments'] == segments
    compare(backup, mixed_table)
    assert uploads(on_ceph.ceph, 'student-backup') == []
    assert backup.id in on_ceph.ctl('list', name).stdout


@pytest.fixture(scope='module')
def large_backup(whole_cloud, base, large_table):
    """One run over 200 MB, 4 segments, both formats, by the daemon; its peak memory; kept for the tests below."""
    from daemon import Setup
    whole_cloud.reset()
    made = Setup(whole_cloud, base)
    made.job('large', Scan={'Segments': 4}, Destination={'Format': BOTH})
    made.start()
    made.run('large', local=False, timeout=600)
    with open(f'/proc/{made.child.pid}/status', encoding='ascii') as file:
        peak = next(int(line.split()[1]) for line in file if line.startswith('VmHWM'))
    scans = whole_cloud.most_at_once('dynamodb', 'Scan')
    made.close()
    s3 = client('s3', whole_cloud.url['s3'])
    yield Backup(s3, 'student-backup', 'backups/large/'), peak, scans
    for key in all_keys(s3, 'student-backup', 'backups/large/'):
        s3.delete_object(Bucket='student-backup', Key=key)


@pytest.mark.slow
def test_memory_stays_bounded_over_200_mb(large_backup):
    _, peak, scans = large_backup
    print(f'\npeak RSS over 200 MB, 4 segments, both formats: {peak / 1024:.1f} MiB; Scans at once: {scans}')
    assert peak < 100 * 1024 and 2 <= scans <= 4


@pytest.mark.slow
def test_a_large_table_comes_back_in_files_and_parts(large_backup, large_table):
    backup, _, _ = large_backup
    assert len(backup.output('dynamodb-json')['objects']) >= 5
    assert sum(len(one['parts']) for one in backup.output('json')['objects']) >= 20
    assert len(backup.output('json')['objects']) == 1
    compare(backup, large_table)


@pytest.mark.slow
def test_at_each_cut_both_outputs_hold_the_same_items(large_backup):
    backup, _, _ = large_backup
    typed, plain = backup.parts_items('dynamodb-json'), backup.parts_items('json')
    cuts = backup.record['cuts']
    assert len(cuts) >= 3
    for cut in cuts:
        ours = [one for part in typed[:cut['parts']['dynamodb-json']] for one in part]
        theirs = [one for part in plain[:cut['parts']['json']] for one in part]
        assert len(ours) == len(theirs) == cut['items'] and sorted(ours) == sorted(theirs)
    assert cuts[-1]['items'] <= backup.record['items']


@pytest.mark.core
def test_a_small_table_makes_one_put_an_object_and_no_upload(setup, cloud, s3, small_table):
    one = setup()
    one.job('small', Destination={'Format': BOTH})
    one.run('small')
    backup = Backup(s3, 'student-backup', 'backups/small/')
    compare(backup, small_table)
    assert cloud.count('s3', 'CreateMultipartUpload') == 0
    assert len(backup.output('dynamodb-json')['objects']) == len(backup.output('json')['objects']) == 1
    started = json.loads(backup.body(backup.home + '_started'))
    assert started['software'].startswith('dynamodb-backupd') and started['job'] == 'small' and started['run'] == backup.record['run']


def test_numbers_stand_verbatim_in_plain_json(setup, s3, dynamo):
    numbers = ['12345678901234567890123456789012345678', '1E-130', '-0.00010', '3.1400', '9.9E+125', '0']
    fill(dynamo, 'numbers', [{'id': {'S': str(n)}, 'n': {'N': text}} for n, text in enumerate(numbers)])
    one = setup()
    one.job('numbers', Destination={'Format': BOTH})
    one.run('numbers')
    backup = Backup(s3, 'student-backup', 'backups/numbers/')
    typed = {item['id']['S']: item['n']['N'] for item in backup.typed()}
    plain = {item['id']: item['n'] for item in backup.plain(verbatim=True)}
    assert typed == plain and all(isinstance(value, Number) for value in plain.values())


@pytest.mark.core
def test_an_empty_table_makes_a_valid_empty_backup(setup, s3, dynamo):
    create_table(dynamo, 'empty-table')
    one = setup()
    one.job('empty-table', Destination={'Format': BOTH})
    one.run('empty-table')
    backup = Backup(s3, 'student-backup', 'backups/empty-table/')
    assert backup.typed() == [] and backup.plain() == [] and backup.record['items'] == 0
    assert len(backup.output('dynamodb-json')['objects']) == 1


def test_compression_as_asked(setup, s3, small_table):
    one = setup()
    for compression, typed, plain in (('gzip', '.json.gz', '.json.gz'), ('none', '.json', '.json')):
        one.job(compression, Job={'Table': 'small'}, Destination={'Format': BOTH, 'Compression': compression})
        one.run(compression)
        backup = Backup(s3, 'student-backup', f'backups/{compression}/')
        assert backup.output('dynamodb-json')['objects'][0]['key'].endswith('00000' + typed) or \
            backup.output('dynamodb-json')['objects'][0]['key'].endswith('00001' + typed)
        assert backup.output('json')['objects'][0]['key'].endswith(plain)
        compare(backup, small_table)


def test_every_object_carries_what_the_job_says(setup, cloud, s3, small_table):
    one = setup()
    one.job('dressed', Job={'Table': 'small'}, Destination={
        'Format': BOTH, 'StorageClass': 'STANDARD_IA', 'KmsKeyId': 'alias/backup', 'ExpectedBucketOwner': '123456789012',
        'Tags': ['team=registrar', 'năm=hai nghìn']})
    one.run('dressed')
    objects = {key: what for key, what in cloud.ask('/objects/student-backup').items() if key.startswith('backups/dressed/')}
    record = Backup(s3, 'student-backup', 'backups/dressed/').record
    assert len(objects) >= 8
    for key, what in objects.items():
        headers = what['headers']
        assert headers['x-amz-meta-run'] == record['run'], key
        assert headers['x-amz-server-side-encryption-aws-kms-key-id'] == 'alias/backup', key
        assert 'content-encoding' not in headers and headers['content-type'], key
    data = [what for key, what in objects.items() if '/data/' in key or '/backup-' in key]
    assert data and all(what['headers']['x-amz-storage-class'] == 'STANDARD_IA' for what in data)
    tags = s3.get_object_tagging(Bucket='student-backup', Key=record['outputs'][0]['objects'][0]['key'])['TagSet']
    assert {tag['Key']: tag['Value'] for tag in tags} == {'team': 'registrar', 'năm': 'hai nghìn'}


@pytest.mark.parametrize('mode', ['ignore', 501])
def test_stores_that_do_not_know_create_only(setup, cloud, s3, small_table, mode):
    cloud.bucket(f'other-store-{mode}', create_only=mode)
    one = setup()
    one.job('small', Destination={'Bucket': f'other-store-{mode}', 'Format': BOTH})
    one.run('small')
    compare(Backup(s3, f'other-store-{mode}', 'backups/small/'), small_table)


def test_a_dotted_bucket(setup, s3, small_table):
    one = setup()
    one.job('small', Destination={'Bucket': 'dotted.bucket.name'})
    one.run('small')
    compare(Backup(s3, 'dotted.bucket.name', 'backups/small/'), small_table)


def test_aws_cli_reads_the_objects(setup, cloud, s3, small_table, tmp_path):
    one = setup()
    one.job('small', Job={'Table': 'small'}, Destination={'Format': BOTH, 'Prefix': 'cli/'})
    one.run('small')
    backup = Backup(s3, 'student-backup', 'cli/')
    environment = {**os.environ, 'AWS_ACCESS_KEY_ID': 'AKIAHOST000000000000', 'AWS_DEFAULT_REGION': 'us-east-1',
                   'AWS_SECRET_ACCESS_KEY': 'host-secret-host-secret-host-secret-0000'}
    aws = ['/usr/bin/aws', '--endpoint-url', cloud.url['s3']]
    listed = subprocess.run([*aws, 's3', 'ls', '--recursive', 's3://student-backup/cli/'], env=environment, check=True,
                            capture_output=True, text=True).stdout
    assert backup.home + 'backup.json' in listed
    key = backup.output('json')['objects'][0]['key']
    subprocess.run([*aws, 's3', 'cp', '--quiet', f's3://student-backup/{key}', tmp_path / 'plain.json'], env=environment, check=True)
    assert len(json.loads((tmp_path / 'plain.json').read_text())) == len(small_table)


# What a scan meets on its way.
def test_a_page_without_items_is_not_the_end(setup, cloud, s3, small_table):
    one = setup()
    one.job('small', Scan={'Segments': 1})
    cloud.fault('dynamodb', 'empty-page', 'Scan', count=3)
    one.run('small')
    assert cloud.count('dynamodb', 'Scan') >= 4
    compare(Backup(s3, 'student-backup', 'backups/small/'), small_table)


# ReadCapacity=, by DynamoDB Local's own ConsumedCapacity.
def provisioned(dynamo, name, read_units, items):
    dynamo.create_table(TableName=name, KeySchema=[{'AttributeName': 'id', 'KeyType': 'HASH'}],
                        AttributeDefinitions=[{'AttributeName': 'id', 'AttributeType': 'S'}],
                        ProvisionedThroughput={'ReadCapacityUnits': read_units, 'WriteCapacityUnits': 1000})
    for at in range(0, len(items), 25):
        left = dynamo.batch_write_item(RequestItems={name: [{'PutRequest': {'Item': item}} for item in items[at:at + 25]]})
        assert not left['UnprocessedItems']


@pytest.mark.parametrize('segments', [1, 4])
def test_a_share_of_the_provisioned_read_capacity(setup, cloud, dynamo, s3, segments):
    name, share = f'paced{segments}', 20
    items = [{'id': {'S': f'i{i}'}, 'pad': {'S': 'x' * 1000}} for i in range(600)]
    provisioned(dynamo, name, 4 * share, items)
    one = setup()
    one.job(name, Scan={'Segments': segments, 'ReadCapacity': '25%'})
    one.start()
    began = time.monotonic()
    one.ctl('run', name)
    one.wait(lambda: f'at most {share} read units/s' in one.ctl('status', name).stdout, 'the pace in status')
    one.wait(lambda: any(key.endswith('backup.json') for key in all_keys(s3, 'student-backup', f'backups/{name}/')), 'the backup')
    took, backup = time.monotonic() - began, Backup(s3, 'student-backup', f'backups/{name}/')
    compare(backup, items)
    units = backup.record['read_units']
    assert units >= 75, '600 KB are 75 units'
    # A second is saved up at the beginning, and the last page of each segment is not waited for.
    assert took >= (units - share - segments * share) / share
    assert cloud.count('dynamodb', 'Scan') >= units / (share * 1.5), 'pages of a second each'
    dynamo.delete_table(TableName=name)


def test_a_share_of_a_table_on_demand_is_said_to_be_none(setup, s3, small_table):
    one = setup()
    one.job('small', Scan={'ReadCapacity': '25%'})
    one.start()
    one.run('small', local=False)
    compare(Backup(s3, 'student-backup', 'backups/small/'), small_table)
    assert 'ReadCapacity=25%: table small is on demand' in one.journal()
    assert 'ReadCapacity=25%: table small is on demand' in one.ctl('history', 'small').stdout


@pytest.mark.parametrize('fault', ['throttle', '500', '503', 'close', 'close-mid', 'reset', 'crc', 'corrupt', 'truncate', 'malformed'])
def test_a_scan_recovers_from(setup, cloud, s3, small_table, fault):
    one = setup()
    one.job('small', Scan={'Segments': 4})
    rules = {'500': ('error', {'status': 500, 'code': 'InternalServerError'}), 'close-mid': ('close', {'at': 'mid'}),
             '503': ('error', {'status': 503, 'code': 'ServiceUnavailable'})}
    action, more = rules.get(fault, (fault, {}))
    cloud.fault('dynamodb', action, 'Scan', count=3, **more)
    one.run('small')
    assert sum(rule['hits'] for rule in cloud.ask('/faults')) == 3
    compare(Backup(s3, 'student-backup', 'backups/small/'), small_table)


@pytest.mark.parametrize('operation', ['PutObject', 'CreateMultipartUpload', 'UploadPart', 'CompleteMultipartUpload'])
@pytest.mark.parametrize('fault', ['503', 'close', 'lost'])
def test_an_upload_recovers_from(setup, cloud, s3, medium_table, operation, fault):
    name = f'medium-{operation}-{fault}'
    one = setup()
    one.job(name, Job={'Table': 'medium'}, Destination={'Format': BOTH})
    action, more = {'503': ('error', {'status': 503, 'code': 'SlowDown'})}.get(fault, (fault, {}))
    cloud.fault('s3', action, operation, count=1, **more)
    one.run(name)
    assert cloud.ask('/faults')[0]['hits'] == 1
    backup = Backup(s3, 'student-backup', f'backups/{name}/')
    compare(backup, medium_table)
    assert uploads(s3, 'student-backup', f'backups/{name}/') == []
    assert {key for key in all_keys(s3, 'student-backup', f'backups/{name}/') if not key.startswith(backup.home)} == \
        {entry['key'] for entry in backup.output('json')['objects']}


@pytest.mark.parametrize('where', ['Scan', 'UploadPart', 'CompleteMultipartUpload', 'PutObject'])
def test_a_final_failure_leaves_nothing(setup, cloud, s3, medium_table, where):
    name = f'denied-{where}'
    one = setup()
    one.job(name, Job={'Table': 'medium'}, Destination={'Format': BOTH})
    cloud.fault('dynamodb' if where == 'Scan' else 's3', 'deny', where, skip=2 if where in ('Scan', 'PutObject', 'UploadPart') else 0)
    done = one.run(name, status=1)
    assert 'AccessDenied' in done.stderr + done.stdout
    nothing_left(s3, 'student-backup', f'backups/{name}/')


# What DynamoDB can hold at most.
def test_a_page_of_7_mb(setup, s3, dynamo):
    source = [{'id': {'S': str(n)}, 'nothing': {'L': [{'NULL': True}] * 190000}} for n in range(6)]
    fill(dynamo, 'nulls', source)
    one = setup()
    one.job('nulls', Destination={'Format': BOTH})
    one.run('nulls')
    compare(Backup(s3, 'student-backup', 'backups/nulls/'), source)


def test_400_kb_items_and_32_levels(setup, s3, dynamo):
    source = make(11, seed=4) + [{'id': {'S': f'x{n}'}, 'deep': nested(32)} for n in range(50)]
    fill(dynamo, 'limits', source)
    one = setup()
    one.job('limits', Destination={'Format': BOTH}, Scan={'Segments': 3})
    one.run('limits')
    backup = Backup(s3, 'student-backup', 'backups/limits/')
    compare(backup, source)
    counted = {kind: sum(count_kind({'M': item}, kind) for item in source) for kind in ('B', 'SS', 'NS', 'BS')}
    assert backup.record['types'] == counted


def count_kind(typed, kind):
    (own, inner), = typed.items()
    below = inner.values() if own == 'M' else inner if own == 'L' else ()
    return (own == kind) + sum(count_kind(one, kind) for one in below)
