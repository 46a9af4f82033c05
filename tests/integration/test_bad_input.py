# SPDX-License-Identifier: Apache-2.0
"""Each bad input ends in one clear error or in a correct backup: never a crash, a hang, or half a backup that `list` shows.

The pages and items at the limits (7 MB, 400 KB, 32 levels, a page of nothing) stand in test_backup.py, the unverified mail
address in test_mail.py.
"""
import os
import socket
import threading
import time

import pytest
from backups import Backup, nothing_left
from cloud import Cloud, free_port
from conftest import HOST, HOST_ARN, ROLE
from items import assert_same_typed
from test_daemon import longest_answer


def fails(one, name, *words, s3=None, bucket='student-backup'):
    """The run fails within a minute, in one error that says `words`, and leaves nothing."""
    done = one.run(name, status=1, timeout=60)
    errors = [line for line in done.stderr.splitlines() if line.strip()]
    for word in words:
        assert word in done.stderr, f'{word!r} is not in: {done.stderr}'
    assert len(errors) <= 12, done.stderr
    if s3:
        nothing_left(s3, bucket, f'backups/{name}/')
    return done.stderr


@pytest.mark.core
def test_a_missing_table(setup, s3):
    one = setup()
    one.job('no-such-table')
    fails(one, 'no-such-table', 'ResourceNotFoundException', 'no-such-table', s3=s3)


def test_a_wrong_bucket(setup, small_table):
    one = setup()
    one.job('small', Destination={'Bucket': 'nobody-has-this-bucket'})
    fails(one, 'small', 'NoSuchBucket', 'nobody-has-this-bucket')


def test_a_bucket_of_another_account(setup, s3, small_table):
    one = setup()
    one.job('small', Destination={'ExpectedBucketOwner': '999999999999'})
    fails(one, 'small', 'AccessDenied', s3=s3)


@pytest.mark.parametrize('service, operation, action', [
    ('dynamodb', 'DescribeTable', 'dynamodb:DescribeTable'), ('dynamodb', 'Scan', 'dynamodb:Scan'),
    ('s3', 'PutObject', 's3:PutObject'), ('sts', 'AssumeRole', 'sts:AssumeRole')])
def test_a_denied_permission(setup, cloud, s3, small_table, service, operation, action):
    one = setup()
    one.job('small', Credentials={'RoleArn': ROLE})
    cloud.fault(service, 'deny', operation)
    fails(one, 'small', 'AccessDenied', action, s3=s3)


@pytest.mark.parametrize('operation', ['DescribeTimeToLive', 'ListTagsOfResource', 'DescribeContinuousBackups'])
def test_what_the_role_may_not_read_fails_nothing(setup, cloud, s3, small_table, operation):
    one = setup()
    one.job('small')
    cloud.fault('dynamodb', 'deny', operation)
    one.run('small')
    assert Backup(s3, 'student-backup', 'backups/small/').record['table']['unknown']


@pytest.mark.parametrize('name', ['DynamoDB', 'S3', 'STS'])
def test_an_unreachable_endpoint(setup, s3, small_table, name):
    one = setup(endpoints={name: f'http://127.0.0.1:{free_port()}'})
    one.job('small', Job={'RetryFor': '2s'}, Credentials={'RoleArn': ROLE})
    fails(one, 'small', '127.0.0.1', s3=s3)


def test_an_endpoint_that_never_answers(setup, small_table):
    with socket.socket() as silent:
        silent.bind(('127.0.0.1', 0))
        silent.listen(16)
        one = setup(endpoints={'DynamoDB': f'http://127.0.0.1:{silent.getsockname()[1]}'})
        one.job('small', Job={'RetryFor': '2s', 'Timeout': '8s'})
        fails(one, 'small')


@pytest.mark.alone
def test_a_dns_server_that_never_answers(setup, small_table):
    """Under a resolv.conf of its own, in a mount namespace; the loop's longest stall is measured from outside."""
    if os.getuid() != 0:
        pytest.skip('needs root for a mount namespace and port 53')
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(('127.83.97.1', 53))
        threading.Thread(target=swallow, args=(silent,), daemon=True).start()
        one = setup(endpoints={'DynamoDB': 'http://dynamodb.silent.example:8000'})
        (one.root / 'resolv.conf').write_text('nameserver 127.83.97.1\noptions timeout:5 attempts:2\n')
        (one.root / 'nsswitch.conf').write_text('hosts: files dns\n')
        one.job('small', Job={'RetryFor': '3s', 'Timeout': '20s'})
        one.job('other', Job={'RetryFor': '3s', 'Timeout': '20s'})
        one.wrap = ['unshare', '-m', '--', 'sh', '-c', f'mount --bind {one.root}/resolv.conf "$(readlink -f /etc/resolv.conf)" && mount --bind '
                    f'{one.root}/nsswitch.conf /etc/nsswitch.conf && exec "$@"', 'sh']
        one.start()
        one.ctl('run', 'small')
        one.ctl('run', 'other')
        worst = longest_answer(one, lambda: True, 6)
        one.ctl('cancel', 'other')
        worst = max(worst, longest_answer(one, lambda: 'could not' not in one.journal().lower(), 14))
        print(f'\nlongest stall of the loop with a silent DNS server: {worst * 1000:.1f} ms')
        assert worst < 0.1 or os.environ.get('WRAP')
        began = time.monotonic()
        one.stop()
        assert time.monotonic() - began < 35


def swallow(silent):
    try:
        while True:
            silent.recv(4096)
    except OSError:
        pass


HOSTILE = ['', '{', '[]', 'null', '"x"', '{"Items":3}', '{"Items":[{"id":3}]}', '{"Items":[{"id":{"S":"x"}}', '{"Items":[{"id":{"S":"\\ud800"}}]}',
           '{"Items":[' + '[' * 5000, '{"Items":[{"a":{"S":"\x01"}}]}', '\x00' * 100, '{"Items":[{}],"Count":7}', '{"Items":[{"id":{"S":"x"}}]}x']


@pytest.mark.parametrize('number', range(len(HOSTILE)))
def test_a_hostile_scan_answer(setup, cloud, s3, small_table, number):
    one = setup()
    one.job('small', Job={'RetryFor': '1s', 'Timeout': '20s'}, Destination={'Format': 'dynamodb-json json'})
    cloud.fault('dynamodb', 'raw', 'Scan', status=200, body=HOSTILE[number])
    fails(one, 'small', s3=s3)


@pytest.mark.parametrize('operation, body', [
    ('DescribeTable', '{"Table":{}}'), ('DescribeTable', '{"Table":'), ('DescribeTable', '[1]'),
    ('DescribeTable', '{"Table":{"KeySchema":{"x":1},"TableArn":4,"TableStatus":"ACTIVE"}}')])
def test_a_hostile_table_description(setup, cloud, s3, small_table, operation, body):
    one = setup()
    one.job('small', Job={'RetryFor': '1s'})
    cloud.fault('dynamodb', 'raw', operation, status=200, body=body)
    fails(one, 'small', s3=s3)


BOMB = '<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb">' + ''.join(f'<!ENTITY c{n} "&{"b" if n == 0 else f"c{n - 1}"};' * 9 + '">' for n in range(9)) + ']><a>&c8;</a>'


@pytest.mark.parametrize('body', ['', '<', '<a/>', 'x' * 100000, '<InitiateMultipartUploadResult><UploadId></UploadId></InitiateMultipartUploadResult>',
                                  '<InitiateMultipartUploadResult><UploadId>' + 'u' * 100000, BOMB], ids=range(7))
def test_a_hostile_xml_answer(setup, cloud, s3, medium_table, body):
    one = setup()
    one.job('medium', Job={'RetryFor': '1s'}, Destination={'Format': 'json'})
    cloud.fault('s3', 'raw', 'CreateMultipartUpload', status=200, body=body)
    fails(one, 'medium', s3=s3)


def test_complete_that_answers_200_with_an_error(setup, cloud, s3, medium_table):
    one = setup()
    one.job('medium', Job={'RetryFor': '2s'}, Destination={'Format': 'json'})
    cloud.fault('s3', 'raw', 'CompleteMultipartUpload', status=200, body='   \n <?xml version="1.0"?><Error><Code>InternalError</Code>'
                '<Message>We encountered an internal error.</Message></Error>', count=2)
    one.run('medium')
    assert Backup(s3, 'student-backup', 'backups/medium/').record['items'] == len(medium_table)


@pytest.mark.parametrize('body', ['', '<Complete', 'x' * 100000, BOMB], ids=range(4))
def test_a_completion_that_is_never_confirmed(setup, cloud, s3, medium_table, body):
    one = setup()
    one.job('medium', Job={'RetryFor': '1s'}, Destination={'Format': 'json'})
    cloud.fault('s3', 'raw', 'CompleteMultipartUpload', status=200, body=body)
    fails(one, 'medium', 'completion', s3=s3)


LISTS = ['', '<', '<ListBucketResult>', '<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>', '<html/>', BOMB,
         '<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>again</NextContinuationToken></ListBucketResult>',
         '<ListBucketResult><Contents><Size>-1</Size></Contents></ListBucketResult>', '{"Keys":[]}', '<ListBucketResult>' + '<a>' * 100000]


@pytest.mark.parametrize('number', range(len(LISTS)))
def test_a_hostile_list(setup, cloud, small_table, number):
    one = setup()
    one.job('small', Job={'RetryFor': '1s'})
    cloud.fault('s3', 'raw', 'ListObjectsV2', status=200, body=LISTS[number])
    done = one.ctl('list', 'small', local=True, status=1, timeout=60)
    assert 'student-backup' in done.stderr and not done.stdout.strip()


RECORDS = ['', 'null', '[', '{"version":1}', '{"id":7,"job":"small","outputs":{}}', '{"id":"x","job":"small","table_arn":"a"}', '[' * 5000, 'x' * 100000]


@pytest.mark.parametrize('number', range(len(RECORDS)))
def test_a_hostile_backup_json_hides_no_other(setup, s3, small_table, number):
    """What somebody wrote over the newest record is no backup of ours; the one before it is listed and found as ever."""
    one = setup()
    one.job('small')
    one.run('small')
    good = Backup(s3, 'student-backup', 'backups/small/').id
    bad = '99999999999999-0badbad0'
    s3.put_object(Bucket='student-backup', Key=f'backups/small/AWSDynamoDB/{bad}/backup.json', Body=RECORDS[number].encode())
    listed = one.ctl('list', 'small', local=True).stdout
    assert good in listed and bad not in listed
    assert good in one.ctl('show', 'small@latest', local=True).stdout
    told = one.ctl('show', bad, local=True, status=None)
    assert told.returncode in (0, 1) and (told.stdout if told.returncode == 0 else 'no record of a backup' in told.stderr)


@pytest.mark.parametrize('service, operation', [('sts', 'AssumeRole'), ('imds', 'credentials'), ('imds', 'role'), ('imds', 'token')])
@pytest.mark.parametrize('body', ['', '{', '<a', '{"Code":"Success","AccessKeyId":7}', 'x' * 200000, '<AssumeRoleResponse/>', '\r\nX: y'], ids=range(7))
def test_a_hostile_credentials_answer(setup, cloud, s3, small_table, service, operation, body):
    one = setup(credentials='imds')
    one.job('small', Job={'RetryFor': '1s'}, Credentials={'RoleArn': ROLE})
    cloud.fault(service, 'raw', operation, status=200, body=body)
    fails(one, 'small', s3=s3)


@pytest.mark.parametrize('trusted', [False, True])
def test_a_certificate_that_does_not_verify(setup, cloud, small_table, tmp_path, trusted):
    secure = Cloud({'keys': [{**HOST, 'arn': HOST_ARN}], 'services': {'s3': {'tls': str(tmp_path), 'buckets': {'student-backup': {}}}}})
    try:
        more = {'CaBundle': tmp_path / 'ca.pem'} if trusted else {}
        one = setup(s3=secure.url['s3'], endpoints=more)
        one.job('small', Job={'RetryFor': '1s'})
        if trusted:
            one.run('small')
            assert secure.count('s3', 'PutObject') > 3
        else:
            assert 'certificate' in fails(one, 'small').lower()
            assert not secure.count('s3')
    finally:
        secure.stop()


def test_a_certificate_for_another_name(setup, cloud, small_table, tmp_path):
    secure = Cloud({'keys': [{**HOST, 'arn': HOST_ARN}], 'services': {'s3': {'tls': str(tmp_path), 'names': ['elsewhere.example'],
                                                                             'buckets': {'student-backup': {}}}}})
    try:
        one = setup(s3=secure.url['s3'], endpoints={'CaBundle': tmp_path / 'ca.pem'})
        one.job('small', Job={'RetryFor': '1s'})
        fails(one, 'small')
        assert not secure.count('s3')
    finally:
        secure.stop()


@pytest.mark.parametrize('prefix', ['sao lưu/', 'a+b/', 'a%20b/', "quote'\"<>&/", 'back\\slash/', '~!*()/', '日本/', 'dot/../dot/', 'double//slash/', '?#[]/'])
def test_a_key_with_odd_characters(setup, s3, small_table, prefix):
    one = setup()
    one.job('small', Destination={'Prefix': prefix, 'Format': 'dynamodb-json json'})
    one.run('small')
    backup = Backup(s3, 'student-backup', prefix)
    assert_same_typed(small_table, backup.typed())
    assert backup.id in one.ctl('list', 'small', local=True).stdout


@pytest.mark.parametrize('text, word', [
    ('[Job]\nTable=t\nRegion=us-east-1\nBogus=1\n', 'Bogus'), ('[Jobb]\nTable=t\n', 'Jobb'), ('Table=t\n', 'Section'),
    ('[Job]\nTable=t\nTable=u\n', 'Table'), ('[Job]\nTable=t\nRegion=us-east-1\nSchedule=61 * * * *\n[Destination]\nBucket=b\n', 'Schedule'),
    ('[Job]\nTable=t\nRegion=us-east-1\n', 'Bucket'), ('\x00\x01', ''), ('[Job\nTable=t\n', '['), ('[Job]\n' + 'x' * 70000, '')])
def test_a_bad_configuration_starts_no_daemon(setup, text, word):
    one = setup()
    (one.root / 'jobs.d/bad.conf').write_text(text)
    one.start(ready=False)
    status, one.child = one.child.wait(20), None
    assert status not in (0, -6, -11)
    assert 'bad.conf' in one.journal() and word in one.journal()


def test_the_clock_is_wrong(setup, cloud, s3, small_table):
    cloud.clock(3600)
    one = setup()
    one.job('small')
    one.run('small')
    cloud.clock(0)
    assert_same_typed(small_table, Backup(s3, 'student-backup', 'backups/small/').typed())
