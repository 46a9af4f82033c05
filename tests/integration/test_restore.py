# SPDX-License-Identifier: Apache-2.0
"""Restore: what was backed up stands in a table again, exactly, whatever comes in between; tables that must not be touched are not;
a table that is made again is the table it was."""
import base64
import gzip
import json
import re
import signal
import subprocess
import time

import pytest
from backups import Backup, md5
from conftest import client, role
from daemon import BUILD
from items import create_table, drop, fill, make, python_of, sized

BOTH = 'dynamodb-json json'
VOLATILE = {'CreationDateTime', 'TableArn', 'TableId', 'TableName', 'IndexArn', 'ItemCount', 'TableSizeBytes', 'IndexSizeBytes',
            'LatestStreamArn', 'LatestStreamLabel', 'LastUpdateToPayPerRequestDateTime', 'NumberOfDecreasesToday', 'LastIncreaseDateTime',
            'LastDecreaseDateTime'}


def scan(dynamo, table):
    """Every item of a table as boto3 gives it to programs, by id; numbers as decimals, sets as sets."""
    out, threads = {}, 4
    for segment in range(threads):
        for page in dynamo.get_paginator('scan').paginate(TableName=table, Segment=segment, TotalSegments=threads):
            for item in page['Items']:
                key = tuple(python_of(item)[name] for name in ('id', 'at') if name in item)
                assert key not in out
                out[key] = python_of(item)
    return out


def source_of(items):
    return {tuple(python_of(item)[name] for name in ('id', 'at') if name in item): python_of(item) for item in items}


def assert_table(dynamo, table, items):
    got, wanted = scan(dynamo, table), source_of(items)
    assert len(got) == len(wanted), f'{table} holds {len(got)} items, not {len(wanted)}'
    for key, item in wanted.items():
        assert got[key] == item, f'{key!r} came back changed'


def backed_up(setup, table, job=None, **sections):
    job = job or table
    made = setup()
    made.job(job, Job={'Table': table}, **sections)
    made.run(job)
    return made


def restore(made, backup, table, *more, **options):
    return made.json('restore', backup, '--table', table, *more, local=True, timeout=600, **options)


def writes(cloud):
    return cloud.count('dynamodb', 'BatchWriteItem')


# Items.
@pytest.mark.slow
def test_50000_items_of_every_type_come_back_with_a_third_unprocessed(setup, cloud, dynamo, mixed_table, fresh):
    made = backed_up(setup, 'mixed', Scan={'Segments': 4})
    cloud.fault('dynamodb', 'unprocessed', 'BatchWriteItem', share=0.3)
    result = restore(made, 'mixed@latest', fresh, '--create')
    assert result['result'] == 'success' and result['items'] == 50000 and result['created'] and result['items_before'] == 0
    assert result['table'] == fresh and result['table_arn'].endswith(f'table/{fresh}') and result['write_units'] > 0
    assert_table(dynamo, fresh, mixed_table)
    calls = writes(cloud)
    assert calls > 2000 * 1.25, f'{calls} calls of 25 items for 50,000 items: too little was given back'


@pytest.mark.core
@pytest.mark.parametrize('compression', ['gzip', 'zstd', 'none'])
def test_small_table_comes_back(setup, dynamo, small_table, fresh, compression):
    made = backed_up(setup, 'small', Destination={'Compression': compression})
    done = made.ctl('restore', 'small@latest', '--table', fresh, '--create', local=True)
    assert re.search(rf'^{fresh}: success: 500 items, .* in ', done.stdout, re.M)
    assert_table(dynamo, fresh, small_table)


def plain_items(count):
    """Items that plain json keeps exactly: no B, SS, NS, BS."""
    return [{'id': {'S': f'{n:05}'}, 'n': {'N': str(n * 1000)}, 'm': {'M': {'ok': {'BOOL': n % 2 == 0}, 'nil': {'NULL': True}}},
             'l': {'L': [{'S': 'Đặng "x"\n'}, {'N': '-1.5'}]}, 'e': {'S': ''}} for n in range(count)]


@pytest.mark.parametrize('compression', ['none', 'gzip'])
def test_plain_json_restores_where_it_is_exact(setup, dynamo, fresh, compression):
    drop(dynamo, 'plain')
    items = fill(dynamo, 'plain', plain_items(700))
    made = backed_up(setup, 'plain', Destination={'Format': 'json', 'Compression': compression})
    result = restore(made, 'plain@latest', fresh, '--create')
    assert result['items'] == 700
    assert_table(dynamo, fresh, items)


def test_plain_json_with_sets_is_refused_with_its_counts(setup, cloud, dynamo, small_table, fresh):
    made = backed_up(setup, 'small', Destination={'Format': 'json'})
    done = made.ctl('restore', 'small@latest', '--table', fresh, '--create', local=True, status=1)
    assert re.search(r'json', done.stdout + done.stderr) and re.search(r'\d+ .*(BS|NS|SS)', done.stdout + done.stderr)
    assert fresh not in dynamo.list_tables()['TableNames'] and writes(cloud) == 0


# Backups that no job of this host made.
EXPORT = 'exports/AWSDynamoDB/01700000000000-aabbccdd/'


def to_wire(typed):
    (kind, inner), = typed.items()
    wired = {'B': lambda: base64.b64encode(inner).decode(), 'BS': lambda: [base64.b64encode(one).decode() for one in inner],
             'M': lambda: {name: to_wire(one) for name, one in inner.items()}, 'L': lambda: [to_wire(one) for one in inner]}
    return {kind: wired[kind]() if kind in wired else inner}


def export(s3, bucket, items, home=EXPORT, files=3, **summary):
    """The objects of DynamoDB's own ExportTableToPointInTime (a full export), as its documentation describes them."""
    rows = []
    for number in range(files):
        mine = items[number::files]
        body = gzip.compress(''.join(json.dumps({'Item': {name: to_wire(value) for name, value in item.items()}}) + '\n'
                                     for item in mine).encode())
        key = f'{home}data/{"abcdefghijklmnopqrstuvwxyz"[number] * 26}.json.gz'
        etag = s3.put_object(Bucket=bucket, Key=key, Body=body)['ETag'].strip('"')
        rows.append({'itemCount': len(mine), 'md5Checksum': md5(body), 'etag': etag, 'dataFileS3Key': key})
    manifest = ''.join(json.dumps(row) + '\n' for row in rows).encode()
    arn = 'arn:aws:dynamodb:us-east-1:123456789012:table/exported'
    text = json.dumps({'version': '2020-06-30', 'exportArn': f'{arn}/export/{home.split("/")[-2]}', 'startTime': '2023-11-14T22:13:20.000Z',
                       'endTime': '2023-11-14T22:20:00.000Z', 'tableArn': arn, 'tableId': '11111111-2222-3333-4444-555555555555',
                       'exportTime': '2023-11-14T22:13:20.000Z', 's3Bucket': bucket, 's3Prefix': 'exports', 's3SseAlgorithm': 'AES256',
                       's3SseKmsKeyId': None, 'manifestFilesS3Key': home + 'manifest-files.json', 'billedSizeBytes': 1000,
                       'itemCount': len(items), 'outputFormat': 'DYNAMODB_JSON', 'exportType': 'FULL_EXPORT', **summary}).encode()
    s3.put_object(Bucket=bucket, Key=home + '_started', Body=b'')
    for name, body in (('manifest-files', manifest), ('manifest-summary', text)):
        s3.put_object(Bucket=bucket, Key=f'{home}{name}.json', Body=body)
        s3.put_object(Bucket=bucket, Key=f'{home}{name}.checksum', Body=md5(body).encode())
    return f's3://{bucket}/{home}'


def test_export_by_dynamodb_restores(setup, cloud, s3, dynamo, fresh):
    items = make(400, seed=11, specials=False)
    address = export(s3, 'student-backup', items)
    made = setup()  # no job at all
    done = made.ctl('restore', address, '--table', fresh, '--create', '--region', 'us-east-1', local=True, status=1)
    assert 'holds no definition' in done.stdout and fresh not in dynamo.list_tables()['TableNames']
    create_table(dynamo, fresh)
    result = restore(made, address, fresh, '--region', 'us-east-1')
    assert result['items'] == 400 and not result['created']
    assert_table(dynamo, fresh, items)


def test_incremental_export_is_refused_by_name(setup, s3, dynamo, fresh):
    address = export(s3, 'student-backup', make(3, seed=1, specials=False), exportType='INCREMENTAL_EXPORT', version='2023-08-01')
    done = setup().ctl('restore', address, '--table', fresh, '--region', 'us-east-1', local=True, status=1)
    assert 'incremental' in (done.stdout + done.stderr).lower()


def test_address_of_another_host_needs_no_job_file(setup, cloud, dynamo, small_table, fresh):
    there = backed_up(setup, 'small')
    uri = there.json('list', 'small', local=True)['backups'][-1]['uri']
    here = setup()
    result = restore(here, uri, fresh, '--create', '--region', 'us-east-1', '--role-arn', role('BucketWriter'))
    assert result['items'] == 500 and result['source'] == uri
    assert_table(dynamo, fresh, small_table)
    assert {seen['by'].split('/')[1] for seen in cloud.seen('dynamodb') if seen['operation'] == 'BatchWriteItem'} == {'BucketWriter'}


def test_plain_array_that_nothing_describes(setup, s3, dynamo, fresh):
    items = plain_items(120)
    create_table(dynamo, fresh)
    body = json.dumps([{'id': item['id']['S'], 'n': 7.5, 'l': [None, True, {'a': []}]} for item in items])
    s3.put_object(Bucket='student-backup', Key='mails/studentData.json', Body=body.encode())
    made, address = setup(), 's3://student-backup/mails/studentData.json'
    done = made.ctl('restore', address, '--table', fresh, '--region', 'us-east-1', local=True, status=1)
    assert scan(dynamo, fresh) == {} and done.stderr
    result = restore(made, address, fresh, '--region', 'us-east-1', '--assume-plain')
    assert result['items'] == 120
    assert_table(dynamo, fresh, [{'id': item['id'], 'n': {'N': '7.5'}, 'l': {'L': [{'NULL': True}, {'BOOL': True}, {'M': {'a': {'L': []}}}]}}
                                 for item in items])


def test_damaged_backup_is_refused_and_named(setup, s3, dynamo, small_table, fresh):
    made = backed_up(setup, 'small')
    key = Backup(s3, 'student-backup', 'backups/small/').output('dynamodb-json')['objects'][0]['key']
    body = bytearray(s3.get_object(Bucket='student-backup', Key=key)['Body'].read())
    body[len(body) // 2] ^= 1
    s3.put_object(Bucket='student-backup', Key=key, Body=bytes(body))
    done = made.ctl('restore', 'small@latest', '--table', fresh, '--create', local=True, status=1)
    assert key in done.stdout


@pytest.mark.parametrize('compression', ['none', 'gzip'])
def test_damaged_part_replaces_nothing_good(setup, cloud, s3, dynamo, fresh, compression):
    """The part's checksum stands at its end, and by then more than a batch of it has been decoded: nothing of it may have been written."""
    items = fill(dynamo, fresh, [{'id': {'S': f'{n:05}'}, 'grade': {'S': 'AAAAAAAA'}, 'pad': {'S': 'p' * 400}} for n in range(6000)])
    made = backed_up(setup, fresh, Destination={'Compression': compression})
    backup = Backup(s3, 'student-backup', f'backups/{fresh}/')
    key = backup.output('dynamodb-json')['objects'][0]['key']
    body = bytearray(backup.body(key))
    if compression == 'none':
        body[body.index(b'AAAAAAAA')] = ord('F')
    else:
        body[-6] ^= 1  # the last member's own CRC
    s3.put_object(Bucket='student-backup', Key=key, Body=bytes(body), Metadata={'run': backup.record['run']})
    done = made.ctl('restore', backup.id, '--table', fresh, '--overwrite', local=True, status=1)
    assert f'{key}: part 1: the CRC-32 of its stored bytes is' in done.stdout and 'may stand' not in done.stdout
    assert writes(cloud) == 0
    assert_table(dynamo, fresh, items)


def test_damaged_export_replaces_nothing_good_and_is_told_where_it_may_stand(setup, cloud, s3, dynamo, fresh):
    """A file of DynamoDB's own that is larger than BufferMemory holds is read twice where it could replace something; else the error says
    that wrong items may stand in the table."""
    items = sized(6000, 1500, seed=3)
    address = export(s3, 'student-backup', items, files=1)
    key = EXPORT + 'data/' + 'a' * 26 + '.json.gz'
    body = bytearray(s3.get_object(Bucket='student-backup', Key=key)['Body'].read())
    body[-6] ^= 1
    s3.put_object(Bucket='student-backup', Key=key, Body=bytes(body))
    create_table(dynamo, fresh)
    made, another = setup(daemon={'BufferMemory': '19M'}), setup(daemon={'BufferMemory': '19M'})
    done = made.ctl('restore', address, '--table', fresh, '--overwrite', '--region', 'us-east-1', local=True, status=1)
    assert f'{key}: part 1: the MD5 of its stored bytes is' in done.stdout and 'may stand' not in done.stdout
    assert writes(cloud) == 0
    done = another.ctl('restore', address, '--table', fresh, '--region', 'us-east-1', local=True, status=1)
    assert f'{key}: part 1: ' in done.stdout and 'wrong ones may stand in the table' in done.stdout
    assert writes(cloud) > 0


# Tables that must not be touched.
def test_table_that_holds_something_is_refused_unless_told(setup, cloud, dynamo, small_table, fresh):
    made = backed_up(setup, 'small')
    stays, replaced = {'id': {'S': 'stays'}, 'x': {'N': '1'}}, {'id': small_table[0]['id'], 'x': {'S': 'old'}}
    fill(dynamo, fresh, [stays, replaced])
    before = writes(cloud)
    done = made.ctl('restore', 'small@latest', '--table', fresh, local=True, status=1)
    assert 'not empty' in done.stdout and '--overwrite' in done.stdout
    done = made.ctl('restore', 'small@latest', '--table', fresh, '--create', local=True, status=1)
    assert 'not empty' in done.stdout and writes(cloud) == before
    assert_table(dynamo, fresh, [stays, replaced])
    result = restore(made, 'small@latest', fresh, '--overwrite')
    assert result['items'] == 500 and not result['created']
    assert_table(dynamo, fresh, small_table + [stays])


def test_table_with_another_key_is_refused(setup, cloud, dynamo, small_table, fresh):
    made = backed_up(setup, 'small')
    create_table(dynamo, fresh, KeySchema=[{'AttributeName': 'id', 'KeyType': 'HASH'}, {'AttributeName': 'at', 'KeyType': 'RANGE'}],
                 AttributeDefinitions=[{'AttributeName': 'id', 'AttributeType': 'S'}, {'AttributeName': 'at', 'AttributeType': 'N'}])
    done = made.ctl('restore', 'small@latest', '--table', fresh, local=True, status=1)
    assert "its key is id (S), at (N), the backup's is id (S)" in done.stdout and writes(cloud) == 0
    done = made.ctl('restore', 'small@latest', '--table', fresh, '--overwrite', local=True, status=1)
    assert 'lacks the key\'s attribute "at"' in done.stdout and scan(dynamo, fresh) == {}


def test_table_that_does_not_exist_is_made_only_if_asked(setup, dynamo, small_table, fresh):
    made = backed_up(setup, 'small')
    done = made.ctl('restore', 'small@latest', '--table', fresh, local=True, status=1)
    assert 'ResourceNotFoundException' in done.stdout and '--create' in done.stdout
    assert fresh not in dynamo.list_tables()['TableNames']


def test_dry_run_changes_nothing(setup, cloud, dynamo, small_table, fresh):
    made = backed_up(setup, 'small')
    changing = ('CreateTable', 'BatchWriteItem', 'UpdateTable', 'UpdateTimeToLive', 'TagResource', 'UpdateContinuousBackups')
    result = restore(made, 'small@latest', fresh, '--create', '--dry-run')
    assert result['result'] == 'success' and result['dry_run'] and any(f'table {fresh} is made' in line for line in result['plan'])
    create_table(dynamo, fresh)
    done = made.ctl('restore', 'small@latest', '--table', fresh, '--dry-run', local=True)
    assert 'nothing was changed' in done.stdout and '500 items' in done.stdout and f'table {fresh} exists' in done.stdout
    assert scan(dynamo, fresh) == {} and not any(cloud.count('dynamodb', name) for name in changing)


def test_usage(setup, dynamo, small_table):
    made = backed_up(setup, 'small')
    assert '--table' in made.ctl('restore', 'small@latest', local=True, status=2).stderr
    done = made.ctl('restore', 'small@latest', '--table', 'small', '--write-capacity', '0%', local=True, status=1)
    assert '25%' in done.stderr
    done = made.ctl('restore', 'small@latest', '--table', 'small', '--overwrite', '--write-capacity', '50%', local=True, status=1)
    assert 'on demand' in done.stdout


# Definitions.
FULL = {
    'KeySchema': [{'AttributeName': 'id', 'KeyType': 'HASH'}, {'AttributeName': 'at', 'KeyType': 'RANGE'}],
    'AttributeDefinitions': [{'AttributeName': name, 'AttributeType': kind} for name, kind in
                             {'id': 'S', 'at': 'N', 'mail': 'S', 'year': 'N', 'grade': 'S'}.items()],
    'ProvisionedThroughput': {'ReadCapacityUnits': 50, 'WriteCapacityUnits': 400},
    'GlobalSecondaryIndexes': [
        {'IndexName': 'by-mail', 'KeySchema': [{'AttributeName': 'mail', 'KeyType': 'HASH'}],
         'Projection': {'ProjectionType': 'INCLUDE', 'NonKeyAttributes': ['name', 'phone']},
         'ProvisionedThroughput': {'ReadCapacityUnits': 11, 'WriteCapacityUnits': 400}},
        {'IndexName': 'by-year', 'KeySchema': [{'AttributeName': 'year', 'KeyType': 'HASH'}, {'AttributeName': 'mail', 'KeyType': 'RANGE'}],
         'Projection': {'ProjectionType': 'KEYS_ONLY'}, 'ProvisionedThroughput': {'ReadCapacityUnits': 12, 'WriteCapacityUnits': 400}}],
    'LocalSecondaryIndexes': [
        {'IndexName': 'by-grade', 'KeySchema': [{'AttributeName': 'id', 'KeyType': 'HASH'}, {'AttributeName': 'grade', 'KeyType': 'RANGE'}],
         'Projection': {'ProjectionType': 'ALL'}}],
    'StreamSpecification': {'StreamEnabled': True, 'StreamViewType': 'NEW_AND_OLD_IMAGES'}}


def steady(value):
    """A description without what differs from table to table, lists of named things in order of name."""
    if isinstance(value, dict):
        return {name: steady(inner) for name, inner in value.items() if name not in VOLATILE}
    if isinstance(value, list):
        return sorted(map(steady, value), key=lambda one: json.dumps(one, sort_keys=True, default=str))
    return value


def on_demand(table):
    """The same without throughput, billed by request."""
    return {**{name: value for name, value in table.items() if name != 'ProvisionedThroughput'}, 'BillingMode': 'PAY_PER_REQUEST',
            'GlobalSecondaryIndexes': [{name: value for name, value in index.items() if name != 'ProvisionedThroughput'}
                                       for index in table['GlobalSecondaryIndexes']]}


@pytest.fixture(scope='module', params=['full', 'full-on-demand'])
def full_table(dynamo, request):
    """(name, items) of a table with 2 GSIs, 1 LSI, TTL, a stream; with provisioned throughput, or on demand."""
    name = request.param
    dynamo.create_table(TableName=name, **(FULL if name == 'full' else on_demand(FULL)))
    dynamo.update_time_to_live(TableName=name, TimeToLiveSpecification={'Enabled': True, 'AttributeName': 'ends'})
    made = [{'id': {'S': f'student {n % 50}'}, 'at': {'N': str(n)}, 'mail': {'S': f'{n}@x.vn'}, 'year': {'N': str(n % 7)},
             'grade': {'S': f'g{n % 3}'}, 'ends': {'N': '4000000000'}} for n in range(300)]
    for start in range(0, len(made), 25):
        dynamo.batch_write_item(RequestItems={name: [{'PutRequest': {'Item': item}} for item in made[start:start + 25]]})
    return name, made


def test_table_comes_back_with_indexes_ttl_and_stream(setup, dynamo, full_table, fresh):
    table, items = full_table
    made = backed_up(setup, table)
    result = restore(made, table + '@latest', fresh, '--create')
    assert result['items'] == 300
    assert_table(dynamo, fresh, items)
    old, new = (dynamo.describe_table(TableName=name)['Table'] for name in (table, fresh))
    assert steady(new) == steady(old)
    assert {index['IndexName'] for index in new['GlobalSecondaryIndexes']} == {'by-mail', 'by-year'} and new['LocalSecondaryIndexes']
    assert new['StreamSpecification']['StreamViewType'] == 'NEW_AND_OLD_IMAGES'
    old, new = (dynamo.describe_time_to_live(TableName=name)['TimeToLiveDescription'] for name in (table, fresh))
    assert new == old == {'TimeToLiveStatus': 'ENABLED', 'AttributeName': 'ends'}
    # What DynamoDB Local did not know when the backup was made is said, and fails nothing.
    assert any('ListTagsOfResource' in line for line in result['missing'])


TAGS = {'team': 'registry', 'điểm': 'cao'}
SETTINGS = {'tags': TAGS, 'pitr': True, 'protected': True, 'class': 'STANDARD_INFREQUENT_ACCESS',
            'sse': {'Status': 'ENABLED', 'SSEType': 'KMS', 'KMSMasterKeyArn': 'arn:aws:kms:us-east-1:123456789012:key/1-2-3'}}


@pytest.fixture
def strict(cloud, dynamo):
    """The proxy keeps what DynamoDB Local does not, and holds every body to botocore's model; one table with every setting."""
    cloud.configure('dynamodb', tables=True)
    drop(dynamo, 'settings')
    fill(dynamo, 'settings', make(60, seed=5, specials=False))
    cloud.ask('/tables/settings', {**SETTINGS, 'tags': {**TAGS, 'aws:cloudformation:stack-id': 'x'}})
    yield cloud
    cloud.configure('dynamodb', tables=False)
    drop(dynamo, 'settings')


def unprotect(cloud, table):
    cloud.ask('/tables/' + table, {'protected': False})


def settings_of(cloud, table):
    return {name: value for name, value in cloud.ask('/tables/' + table).items() if name in SETTINGS}


def test_every_setting_comes_back(setup, strict, fresh):
    made = backed_up(setup, 'settings')
    result = restore(made, 'settings@latest', fresh, '--create')
    assert settings_of(strict, fresh) == SETTINGS
    assert result['missing'] == ["tags: 1 of AWS's own (aws:...) can be set by AWS alone"]
    checked = strict.ask('/checked')
    for operation in ('CreateTable', 'UpdateTable', 'TagResource', 'UpdateContinuousBackups', 'BatchWriteItem', 'Scan'):
        assert checked[operation] >= 1, f'no body of {operation} was held to the model'
    # In the order of the contract: encryption, PITR and protection only when the data is there.
    order = [seen['operation'] for seen in strict.seen('dynamodb') if seen['operation'] != 'DescribeTable']
    last_put = len(order) - 1 - order[::-1].index('BatchWriteItem')
    assert order.index('CreateTable') < order.index('BatchWriteItem')
    for operation in ('UpdateTable', 'UpdateContinuousBackups', 'TagResource'):
        assert order.index(operation) > last_put
    bodies = [seen['body'] for seen in strict.seen('dynamodb') if seen['operation'] == 'UpdateTable']
    assert 'SSESpecification' in bodies[0] and bodies[-1]['DeletionProtectionEnabled'] is True
    unprotect(strict, fresh)


@pytest.mark.parametrize('operation, skip, message, setting, word', [
    ('UpdateTable', 0, 'KMS key is not accessible', 'sse', 'encryption'),
    ('UpdateTable', 1, 'DeletionProtectionEnabled is not known here', 'protected', 'deletion protection'),
    ('TagResource', 0, 'too many tags', None, 'tags'),
    ('UpdateContinuousBackups', 0, 'not in this region', 'pitr', 'point-in-time recovery'),
    ('CreateTable', 0, 'TableClass is not available', 'class', 'TableClass'),
    ('CreateTable', 0, 'one or more members are not allowed', 'class', 'TableClass'),
    ('CreateTable', 0, 'unknown member: Tags', None, 'Tags')])
@pytest.mark.parametrize('code', ['ValidationException', 'AccessDeniedException'])
def test_refused_setting_is_said_and_the_restore_finishes(setup, strict, dynamo, fresh, operation, skip, message, setting, word, code):
    made = backed_up(setup, 'settings')
    strict.fault('dynamodb', 'error', operation, status=400, code=code, message=message, skip=skip, count=1)
    result = restore(made, 'settings@latest', fresh, '--create')
    assert result['result'] == 'success' and result['items'] == 60
    assert any(line.startswith(word) and message in line and code in line for line in result['missing']), result['missing']
    got = settings_of(strict, fresh)
    differs = {name for name in SETTINGS if got[name] != SETTINGS[name]}
    assert differs <= {setting} if setting else not differs
    assert setting is None or differs == {setting}
    assert len(scan(dynamo, fresh)) == 60
    unprotect(strict, fresh)


def test_all_settings_refused(setup, strict, dynamo, fresh):
    made = backed_up(setup, 'settings')
    for operation in ('UpdateTable', 'TagResource', 'UpdateContinuousBackups'):
        strict.fault('dynamodb', 'deny', operation)
    strict.fault('dynamodb', 'error', 'CreateTable', status=400, code='ValidationException', message='no such thing', count=2)
    done = made.ctl('restore', 'settings@latest', '--table', fresh, '--create', local=True)
    for word in ('TableClass', 'Tags', 'encryption', 'tags', 'point-in-time recovery', 'deletion protection'):
        assert re.search(rf'^  {word}: ', done.stdout, re.M), done.stdout
    assert len(scan(dynamo, fresh)) == 60


def test_create_that_is_not_allowed_at_all_fails_with_its_first_reason(setup, strict, dynamo, fresh):
    made = backed_up(setup, 'settings')
    strict.fault('dynamodb', 'deny', 'CreateTable')
    done = made.ctl('restore', 'settings@latest', '--table', fresh, '--create', local=True, status=1)
    assert 'AccessDeniedException' in done.stdout and 'dynamodb:CreateTable' in done.stdout
    assert fresh not in dynamo.list_tables()['TableNames']


# Elsewhere.
def test_into_another_region_and_by_another_role(setup, cloud, dynamo, small_table, fresh):
    made = backed_up(setup, 'small')
    cloud.configure('dynamodb', any_region=True)
    try:
        result = restore(made, 'small@latest', fresh, '--create', '--to-region', 'eu-central-1', '--to-role-arn', role('BucketWriter'))
    finally:
        cloud.configure('dynamodb', any_region=False)
    assert result['region'] == 'eu-central-1'
    assert_table(dynamo, fresh, small_table)
    by = {seen['by'] for seen in cloud.seen('dynamodb') if seen['operation'] == 'BatchWriteItem'}
    assert len(by) == 1 and ':assumed-role/BucketWriter/' in by.pop()


def test_share_of_the_write_capacity(setup, cloud, dynamo, full_table, fresh):
    table, items = full_table
    made = backed_up(setup, table)
    dynamo.create_table(TableName=fresh, KeySchema=FULL['KeySchema'], AttributeDefinitions=FULL['AttributeDefinitions'][:2],
                        ProvisionedThroughput={'ReadCapacityUnits': 5, 'WriteCapacityUnits': 1000})
    result = restore(made, table + '@latest', fresh, '--write-capacity', '10%')
    assert result['items'] == 300 and result['write_units'] == 300 and any('100 write units a second' in line for line in result['plan'])
    assert result['duration_ms'] >= 1500, '300 units at 100 a second, a second of them saved up, take two seconds'
    assert_table(dynamo, fresh, items)


def test_throttles_and_broken_connections(setup, cloud, dynamo, medium_table, fresh):
    made = backed_up(setup, 'medium')
    cloud.fault('dynamodb', 'throttle', 'BatchWriteItem', skip=3, count=6)
    cloud.fault('dynamodb', 'lost', 'BatchWriteItem', skip=10, count=2)
    cloud.fault('dynamodb', 'crc', 'BatchWriteItem', skip=20, count=2)
    cloud.fault('s3', 'reset', 'GetObject', at='mid', skip=2, count=2)
    result = restore(made, 'medium@latest', fresh, '--create')
    assert result['items'] == 3000
    assert_table(dynamo, fresh, medium_table)


# Interrupted, and asked for again.
RESTORE = [BUILD / 'dynamodb-backupctl', 'restore']


def start_restore(made, backup, table, *more, local=True):
    command = [*RESTORE, backup, '--table', table, '--json', '--config', made.conf, *more]
    if local:
        command += ['--local', '--state', made.root / 'local-state']
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env=made.environment, cwd=made.root)


def until(check, what, seconds=60):
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, f'{what} did not happen'
        time.sleep(0.01)


@pytest.fixture
def slow_writes(cloud):
    """Each BatchWriteItem takes a while, so that a restore can be caught in the middle."""
    cloud.fault('dynamodb', 'delay', 'BatchWriteItem', wait=0.15)
    return cloud


@pytest.fixture(scope='module')
def many_parts(dynamo):
    """48 MB that hardly compress, in files of some MB: a dozen parts."""
    return fill(dynamo, 'parts', sized(6000, 8000, seed=9))


@pytest.mark.slow
def test_killed_tool_goes_on_where_it_was(setup, cloud, dynamo, many_parts, fresh, slow_writes):
    made = setup(daemon={'BufferMemory': '48M'})  # files of 4 MiB
    made.job('parts', Destination={'Compression': 'none'})
    made.run('parts')
    parts = len(Backup(client('s3', cloud.url['s3']), 'student-backup', 'backups/parts/').output('dynamodb-json')['objects'])
    assert parts >= 10
    for calls in (110, 110, 50):  # of 240 in all; four parts are read at once, and take 80 calls
        cloud.ask('/reset', {})
        cloud.fault('dynamodb', 'delay', 'BatchWriteItem', wait=0.1)
        child = start_restore(made, 'parts@latest', fresh, '--create')
        until(lambda: writes(cloud) >= calls or child.poll() is not None, f'{calls} calls')
        assert child.poll() is None, child.communicate()
        child.kill()
        child.communicate()
    cloud.reset()
    result = restore(made, 'parts@latest', fresh, '--create')
    assert result['resumed'] and result['created'] and result['items'] + result['items_before'] == 6000
    assert result['items_before'] >= 6000 // 3, 'the parts that were whole are kept'
    assert writes(cloud) < 200, 'and not written again'
    assert_table(dynamo, fresh, many_parts)
    # It has ended: asked for once more it is a restore into a table that is not empty.
    assert 'not empty' in made.ctl('restore', 'parts@latest', '--table', fresh, local=True, status=1).stdout


def test_killed_before_any_part_was_whole(setup, cloud, dynamo, medium_table, fresh, slow_writes):
    made = backed_up(setup, 'medium')
    child = start_restore(made, 'medium@latest', fresh, '--create')
    until(lambda: writes(cloud) > 4, 'some calls')
    child.kill()
    child.communicate()
    cloud.reset()
    assert 0 < len(scan(dynamo, fresh)) < 3000
    strangers = [*RESTORE, 'medium@latest', '--table', fresh, '--create', '--config', made.conf, '--local', '--state', made.root / 'other']
    done = subprocess.run(strangers, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=made.environment, timeout=300)
    assert done.returncode == 1 and 'not empty' in done.stdout  # with another state it is nobody's work
    result = restore(made, 'medium@latest', fresh, '--create')
    assert result['resumed'] and result['items'] + result['items_before'] == 3000
    assert_table(dynamo, fresh, medium_table)


def test_settings_come_after_an_interruption_too(setup, strict, dynamo, fresh):
    made = backed_up(setup, 'settings')
    strict.fault('dynamodb', 'stall', 'BatchWriteItem', wait=30, count=1)
    child = start_restore(made, 'settings@latest', fresh, '--create')
    until(lambda: writes(strict) > 0, 'a call')
    child.kill()
    child.communicate()
    strict.reset()
    result = restore(made, 'settings@latest', fresh, '--create')
    assert result['created'] and settings_of(strict, fresh) == SETTINGS
    unprotect(strict, fresh)


def test_table_made_anew_meanwhile_is_not_taken_for_ours(setup, cloud, dynamo, medium_table, fresh, slow_writes):
    made = backed_up(setup, 'medium')
    child = start_restore(made, 'medium@latest', fresh, '--create')
    until(lambda: writes(cloud) > 4, 'some calls')
    child.kill()
    child.communicate()
    cloud.reset()
    drop(dynamo, fresh)
    fill(dynamo, fresh, [{'id': {'S': "somebody else's"}}])
    assert 'not empty' in made.ctl('restore', 'medium@latest', '--table', fresh, local=True, status=1).stdout
    assert writes(cloud) == 0  # what the killed one had sent may still land


# By the daemon.
def test_daemon_restores_and_says_so(setup, cloud, dynamo, small_table, fresh):
    made = backed_up(setup, 'small')
    made.start()
    result = made.json('restore', 'small@latest', '--table', fresh, '--create')
    assert result['items'] == 500
    assert_table(dynamo, fresh, small_table)
    made.wait_journal(rf'restored into table {fresh}: 500 items')


def test_client_that_hangs_up_interrupts_the_restore(setup, cloud, dynamo, medium_table, fresh, slow_writes):
    made = backed_up(setup, 'medium')
    made.start()
    child = start_restore(made, 'medium@latest', fresh, '--create', local=False)
    until(lambda: writes(cloud) > 4, 'some calls')
    done = made.ctl('restore', 'medium@latest', '--table', fresh, status=1)
    assert 'under way' in done.stderr
    child.terminate()
    child.communicate()
    made.wait_journal('was interrupted')
    cloud.reset()
    result = made.json('restore', 'medium@latest', '--table', fresh)
    assert result['resumed'] and result['items'] + result['items_before'] == 3000
    assert_table(dynamo, fresh, medium_table)


def test_killed_daemon_goes_on_when_asked_again(setup, cloud, dynamo, medium_table, fresh, slow_writes):
    made = backed_up(setup, 'medium')
    made.start()
    child = start_restore(made, 'medium@latest', fresh, '--create', local=False)
    until(lambda: writes(cloud) > 4, 'some calls')
    made.signal(signal.SIGKILL)
    made.child.wait()
    assert child.wait() == 3
    child.communicate()
    cloud.reset()
    made.start()
    result = made.json('restore', 'medium@latest', '--table', fresh, '--create')
    assert result['resumed'] and result['items'] + result['items_before'] == 3000
    assert_table(dynamo, fresh, medium_table)


def test_daemon_that_stops_interrupts_the_restore(setup, cloud, dynamo, medium_table, fresh, slow_writes):
    made = backed_up(setup, 'medium')
    made.start()
    child = start_restore(made, 'medium@latest', fresh, '--create', local=False)
    until(lambda: writes(cloud) > 4, 'some calls')
    assert made.stop() == 0
    child.communicate()
    cloud.reset()
    made.start()
    assert made.json('restore', 'medium@latest', '--table', fresh)['resumed']
    assert_table(dynamo, fresh, medium_table)
