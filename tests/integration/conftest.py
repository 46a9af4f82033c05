# SPDX-License-Identifier: Apache-2.0
"""The stage of the integration tests: one cloud for the whole session, and for each test a clean set of faults and counts.

    cloud    the servers of tests/servers: imds, sts, logs, s3 (strict), and the proxies dynamodb, ses, rgw
    dynamo   a boto3 client of DynamoDB Local, past the proxy
    rgw      Ceph RGW, started when first asked for
    daemon   a factory: see tests/lib/daemon.py
"""
import os
import pathlib
import re
import sys

import boto3
import botocore.config
import pytest

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS / 'lib'), str(TESTS / 'integration')]
sys.dont_write_bytecode = True

import items  # noqa: E402
from cloud import Ceph, Cloud, DynamoDBLocal, SesLocal, remove, scratch  # noqa: E402
from daemon import Setup  # noqa: E402

ACCOUNT, REGION = '123456789012', 'us-east-1'
HOST = {'access_key': 'AKIAHOST000000000000', 'secret_key': 'host-secret-host-secret-host-secret-0000'}
HOST_ARN = f'arn:aws:iam::{ACCOUNT}:user/host'
INSTANCE_ROLE = f'arn:aws:iam::{ACCOUNT}:role/backup-host'
ROLE = f'arn:aws:iam::{ACCOUNT}:role/DynamoDBBackupRole'


def role(name):
    return f'arn:aws:iam::{ACCOUNT}:role/{name}'


def pytest_configure(config):
    config.addinivalue_line('markers', 'slow: too long to run under ASan as well')
    config.addinivalue_line('markers', 'plain: runs nothing that a sanitizer could look into')
    config.addinivalue_line('markers', 'core: the few that valgrind runs too')
    config.addinivalue_line('markers', 'alone: measures time, so nothing may run beside it')
    for name in list(os.environ):
        if name.startswith('AWS_') or name.lower() in ('http_proxy', 'https_proxy', 'all_proxy'):
            del os.environ[name]
    os.environ['AWS_EC2_METADATA_DISABLED'] = 'true'  # for boto3 in this process


# What takes long to make is made by one worker alone: tests that share it go to the same one. The longest first.
SHARED = {'large': {'large_table', 'large_backup'}, 'ceph': {'rgw', 'mixed_table'}}


def shared(item):
    return next((name for name, fixtures in SHARED.items() if fixtures & set(item.fixturenames)), None)


def pytest_collection_modifyitems(config, items):
    """ALONE=yes: what must run alone, ALONE=no: the rest, which pytest-xdist may spread over several workers."""
    wanted = os.environ.get('ALONE')
    if wanted:
        config.hook.pytest_deselected(items=[item for item in items if bool(item.get_closest_marker('alone')) != (wanted == 'yes')])
        items[:] = [item for item in items if bool(item.get_closest_marker('alone')) == (wanted == 'yes')]
    for item in items:
        if shared(item):
            item.add_marker(pytest.mark.xdist_group(shared(item)))
    order = [*SHARED, None]
    items.sort(key=lambda item: order.index(shared(item)))


@pytest.fixture(scope='session')
def base():
    folder = scratch('dbb-')
    yield folder
    if not os.environ.get('KEEP'):
        remove(folder)


@pytest.fixture(scope='session')
def backends(base):
    """The real servers that stand behind the proxies; Ceph only has its address yet."""
    dynamodb, ses, ceph = DynamoDBLocal(base), SesLocal(base), Ceph(base / 'ceph')
    dynamodb.until_listening(dynamodb.port)
    ses.until_listening(ses.port)
    yield {'dynamodb': dynamodb, 'ses': ses, 'ceph': ceph}
    dynamodb.stop()
    ses.stop()


@pytest.fixture(scope='session')
def whole_cloud(backends):
    made = Cloud({
        'region': REGION, 'account': ACCOUNT, 'keys': [{**HOST, 'arn': HOST_ARN}],
        'services': {
            'imds': {'role': 'backup-host'},
            'sts': {'roles': {
                ROLE: {'trust': [INSTANCE_ROLE, HOST_ARN], 'max_duration': 43200},
                role('ShortLived'): {'trust': [INSTANCE_ROLE, HOST_ARN], 'ttl': 8},
                role('TwelveSeconds'): {'trust': [HOST_ARN], 'ttl': 12},
                role('Outside'): {'trust': [HOST_ARN], 'external_id': 'student-42'},
                role('BucketWriter'): {'trust': [ROLE, HOST_ARN, INSTANCE_ROLE]}}},
            'logs': {},
            's3': {'buckets': {'student-backup': {}, 'frankfurt': {'region': 'eu-central-1'},
                               'munich': {'region': 'eu-central-1', 'redirect': 400}, 'dotted.bucket.name': {}}},
            'dynamodb': {'proxy': backends['dynamodb'].url},
            'ses': {'proxy': backends['ses'].url},
            'rgw': {'proxy': backends['ceph'].url}}})
    yield made
    made.stop()


@pytest.fixture
def cloud(whole_cloud):
    whole_cloud.reset()
    whole_cloud.ask('/empty', {'keep': 'backups/large/'})
    yield whole_cloud
    whole_cloud.reset()
    whole_cloud.clock(0)
    whole_cloud.configure('imds', ttl=21600, rotate=300)


@pytest.fixture(scope='session')
def rgw(backends, whole_cloud):
    """Ceph's own facts: url (past the proxy), keys, role_arn, bucket; the bucket made."""
    ceph = backends['ceph']
    try:
        ceph.start()
        client('s3', ceph.url, ceph.facts).create_bucket(Bucket=ceph.facts['bucket'])
        yield ceph.facts
    finally:
        ceph.stop()


def client(service, url, keys=None, token=None, region=REGION, **config):
    keys = keys or HOST
    settings = botocore.config.Config(retries={'max_attempts': 0}, read_timeout=120, parameter_validation=True,
                                      **({'s3': {'addressing_style': 'path'}} if service == 's3' else {}), **config)
    return boto3.client(service, endpoint_url=url, region_name=region, aws_access_key_id=keys['access_key'],
                        aws_secret_access_key=keys['secret_key'], aws_session_token=token or keys.get('token') or None,
                        config=settings)


@pytest.fixture(scope='session')
def dynamo(backends):
    return client('dynamodb', backends['dynamodb'].url)


@pytest.fixture
def s3(cloud):
    return client('s3', cloud.url['s3'])


@pytest.fixture
def setup(cloud, base, request):
    """A factory of configured daemons and tools; all are stopped, and judged, when the test ends."""
    made = []

    def make(**options):
        made.append(Setup(cloud, base, **options))
        return made[-1]
    yield make
    for one in made:
        one.close()


# Tables that several files share, filled once.
@pytest.fixture(scope='session')
def mixed_table(dynamo):
    """50,000 items of every DynamoDB type; their source."""
    return items.fill(dynamo, 'mixed', items.make(50000))


@pytest.fixture(scope='session')
def large_table(dynamo):
    """200 MB in 25,600 items that hardly compress."""
    return items.fill(dynamo, 'large', items.sized(25600, 8000))


@pytest.fixture(scope='session')
def small_table(dynamo):
    """500 items of every type, for tests of everything else."""
    return items.fill(dynamo, 'small', items.make(500, seed=2, specials=False))


@pytest.fixture(scope='session')
def medium_table(dynamo):
    """24 MB: a few multipart parts."""
    return items.fill(dynamo, 'medium', items.sized(3000, 8000, seed=3))


@pytest.fixture
def fresh(dynamo, request):
    """A name that no table has; the table is gone after the test."""
    name = re.sub(r'[^A-Za-z0-9]', '-', request.node.name)[:60] + '-new'
    items.drop(dynamo, name)
    yield name
    items.drop(dynamo, name)
