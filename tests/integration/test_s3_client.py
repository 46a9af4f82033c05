# SPDX-License-Identifier: Apache-2.0
"""Every S3 operation of the daemon, driven by tests/client/s3-story, against the strict S3 in its moods and Ceph RGW."""
import os
import pathlib
import subprocess
import urllib.parse
import urllib.request

import pytest
from cloud import Cloud
from conftest import HOST, HOST_ARN, client

BUILD = pathlib.Path(os.environ.get('BUILD', pathlib.Path(__file__).resolve().parents[2] / 'build'))
BUCKETS = {'strict': {}, 'no-condition': {'create_only': 501}, 'deaf-to-it': {'create_only': 'ignore'},
           'frankfurt': {'region': 'eu-central-1'}, 'munich': {'region': 'eu-central-1', 'redirect': 400},
           'dotted.bucket.name': {}}


@pytest.fixture(scope='module')
def story():
    subprocess.run(['ninja', '-C', BUILD, 'tests/client/s3-story'], check=True, stdout=subprocess.DEVNULL)

    def tell(url, bucket, keys):
        ran = subprocess.run([BUILD / 'tests/client/s3-story', url, 'us-east-1', bucket, keys['access_key'], keys['secret_key'],
                              *([keys['token']] if keys.get('token') else [])], capture_output=True, text=True, timeout=60)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        lines = ran.stdout.splitlines()
        assert lines[-1] == 'whole'
        return dict(line.split(': ', 1) for line in lines[:-1])
    return tell


@pytest.fixture(scope='module')
def strict_s3():
    made = Cloud({'region': 'us-east-1', 'keys': [{**HOST, 'arn': HOST_ARN}], 'services': {'s3': {'buckets': BUCKETS}}})
    yield made
    made.stop()


def left_in(s3, bucket):
    assert 'Uploads' not in s3.list_multipart_uploads(Bucket=bucket, Prefix='story/')
    return [thing['Key'] for thing in s3.list_objects_v2(Bucket=bucket, Prefix='story/')['Contents']]


@pytest.mark.parametrize('bucket', BUCKETS)
def test_strict_s3(story, strict_s3, bucket):
    told = story(strict_s3.url['s3'], bucket, HOST)
    assert told['again'] == ('written' if 'create_only' in BUCKETS[bucket] else 'exists')
    region = BUCKETS[bucket].get('region', 'us-east-1')
    assert left_in(client('s3', strict_s3.url['s3'], region=region), bucket) == ['story/kept']
    if region == 'us-east-1':
        with urllib.request.urlopen(told['link'], timeout=10) as answer:
            assert answer.read() == b'story/kept'


def test_ceph_rgw(story, rgw):
    told = story(rgw['url'], rgw['bucket'], rgw)
    assert told['again'] == 'exists'
    s3 = client('s3', rgw['url'], rgw)
    assert left_in(s3, rgw['bucket']) == ['story/kept']
    with urllib.request.urlopen(told['link'], timeout=10) as answer:
        assert answer.read() == b'story/kept'
    assert urllib.parse.urlsplit(told['link']).path == f'/{rgw["bucket"]}/story/kept'
    s3.delete_object(Bucket=rgw['bucket'], Key='story/kept')
