# SPDX-License-Identifier: Apache-2.0
"""Verify: a good backup is good; one byte that changed anywhere in any stored object, an object that is gone, one too many are found and
named. So for DynamoDB's own exports, which have no backup.json."""
import base64
import gzip
import hashlib
import json
import random
import socket

import pytest
from backups import Backup
from conftest import ROLE, client

BOTH = 'dynamodb-json json'
EXPORT_ID = '01751767200123-0a1b2c3d'


def make(one, name, table, compression='gzip', formats=BOTH, **sections):
    one.job(name, Job={'Table': table}, Destination={'Format': formats, 'Compression': compression}, **sections)
    one.run(name)
    return name


def named(result):
    return {damage['object'] for damage in result['damages']}


def good(one, backup, **options):
    result = one.json('verify', backup, **options)
    assert result['result'] == 'good' and result['damages'] == [] and result['damages_left_out'] == 0
    return result


def bad(one, backup, **options):
    result = one.json('verify', backup, status=1, **options)
    assert result['result'] == 'damaged' and result['damages']
    return result


def objects_of(backup):
    return backup.keys + [entry['key'] for entry in (backup.output('json') or {'objects': []})['objects']]


@pytest.fixture
def on_ceph(setup, cloud, rgw):
    made = setup(s3=cloud.url['rgw'], endpoints={'STS': cloud.url['rgw']})
    made.ceph = client('s3', rgw['url'], rgw)
    made.role = {'RoleArn': rgw['role_arn']}
    return made


@pytest.mark.parametrize('compression', ['none', 'gzip', 'zstd'])
@pytest.mark.parametrize('formats', ['dynamodb-json', 'json', BOTH])
def test_a_good_backup_is_good(setup, small_table, formats, compression):
    one = setup()
    make(one, 'small', 'small', compression, formats)
    result = good(one, 'small@latest', local=True)
    assert result['items'] == len(small_table) and result['bytes'] > 0
    said = one.ctl('verify', 'small@latest', local=True).stdout
    assert 'good' in said and f'{len(small_table)} items' in said


@pytest.mark.parametrize('compression', ['none', 'gzip', 'zstd'])
def test_a_good_backup_on_ceph_is_good_and_a_byte_is_missed_nowhere(on_ceph, mixed_table, compression):
    make(on_ceph, 'mixed', 'mixed', compression, BOTH, Credentials=on_ceph.role)
    on_ceph.start()
    assert good(on_ceph, 'mixed@latest')['items'] == len(mixed_table)
    backup = Backup(on_ceph.ceph, 'student-backup', 'backups/mixed/')
    for key in objects_of(backup):
        whole = backup.body(key)
        changed = bytearray(whole)
        changed[len(whole) // 2] ^= 1
        meta = on_ceph.ceph.head_object(Bucket='student-backup', Key=key)['Metadata']
        on_ceph.ceph.put_object(Bucket='student-backup', Key=key, Body=bytes(changed), Metadata=meta)
        result = bad(on_ceph, f's3://student-backup/{backup.home}')
        assert result['damages'][0]['object'] == key
        assert named(result) == {key} or key.endswith('/backup.json')  # what it says of others may be wrong now
        on_ceph.ceph.put_object(Bucket='student-backup', Key=key, Body=whole, Metadata=meta)


def rot(cloud, key, at, xor=1):
    cloud.ask('/rot', {'bucket': 'student-backup', 'key': key, 'at': at, 'xor': xor})


@pytest.mark.core
@pytest.mark.parametrize('compression', ['none', 'gzip', 'zstd'])
def test_one_byte_that_rots_is_found_and_its_object_named(setup, cloud, s3, small_table, compression):
    """The first, the middle and the last byte of each object; S3 tells the old ETag all the while."""
    one = setup()
    make(one, 'small', 'small', compression)
    one.start()
    backup = Backup(s3, 'student-backup', 'backups/small/')
    keys = objects_of(backup)
    assert len(keys) == 8
    for key in keys:
        size = len(backup.body(key))
        for at in (0, size // 2, size - 1):
            rot(cloud, key, at)
            result = bad(one, f's3://student-backup/{backup.home}')
            assert named(result) == {key}, f'byte {at} of {key}: {result["damages"]}'
            if '/data/' in key or '/backup-' in key:
                assert result['damages'][0]['part'] == 1 and result['damages'][0]['first_line'] >= 1
            rot(cloud, key, at)
    good(one, backup.id)


def test_no_byte_of_the_small_files_is_left_unproven(setup, cloud, s3, small_table):
    """Every byte of the shorter ones, two hundred of backup.json: those that leave it JSON of the same shape too."""
    one = setup()
    make(one, 'small', 'small')
    one.start()
    backup = Backup(s3, 'student-backup', 'backups/small/')
    dice = random.Random(7)
    address, changed = f's3://student-backup/{backup.home}', 0
    for name in ('_started', 'manifest-summary.json', 'manifest-summary.checksum', 'manifest-files.json', 'manifest-files.checksum',
                 'backup.json'):
        key = backup.home + name
        size = len(backup.body(key))
        places = range(0, size, 5) if name != 'backup.json' else dice.sample(range(size), 150)
        for at in places:
            xor = dice.choice((1, 2, 4, 8, 32))
            rot(cloud, key, at, xor)
            result = bad(one, address)
            assert result['damages'][0]['object'] == key, f'byte {at} of {name}'
            if name == 'backup.json':  # what it says of others may be wrong now: it is the first to be named, and says so
                assert 'may follow from it' in result['damages'][0]['message']
            else:
                assert named(result) == {key}
            rot(cloud, key, at, xor)
            changed += 1
    print(f'\n{changed} single bytes changed, {changed} found and named')
    assert changed > 300
    good(one, address)


def test_digits_that_change_in_backup_json_are_found(setup, cloud, s3, small_table):
    """It stays JSON that makes sense: only its own seal tells."""
    one = setup()
    make(one, 'small', 'small')
    backup = Backup(s3, 'student-backup', 'backups/small/')
    text = backup.body(backup.home + 'backup.json')
    for member in (b'"pages":', b'"scanned_bytes":', b'"segments":', b'"ended":"20'):
        at = text.index(member) + len(member)
        rot(cloud, backup.home + 'backup.json', at, 1)
        damages = bad(one, backup.id, local=True)['damages']
        assert 'it is not what was written' in damages[0]['message']
        rot(cloud, backup.home + 'backup.json', at, 1)


def test_a_line_is_named(setup, cloud, s3, small_table):
    one = setup()
    make(one, 'small', 'small', 'none', BOTH)
    backup = Backup(s3, 'student-backup', 'backups/small/')
    data = backup.output('dynamodb-json')['objects'][0]['key']
    text = backup.body(data)
    at = [index for index, byte in enumerate(text) if byte == 10][41]  # behind the 42nd line
    rot(cloud, data, at + 1, 2)
    damages = bad(one, backup.id, local=True)['damages']
    assert {'object': data, 'part': 1, 'first_line': 43, 'last_line': 43} == {k: v for k, v in damages[0].items() if k != 'message'}
    assert any('CRC-32' in damage['message'] and damage['last_line'] == len(small_table) for damage in damages)
    said = one.ctl('verify', backup.id, local=True, status=1).stdout
    assert f'{data}: part 1, line 43: not the JSON of a line' in said and 'DAMAGED' in said
    rot(cloud, data, at + 1, 2)
    plain = backup.output('json')['objects'][0]['key']
    text = backup.body(plain)
    rot(cloud, plain, [index for index, byte in enumerate(text) if byte == 10][41] + 1, 2)
    damage = bad(one, backup.id, local=True)['damages'][0]
    assert damage['object'] == plain and damage['first_line'] == 43


def test_what_is_missing_or_too_much_is_named(setup, cloud, s3, small_table):
    one = setup()
    make(one, 'small', 'small')
    one.start()
    backup = Backup(s3, 'student-backup', 'backups/small/')
    address = f's3://student-backup/{backup.home}'
    for key in objects_of(backup):
        if key.endswith('backup.json'):
            continue
        whole, meta = backup.body(key), s3.head_object(Bucket='student-backup', Key=key)['Metadata']
        s3.delete_object(Bucket='student-backup', Key=key)
        damages = bad(one, address)['damages']
        assert [(damage['object'], damage['message']) for damage in damages] == [(key, 'the object is missing')]
        s3.put_object(Bucket='student-backup', Key=key, Body=whole, Metadata=meta)
    s3.put_object(Bucket='student-backup', Key=backup.home + 'data/00777.json.gz', Body=gzip.compress(b''))
    assert named(bad(one, address)) == {backup.home + 'data/00777.json.gz'}
    s3.delete_object(Bucket='student-backup', Key=backup.home + 'data/00777.json.gz')
    good(one, address)
    key = backup.home + 'backup.json'
    whole = backup.body(key)
    s3.put_object(Bucket='student-backup', Key=key, Body=whole[:-40])
    assert named(bad(one, address)) == {key}
    s3.delete_object(Bucket='student-backup', Key=key)
    assert 'no backup.json' in one.ctl('verify', address, status=1).stderr  # though its manifests are those of an export


def test_longer_and_shorter_objects_are_found(setup, s3, small_table):
    one = setup()
    make(one, 'small', 'small')
    one.start()
    backup = Backup(s3, 'student-backup', 'backups/small/')
    for key in objects_of(backup):
        whole, meta = backup.body(key), s3.head_object(Bucket='student-backup', Key=key)['Metadata']
        for body in (whole + b'x', whole[:-1], b''):
            s3.put_object(Bucket='student-backup', Key=key, Body=body, Metadata=meta)
            assert named(bad(one, f's3://student-backup/{backup.home}')) == {key}, f'{key} with {len(body)} bytes'
        s3.put_object(Bucket='student-backup', Key=key, Body=whole, Metadata=meta)


def test_a_multipart_object_has_its_part_named(setup, cloud, s3, medium_table):
    one = setup()
    make(one, 'medium', 'medium', 'none')
    backup = Backup(s3, 'student-backup', 'backups/medium/')
    entry = backup.output('json')['objects'][0]
    assert len(entry['parts']) >= 3
    for part in entry['parts']:
        at = part['offset'] + part['length'] // 2
        rot(cloud, entry['key'], at, 4)
        damages = bad(one, backup.id, local=True)['damages']
        assert {(damage['object'], damage['part']) for damage in damages} == {(entry['key'], part['number'])}
        before = sum(other['items'] for other in entry['parts'] if other['number'] < part['number'])
        assert any(damage['first_line'] == before + 2 and damage['last_line'] == before + 1 + part['items'] for damage in damages) or \
            any(before + 2 <= damage['first_line'] <= before + 1 + part['items'] for damage in damages)
        rot(cloud, entry['key'], at, 4)


# DynamoDB's own exports.
def b64md5(data):
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def export(s3, bucket, prefix, source, files=3, **more):
    """As ExportTableToPointInTime lays it out."""
    home, rows = f'{prefix}AWSDynamoDB/{EXPORT_ID}/', []

    def put(name, body):
        return s3.put_object(Bucket=bucket, Key=home + name, Body=body)

    for number in range(files):
        lines = [json.dumps({'Item': item}, default=lambda value: base64.b64encode(value).decode()) + '\n' for item in source[number::files]]
        body = gzip.compress(''.join(lines).encode())
        name = f'data/abcdefghijklmnop{number:04}.json.gz'
        etag = put(name, body)['ETag'].strip('"')
        rows.append({'itemCount': len(lines), 'md5Checksum': b64md5(body), 'etag': etag, 'dataFileS3Key': home + name})
    arn = 'arn:aws:dynamodb:us-east-1:123456789012:table/small'
    summary = {'version': '2020-06-30', 'exportArn': f'{arn}/export/{EXPORT_ID}', 'startTime': '2025-07-06T02:00:00.123Z',
               'endTime': '2025-07-06T02:05:00.000Z', 'tableArn': arn, 'tableId': 'a-b', 'exportTime': '2025-07-06T01:59:00.000Z',
               's3Bucket': bucket, 's3Prefix': prefix.rstrip('/'), 's3SseAlgorithm': 'AES256', 's3SseKmsKeyId': None,
               'manifestFilesS3Key': home + 'manifest-files.json', 'billedSizeBytes': 1, 'itemCount': len(source),
               'outputFormat': 'DYNAMODB_JSON', 'exportType': 'FULL_EXPORT', **more}
    manifest = ''.join(json.dumps(row) + '\n' for row in rows).encode()
    text = json.dumps(summary).encode()
    put('_started', b'')
    put('manifest-files.json', manifest)
    put('manifest-files.checksum', b64md5(manifest).encode())
    put('manifest-summary.json', text)
    put('manifest-summary.checksum', b64md5(text).encode())
    return f's3://{bucket}/{home}', rows, home


def test_an_export_of_dynamodb_is_good_or_named(setup, cloud, s3, small_table):
    one = setup()
    one.start()
    address, rows, home = export(s3, 'student-backup', 'exports/', small_table)
    result = good(one, address, environment={})
    assert result['items'] == len(small_table) and result['objects'] == 7
    for row in rows:
        size = s3.head_object(Bucket='student-backup', Key=row['dataFileS3Key'])['ContentLength']
        for at in (0, size // 2, size - 1):
            rot(cloud, row['dataFileS3Key'], at)
            assert named(bad(one, address)) == {row['dataFileS3Key']}
            rot(cloud, row['dataFileS3Key'], at)
    for name in ('manifest-files', 'manifest-summary'):
        rot(cloud, f'{home}{name}.checksum', 3)
        damage, = bad(one, address)['damages']
        assert f'{name}.json' in damage['message'] and damage['object'] == f'{home}{name}.checksum'
        rot(cloud, f'{home}{name}.checksum', 3)
    s3.put_object(Bucket='student-backup', Key=home + 'data/stray.json.gz', Body=b'x')
    assert named(bad(one, address)) == {home + 'data/stray.json.gz'}
    s3.delete_object(Bucket='student-backup', Key=home + 'data/stray.json.gz')
    s3.delete_object(Bucket='student-backup', Key=rows[1]['dataFileS3Key'])
    assert [(one['object'], one['message']) for one in bad(one, address)['damages']] == [(rows[1]['dataFileS3Key'], 'the object is missing')]


def test_what_is_no_full_export_in_json_is_refused_by_name(setup, s3, small_table):
    one = setup()
    one.start()
    for more, words in (({'exportType': 'INCREMENTAL_EXPORT', 'version': '2023-08-01'}, 'incremental'),
                        ({'outputFormat': 'ION'}, 'ION')):
        address, _, _ = export(s3, 'student-backup', 'exports/', small_table, **more)
        said = one.ctl('verify', address, status=1).stderr
        assert words in said and 'manifest-summary.json' in said


def test_an_address_needs_no_configuration(setup, cloud, s3, small_table):
    """No file anywhere: endpoints and keys from the environment, as the SDKs have them."""
    one = setup(environment={'AWS_ENDPOINT_URL_S3': cloud.url['s3'], 'AWS_ENDPOINT_URL_STS': cloud.url['sts']})
    make(one, 'small', 'small')
    backup = Backup(s3, 'student-backup', 'backups/small/')
    one.conf.unlink()
    address = f's3://student-backup/{backup.home}'
    options = {'local': True, 'config': False}
    result = json.loads(one.ctl('verify', address, '--region', 'us-east-1', '--json', **options).stdout)
    assert result['result'] == 'good' and result['items'] == len(small_table)
    assert backup.id in one.ctl('show', address, '--region', 'us-east-1', **options).stdout
    assert 'X-Amz-Signature=' in one.ctl('link', address, '--region', 'us-east-1', **options).stdout
    exported, _, _ = export(s3, 'student-backup', 'exports/', small_table)
    assert 'ExportTableToPointInTime' in one.ctl('show', exported, '--region', 'us-east-1', **options).stdout
    assert 'X-Amz-Signature=' in one.ctl('link', exported, '--region', 'us-east-1', **options).stdout
    assert 'region' in one.ctl('verify', address, status=1, **options).stderr


def test_an_address_is_read_under_another_role(setup, cloud, s3, small_table):
    one = setup()
    make(one, 'small', 'small')
    backup = Backup(s3, 'student-backup', 'backups/small/')
    before = cloud.count('sts', 'AssumeRole')
    result = one.json('verify', f's3://student-backup/{backup.home}', '--region', 'us-east-1', '--role-arn', ROLE, local=True)
    assert result['result'] == 'good' and cloud.count('sts', 'AssumeRole') == before + 1


def test_a_client_that_goes_away_ends_its_verify(setup, cloud, s3, small_table):
    one = setup()
    make(one, 'small', 'small')
    one.start()
    cloud.fault('s3', 'stall', 'GetObject', at='before', wait=5, skip=2)  # behind the list's and the record's
    with socket.socket(socket.AF_UNIX) as client_socket:
        client_socket.connect(str(one.root / 'run' / 'control.sock'))
        call = {'method': 'io.dynamodb_backup.Verify', 'parameters': {'backup': 'small@latest'}, 'more': True}
        client_socket.sendall(json.dumps(call).encode() + b'\0')
        told = json.loads(client_socket.recv(65536).split(b'\0')[0])
        assert told['continues'] and told['parameters']['progress']['state'] in ('list', 'files', 'data')
    cloud.reset()
    good(one, 'small@latest')


def test_what_cannot_be_read_is_no_damage(setup, cloud, s3, small_table):
    one = setup()
    make(one, 'small', 'small')
    backup = Backup(s3, 'student-backup', 'backups/small/')
    cloud.fault('s3', 'deny', 'GetObject', target='data/')
    said = one.ctl('verify', backup.id, local=True, status=1)
    assert 'AccessDenied' in said.stderr and 'DAMAGED' not in said.stdout
