# SPDX-License-Identifier: Apache-2.0
"""Restore, where several jobs could read a backup and several tables could be meant: whose region and role it is, what is said
of it, and what belongs to the person who made the table."""
import time

import pytest
from conftest import role
from items import create_table, drop, fill, make
from test_restore import restore

BUCKET = 'student-backup'


@pytest.fixture
def anywhere(cloud):
    """Signatures for any region are good."""
    for server in ('dynamodb', 'sts'):
        cloud.configure(server, any_region=True)
    yield cloud
    for server in ('dynamodb', 'sts'):
        cloud.configure(server, any_region=False)


@pytest.mark.parametrize('other', ['region', 'role'])
def test_jobs_that_share_a_folder_write_as_the_one_that_made_the_backup(setup, anywhere, dynamo, small_table, fresh, other):
    made = setup()
    made.job('b-staging', Job={'Table': 'small'}, Destination={'Prefix': 'shared/'})
    made.run('b-staging')
    backup = made.json('list', 'b-staging', local=True)['backups'][0]['id']
    differs = {'region': {'Job': {'Table': 'small', 'Region': 'eu-central-1'}},
               'role': {'Job': {'Table': 'small'}, 'Credentials': {'RoleArn': role('BucketWriter')}}}[other]
    made.job('a-prod', Destination={'Prefix': 'shared/'}, **differs)
    for name in (backup, 'b-staging@latest', f's3://{BUCKET}/shared/AWSDynamoDB/{backup}/'):
        before = len(anywhere.seen('dynamodb'))
        plan = restore(made, name, fresh, '--create', '--dry-run')['plan']
        assert any('region us-east-1' in line and '"b-staging"' in line for line in plan), plan
        result = restore(made, name, fresh, '--create')
        assert result['region'] == 'us-east-1' and result['items'] == 500
        calls = [seen for seen in anywhere.seen('dynamodb')[before:] if seen['operation'] == 'BatchWriteItem']
        assert calls and not any('BucketWriter' in seen['by'] for seen in calls), name
        drop(dynamo, fresh)


@pytest.mark.parametrize('command', ['restore', 'show', 'link', 'verify'])
def test_how_to_read_is_not_taken_of_what_a_job_reads(setup, small_table, command):
    made = setup()
    made.job('small')
    made.run('small')
    more = ['--table', 'nowhere', '--create', '--dry-run'] if command == 'restore' else []
    for option in (['--region', 'eu-central-1'], ['--profile', 'nosuch'], ['--role-arn', role('NoSuch')]):
        done = made.ctl(command, 'small@latest', *more, *option, local=True, status=1)
        said = done.stdout + done.stderr
        assert 'say how to read an s3:// address' in said and '--to-region' in said


def settled(dynamo, table):
    return dynamo.describe_time_to_live(TableName=table)['TimeToLiveDescription']['TimeToLiveStatus']


@pytest.mark.parametrize('more', [[], ['--create']])
def test_table_that_a_person_made_after_a_refusal_keeps_its_settings(setup, cloud, dynamo, fresh, more):
    drop(dynamo, 'ttl')
    items = fill(dynamo, 'ttl', make(50, seed=3, specials=False))
    dynamo.update_time_to_live(TableName='ttl', TimeToLiveSpecification={'Enabled': True, 'AttributeName': 'expires'})
    made = setup()
    made.job('ttl')
    made.run('ttl')
    cloud.fault('dynamodb', 'deny', 'CreateTable')
    done = made.ctl('restore', 'ttl@latest', '--table', fresh, '--create', local=True, status=1)
    assert 'CreateTable' in done.stdout
    cloud.reset()
    create_table(dynamo, fresh)
    result = restore(made, 'ttl@latest', fresh, *more)
    assert result['items'] == len(items) and not result['created']
    assert settled(dynamo, fresh) == 'DISABLED'
    drop(dynamo, fresh)
    assert restore(made, 'ttl@latest', fresh, '--create')['created']
    assert settled(dynamo, fresh) == 'ENABLED'
    drop(dynamo, 'ttl')


def until_active(dynamo, table):
    for _ in range(300):
        described = dynamo.describe_table(TableName=table)['Table']
        if all(index['IndexStatus'] == 'ACTIVE' for index in described.get('GlobalSecondaryIndexes', [])):
            return
        time.sleep(0.1)
    raise AssertionError(f'the indexes of {table} are not ACTIVE')


def test_item_that_an_index_leaves_out_is_told_with_the_index_and_what_to_do(setup, dynamo, fresh):
    attributes = [{'AttributeName': 'id', 'AttributeType': 'S'}]
    drop(dynamo, 'odd')
    dynamo.create_table(TableName='odd', KeySchema=[{'AttributeName': 'id', 'KeyType': 'HASH'}], AttributeDefinitions=attributes,
                        BillingMode='PAY_PER_REQUEST')
    dynamo.put_item(TableName='odd', Item={'id': {'S': 'text'}, 'x': {'S': 'five'}})
    dynamo.put_item(TableName='odd', Item={'id': {'S': 'number'}, 'x': {'N': '5'}})
    dynamo.update_table(TableName='odd', AttributeDefinitions=[*attributes, {'AttributeName': 'x', 'AttributeType': 'N'}],
                        GlobalSecondaryIndexUpdates=[{'Create': {'IndexName': 'by-x', 'KeySchema': [{'AttributeName': 'x', 'KeyType': 'HASH'}],
                                                                 'Projection': {'ProjectionType': 'ALL'}}}])
    until_active(dynamo, 'odd')
    made = setup()
    made.job('odd')
    made.run('odd')
    done = made.ctl('restore', 'odd@latest', '--table', fresh, '--create', local=True, status=1)
    assert 'by-x' in done.stdout and 'x (N)' in done.stdout and 'without --create' in done.stdout, done.stdout
    drop(dynamo, fresh)
    create_table(dynamo, fresh)
    assert restore(made, 'odd@latest', fresh)['items'] == 2
    drop(dynamo, 'odd')
