# SPDX-License-Identifier: Apache-2.0
"""The judges are judged first: boto3 against each server, and what each must refuse."""
import base64
import hashlib
import json
import os
import subprocess
import time
import urllib.error
import urllib.request
import zlib

import boto3
import botocore.config
import botocore.exceptions
import pytest
from cloud import Cloud
from conftest import HOST, HOST_ARN, ROLE, client, role
from servers.tls import make_ca

pytestmark = pytest.mark.plain

MIB = 1 << 20
WRONG = {'access_key': HOST['access_key'], 'secret_key': 'not-the-secret'}
UNKNOWN = {'access_key': 'AKIAUNKNOWN000000000', 'secret_key': 'x'}


def refused(call, *args, **named):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(*args, **named)
    return caught.value.response['Error']['Code']


def fetch(url, method='GET', data=None, headers=None):
    request = urllib.request.Request(url, data, headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as wrong:
        return wrong.code, dict(wrong.headers), wrong.read()


CALLS = {'s3': ('s3', lambda c: c.list_objects_v2(Bucket='student-backup')),
         'dynamodb': ('dynamodb', lambda c: c.list_tables()),
         'sts': ('sts', lambda c: c.get_caller_identity()),
         'ses': ('sesv2', lambda c: c.list_email_templates()),
         'logs': ('logs', lambda c: c.create_log_group(logGroupName=f'g{time.time_ns()}'))}
CODES = {'s3': ('SignatureDoesNotMatch', 'InvalidAccessKeyId', 'ExpiredToken', 'InvalidToken', 'RequestTimeTooSkewed'),
         'dynamodb': ('InvalidSignatureException', 'UnrecognizedClientException', 'ExpiredTokenException',
                      'UnrecognizedClientException', 'InvalidSignatureException'),
         'sts': ('SignatureDoesNotMatch', 'InvalidClientTokenId', 'ExpiredToken', 'InvalidClientTokenId', 'SignatureDoesNotMatch')}
CODES['ses'] = CODES['logs'] = CODES['dynamodb']


@pytest.mark.parametrize('name', CALLS)
def test_each_server_refuses_what_aws_refuses_by_aws_own_codes(cloud, name):
    service, call = CALLS[name]
    dead = cloud.key('ASIADEAD000000000000', 'dead', ROLE, 'token', time.time() - 5)
    other = {**dead, 'token': 'another'}
    codes = [refused(call, client(service, cloud.url[name], keys)) for keys in (WRONG, UNKNOWN, dead, other)]
    cloud.clock(3600)
    codes.append(refused(call, client(service, cloud.url[name])))
    assert tuple(codes) == CODES[name]


@pytest.mark.parametrize('name', CALLS)
def test_each_server_serves_the_right_key(cloud, name):
    service, call = CALLS[name]
    call(client(service, cloud.url[name]))
    assert sum(cloud.count(name).values()) == 1


def test_the_wrong_region_is_refused(cloud):
    assert refused(client('dynamodb', cloud.url['dynamodb'], region='eu-west-1').list_tables) == 'InvalidSignatureException'
    for bucket in ('munich', 'frankfurt'):  # 400 and 301: boto3 takes the region from x-amz-bucket-region and signs again
        assert refused(client('s3', cloud.url['s3']).head_object, Bucket=bucket, Key='none') == '404'
    assert cloud.count('s3', 'HeadObject') == 4
    client('s3', cloud.url['s3'], region='eu-central-1').put_object(Bucket='munich', Key='k')


def test_imds_wants_a_token_and_repeats_its_credentials_until_they_rotate(cloud):
    url = cloud.url['imds'] + '/latest/'
    cloud.configure('imds', ttl=4, rotate=1)
    assert fetch(url + 'meta-data/placement/region')[0] == 401
    assert fetch(url + 'api/token', 'PUT')[0] == 400
    status, _, token = fetch(url + 'api/token', 'PUT', headers={'X-aws-ec2-metadata-token-ttl-seconds': '60'})
    assert status == 200
    headers = {'X-aws-ec2-metadata-token': token.decode()}
    name = fetch(url + 'meta-data/iam/security-credentials/', headers=headers)[2].decode()

    def credentials():
        return json.loads(fetch(url + 'meta-data/iam/security-credentials/' + name, headers=headers)[2])
    first = credentials()
    assert name == 'backup-host' and first == credentials() and first['Code'] == 'Success'
    keys = {'access_key': first['AccessKeyId'], 'secret_key': first['SecretAccessKey'], 'token': first['Token']}
    client('dynamodb', cloud.url['dynamodb'], keys).list_tables()
    time.sleep(4.2)
    assert refused(client('dynamodb', cloud.url['dynamodb'], keys).list_tables) == 'ExpiredTokenException'
    assert credentials()['AccessKeyId'] != first['AccessKeyId']


def test_sts_hands_out_what_the_trust_policy_allows(cloud):
    sts = client('sts', cloud.url['sts'])
    answer = sts.assume_role(RoleArn=ROLE, RoleSessionName='dynamodb-backupd-x', DurationSeconds=900)
    assert 890 < answer['Credentials']['Expiration'].timestamp() - time.time() <= 900
    got = {'access_key': answer['Credentials']['AccessKeyId'], 'secret_key': answer['Credentials']['SecretAccessKey'],
           'token': answer['Credentials']['SessionToken']}
    client('s3', cloud.url['s3'], got).put_object(Bucket='student-backup', Key='x')
    chained = client('sts', cloud.url['sts'], got)
    assert refused(chained.assume_role, RoleArn=role('BucketWriter'), RoleSessionName='xx', DurationSeconds=7200) == 'ValidationError'
    chained.assume_role(RoleArn=role('BucketWriter'), RoleSessionName='xx', DurationSeconds=3600)
    assert refused(chained.assume_role, RoleArn=ROLE, RoleSessionName='xx') == 'AccessDenied'
    assert refused(sts.assume_role, RoleArn=role('Outside'), RoleSessionName='xx') == 'AccessDenied'
    sts.assume_role(RoleArn=role('Outside'), RoleSessionName='xx', ExternalId='student-42')
    assert refused(sts.assume_role, RoleArn=ROLE, RoleSessionName='a b') == 'ValidationError'


def test_logs_holds_putlogevents_to_its_limits(cloud):
    logs, group = client('logs', cloud.url['logs']), f'g{time.time_ns()}'
    now = int(time.time() * 1000)

    def put(events):
        return logs.put_log_events(logGroupName=group, logStreamName='s', logEvents=events)
    event = {'timestamp': now, 'message': 'm'}
    assert refused(put, [event]) == 'ResourceNotFoundException'
    logs.create_log_group(logGroupName=group)
    assert refused(put, [event]) == 'ResourceNotFoundException'
    assert refused(logs.create_log_group, logGroupName=group) == 'ResourceAlreadyExistsException'
    logs.create_log_stream(logGroupName=group, logStreamName='s')
    logs.put_retention_policy(logGroupName=group, retentionInDays=30)
    assert refused(logs.put_retention_policy, logGroupName=group, retentionInDays=31) == 'InvalidParameterException'
    assert refused(put, [event] * 10001) == 'InvalidParameterException'
    assert refused(put, [{'timestamp': now, 'message': 'm' * 1048551}]) == 'InvalidParameterException'
    assert refused(put, [event, {**event, 'timestamp': now - 1}]) == 'InvalidParameterException'
    assert refused(put, [{**event, 'timestamp': now - 86400001}, event]) == 'InvalidParameterException'
    put([{'timestamp': now, 'message': 'm' * 1048550}])
    assert put([{**event, 'timestamp': now - 15 * 86400000}])['rejectedLogEventsInfo']['tooOldLogEventEndIndex'] == 1
    cloud.fault('logs', 'deny', 'PutLogEvents', count=1)
    assert refused(put, [event]) == 'AccessDeniedException'
    assert len(cloud.ask('/logs')[group]['streams']['s']) == 1


def b64(data):
    return base64.b64encode(data).decode()


def crc(data):
    return b64(zlib.crc32(data).to_bytes(4, 'big'))


def test_s3_keeps_what_it_is_given(s3):
    body = os.urandom(100000)
    s3.put_object(Bucket='student-backup', Key='a/ü +%é~.json', Body=body, ContentType='application/json', Metadata={'run': 'r1'},
                  Tagging='a=b%20c', StorageClass='STANDARD_IA', ServerSideEncryption='aws:kms', SSEKMSKeyId='k')
    got = s3.get_object(Bucket='student-backup', Key='a/ü +%é~.json')
    assert got['Body'].read() == body and got['ContentType'] == 'application/json' and got['Metadata'] == {'run': 'r1'}
    assert got['StorageClass'] == 'STANDARD_IA' and got['SSEKMSKeyId'] == 'k' and got['ETag'] == f'"{hashlib.md5(body).hexdigest()}"'
    assert s3.get_object_tagging(Bucket='student-backup', Key='a/ü +%é~.json')['TagSet'] == [{'Key': 'a', 'Value': 'b c'}]
    part = s3.get_object(Bucket='student-backup', Key='a/ü +%é~.json', Range='bytes=10-19')
    assert part['Body'].read() == body[10:20] and part['ContentRange'] == 'bytes 10-19/100000'
    assert refused(s3.get_object, Bucket='student-backup', Key='a/ü +%é~.json', Range='bytes=100000-') == 'InvalidRange'


def test_s3_checks_every_body(cloud, s3):
    put = {'Bucket': 'student-backup', 'Key': 'checked', 'Body': b'hello'}
    assert refused(s3.put_object, **put, ContentMD5=b64(hashlib.md5(b'hallo').digest())) == 'BadDigest'
    assert refused(s3.put_object, **put, ChecksumCRC32=crc(b'hallo')) == 'BadDigest'
    s3.put_object(**put, ChecksumCRC32=crc(b'hello'))
    assert refused(s3.put_object, **put, ExpectedBucketOwner='999999999999') == 'AccessDenied'
    s3.put_object(**put, ExpectedBucketOwner='123456789012')
    assert refused(s3.put_object, Bucket='nobody-has-this', Key='k') == 'NoSuchBucket'


def create_only(params, **_):
    params['headers']['If-None-Match'] = '*'


def test_s3_creates_only_when_asked(cloud):
    s3 = client('s3', cloud.url['s3'])
    s3.delete_object(Bucket='student-backup', Key='once')
    s3.meta.events.register('before-call.s3.PutObject', create_only)
    s3.put_object(Bucket='student-backup', Key='once', Body=b'1')
    assert refused(s3.put_object, Bucket='student-backup', Key='once', Body=b'2') == 'PreconditionFailed'
    cloud.fault('s3', 'error', 'PutObject', status=409, code='ConditionalRequestConflict', count=1)
    assert refused(s3.put_object, Bucket='student-backup', Key='once', Body=b'2') == 'ConditionalRequestConflict'


def test_s3_multipart_rules(s3):
    where = {'Bucket': 'student-backup', 'Key': 'big'}
    upload = s3.create_multipart_upload(**where, Metadata={'run': 'r'})['UploadId']
    where['UploadId'] = upload
    bodies = {1: os.urandom(5 * MIB), 2: os.urandom(5 * MIB), 3: b'end', 4: b'more'}
    assert refused(s3.upload_part, **where, PartNumber=10001, Body=b'') == 'InvalidArgument'
    assert refused(s3.upload_part, **{**where, 'UploadId': 'x'}, PartNumber=1, Body=b'') == 'NoSuchUpload'
    parts = {n: s3.upload_part(**where, PartNumber=n, Body=body, ContentMD5=b64(hashlib.md5(body).digest()))['ETag']
             for n, body in bodies.items()}

    def complete(*numbers, **other):
        return s3.complete_multipart_upload(**where, MultipartUpload={'Parts': [
            {'PartNumber': n, 'ETag': other.get('etag', parts[n])} for n in numbers]})
    assert refused(complete, 1, 2, 3, 4) == 'EntityTooSmall'
    assert refused(complete, 2, 1) == 'InvalidPartOrder'
    assert refused(complete, 1, etag='"0"') == 'InvalidPart'
    listed = s3.list_parts(**where, MaxParts=3)
    assert [p['PartNumber'] for p in listed['Parts']] == [1, 2, 3] and listed['IsTruncated']
    assert [u['Key'] for u in s3.list_multipart_uploads(Bucket='student-backup')['Uploads']] == ['big']
    complete(1, 2, 3)
    assert s3.get_object(Bucket='student-backup', Key='big')['Body'].read() == bodies[1] + bodies[2] + b'end'
    assert s3.head_object(Bucket='student-backup', Key='big')['Metadata'] == {'run': 'r'}
    assert refused(complete, 1) == 'NoSuchUpload'
    gone = s3.create_multipart_upload(Bucket='student-backup', Key='gone')['UploadId']
    s3.abort_multipart_upload(Bucket='student-backup', Key='gone', UploadId=gone)
    assert 'Uploads' not in s3.list_multipart_uploads(Bucket='student-backup')


def header(name, value):
    return lambda params, **_: params['headers'].__setitem__(name, value)


def test_s3_full_object_checksum_of_a_multipart_upload(cloud):
    first, second = os.urandom(5 * MIB), b'end'

    def upload(whole, size=None, with_crc=True):
        s3 = client('s3', cloud.url['s3'])
        for name, value in (('x-amz-checksum-algorithm', 'CRC32'), ('x-amz-checksum-type', 'FULL_OBJECT')):
            s3.meta.events.register('before-call.s3.CreateMultipartUpload', header(name, value))
        where = {'Bucket': 'student-backup', 'Key': 'summed'}
        where['UploadId'] = s3.create_multipart_upload(**where)['UploadId']
        parts = []
        for number, body in ((1, first), (2, second)):
            more = {'ChecksumCRC32': crc(body)} if with_crc else {}
            parts.append({'PartNumber': number, 'ETag': s3.upload_part(**where, PartNumber=number, Body=body, **more)['ETag']})
        for name, value in (('x-amz-checksum-crc32', whole), ('x-amz-checksum-type', 'FULL_OBJECT'), ('x-amz-mp-object-size', size)):
            if value is not None:
                s3.meta.events.register('before-call.s3.CompleteMultipartUpload', header(name, str(value)))
        return s3.complete_multipart_upload(**where, MultipartUpload={'Parts': parts})
    assert refused(upload, crc(first)) == 'BadDigest'
    assert refused(upload, crc(first + second), 5) == 'InvalidRequest'
    assert refused(upload, None, None, False) == 'InvalidRequest'
    assert upload(crc(first + second), 5 * MIB + 3)['ChecksumCRC32'] == crc(first + second)


def test_s3_lists_in_pages_with_prefixes(s3):
    keys = [f'l/{a}/{b:02}' for a in ('x', 'y', 'z') for b in range(5)] + ['l/ü&<', 'l/zz']
    for key in keys:
        s3.put_object(Bucket='student-backup', Key=key, Body=b'1')
    pages = list(s3.get_paginator('list_objects_v2').paginate(Bucket='student-backup', Prefix='l/', PaginationConfig={'PageSize': 4}))
    assert [c['Key'] for p in pages for c in p['Contents']] == sorted(keys, key=lambda k: k.encode()) and len(pages) == 5
    pages = s3.get_paginator('list_objects_v2').paginate(Bucket='student-backup', Prefix='l/', Delimiter='/', PaginationConfig={'PageSize': 2})
    folders = [c['Prefix'] for p in pages for c in p.get('CommonPrefixes', [])]
    assert folders == ['l/x/', 'l/y/', 'l/z/']
    gone = s3.delete_objects(Bucket='student-backup', Delete={'Objects': [{'Key': k} for k in keys]})
    assert len(gone['Deleted']) == len(keys) and s3.list_objects_v2(Bucket='student-backup', Prefix='l/')['KeyCount'] == 0


def test_a_presigned_link_lives_as_long_as_it_says_and_its_credentials_do(cloud, s3):
    s3.put_object(Bucket='student-backup', Key='linked', Body=b'data')
    where = {'Bucket': 'student-backup', 'Key': 'linked', 'ResponseContentDisposition': 'attachment; filename="x.json"'}

    def link(keys, seconds):
        made = client('s3', cloud.url['s3'], keys, signature_version='s3v4')
        return made.generate_presigned_url('get_object', where, seconds)
    url = link(None, 2)
    status, headers, body = fetch(url)
    assert (status, body, headers['Content-Disposition']) == (200, b'data', 'attachment; filename="x.json"')
    assert fetch(url.replace('linked', 'other'))[0] == 403
    short = link(cloud.key('ASIASHORT00000000000', 's', ROLE, 'token', time.time() + 2), 3600)
    assert fetch(short)[0] == 200
    time.sleep(2.5)
    assert b'Request has expired' in fetch(url)[2] and b'ExpiredToken' in fetch(short)[2]


def test_the_proxy_injects_each_fault(cloud):
    def ask():
        return client('dynamodb', cloud.url['dynamodb']).list_tables()
    cloud.fault('dynamodb', 'throttle', count=1)
    assert refused(ask) == 'ProvisionedThroughputExceededException'
    cloud.fault('dynamodb', 'error', status=503, code='ServiceUnavailable', count=1)
    assert refused(ask) == 'ServiceUnavailable'
    for action, error in (('close', botocore.exceptions.ConnectionClosedError), ('reset', botocore.exceptions.ConnectionError),
                          ('crc', botocore.exceptions.ClientError)):
        cloud.fault('dynamodb', action, count=1)
        if action == 'crc':  # botocore notices and would try again; we let it try no more
            client('dynamodb', cloud.url['dynamodb'])
            status, headers, body = raw_list(cloud)
            assert status == 200 and int(headers['x-amz-crc32']) != zlib.crc32(body)
            continue
        with pytest.raises((error, botocore.exceptions.HTTPClientError)):
            ask()
    cloud.fault('dynamodb', 'malformed', count=1)
    assert raw_list(cloud)[2].startswith(b'{"<')
    cloud.fault('dynamodb', 'throttle', count=1, skip=1)
    ask()
    assert refused(ask) == 'ProvisionedThroughputExceededException'
    ask()


def raw_list(cloud):
    """ListTables with botocore's signature and urllib's eyes."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    request = AWSRequest('POST', cloud.url['dynamodb'] + '/', {'X-Amz-Target': 'DynamoDB_20120810.ListTables',
                                                               'Content-Type': 'application/x-amz-json-1.0'}, b'{}')
    SigV4Auth(Credentials(HOST['access_key'], HOST['secret_key']), 'dynamodb', 'us-east-1').add_auth(request)
    return fetch(request.url, 'POST', request.data, dict(request.headers))


def test_empty_pages_lose_nothing_on_the_way(cloud, dynamo):
    dynamo.create_table(TableName='empties', KeySchema=[{'AttributeName': 'id', 'KeyType': 'HASH'}], BillingMode='PAY_PER_REQUEST',
                        AttributeDefinitions=[{'AttributeName': 'id', 'AttributeType': 'S'}])
    for n in range(30):
        dynamo.put_item(TableName='empties', Item={'id': {'S': str(n)}})
    cloud.fault('dynamodb', 'empty-page', 'Scan', count=3, skip=1)
    pages = list(client('dynamodb', cloud.url['dynamodb']).get_paginator('scan').paginate(TableName='empties', Limit=5))
    assert sum(not page['Items'] for page in pages[:-1]) == 3
    assert sorted(int(i['id']['S']) for page in pages for i in page['Items']) == list(range(30))


def test_mail_goes_through_the_proxy(cloud):
    ses = client('sesv2', cloud.url['ses'])
    ses.send_email(FromEmailAddress='a@example.edu.vn', Destination={'ToAddresses': ['b@example.edu.vn']}, Content={
        'Simple': {'Subject': {'Data': 'Sao lưu'}, 'Body': {'Text': {'Data': 'xin chào'}}}})
    mails = json.loads(fetch(cloud.url['ses'] + '/store')[2])['emails']
    assert any(mail['subject'] == 'Sao lưu' for mail in mails)
    cloud.fault('ses', 'error', 'SendEmail', status=400, code='MessageRejected', message='Email address is not verified.')
    assert refused(ses.send_email, FromEmailAddress='a@example.edu.vn', Destination={'ToAddresses': ['x@example.edu.vn']},
                   Content={'Raw': {'Data': b'x'}}) == 'MessageRejected'


def test_ceph_and_its_sts_through_the_proxy(cloud, rgw):
    sts = client('sts', cloud.url['rgw'])
    answer = sts.assume_role(RoleArn=rgw['role_arn'], RoleSessionName='xx')['Credentials']
    keys = {'access_key': answer['AccessKeyId'], 'secret_key': answer['SecretAccessKey'], 'token': answer['SessionToken']}
    store = client('s3', cloud.url['rgw'], keys)
    store.put_object(Bucket=rgw['bucket'], Key='backups/x', Body=b'x' * MIB)
    assert refused(store.put_object, Bucket=rgw['bucket'], Key='elsewhere', Body=b'x') == 'AccessDenied'
    assert store.head_object(Bucket=rgw['bucket'], Key='backups/x')['ContentLength'] == MIB
    client('dynamodb', cloud.url['dynamodb'], keys).list_tables()
    assert cloud.count('rgw', 'AssumeRole') == 1 and cloud.count('rgw', 'PutObject') == 2


def test_unsigned_payload_is_for_tls_alone(cloud, tmp_path):
    def put(url):
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials
        request = AWSRequest('PUT', url + '/student-backup/unsigned', {'X-Amz-Content-SHA256': 'UNSIGNED-PAYLOAD'}, b'hello')
        signer = S3SigV4Auth(Credentials(HOST['access_key'], HOST['secret_key']), 's3', 'us-east-1')
        signer.payload = lambda _request: 'UNSIGNED-PAYLOAD'
        signer.add_auth(request)
        headers = [word for name, value in request.headers.items() for word in ('-H', f'{name}: {value}')]
        done = subprocess.run(['curl', '-s', '--cacert', tmp_path / 'ca.pem', '-X', 'PUT', '-d', 'hello', '-H', 'Content-Type:', *headers,
                               request.url], capture_output=True, text=True)
        return done.stdout
    make_ca(tmp_path)
    assert 'XAmzContentSHA256Mismatch' in put(cloud.url['s3'])
    secure = Cloud({'keys': [{**HOST, 'arn': HOST_ARN}], 'services': {'s3': {'tls': str(tmp_path), 'buckets': {'student-backup': {}}}}})
    try:
        assert put(secure.url['s3']) == '' and secure.count('s3', 'PutObject') == 1
    finally:
        secure.stop()


def test_one_tls_front_answers_to_aws_own_names(tmp_path):
    front = Cloud({'keys': [{**HOST, 'arn': HOST_ARN}], 'tls': {'folder': str(tmp_path), 'buckets': ['student-backup']},
                   'services': {'s3': {'buckets': {'student-backup': {}}}, 'sts': {}, 'logs': {}}})
    try:
        def curl(url, *words):
            return subprocess.run(['curl', '-s', '--cacert', tmp_path / 'ca.pem', '--connect-to', f'::{front.url["tls"].split("//")[1]}',
                                   *words, url], capture_output=True, text=True)
        assert 'MissingAuthenticationToken' in curl('https://sts.us-east-1.amazonaws.com/', '-d', 'Action=AssumeRole').stdout
        assert 'MissingAuthenticationTokenException' in curl('https://logs.us-east-1.amazonaws.com/', '-d', '{}').stdout
        s3 = boto3.client('s3', region_name='us-east-1', aws_access_key_id=HOST['access_key'], aws_secret_access_key=HOST['secret_key'],
                          endpoint_url='https://s3.us-east-1.amazonaws.com', config=botocore.config.Config(
                              signature_version='s3v4', s3={'addressing_style': 'virtual'}))
        where = {'Bucket': 'student-backup', 'Key': 'a b'}
        assert curl(s3.generate_presigned_url('put_object', where), '-X', 'PUT', '-H', 'Content-Type:', '-d', 'hello').stdout == ''
        link = s3.generate_presigned_url('get_object', where)
        assert link.startswith('https://student-backup.s3.us-east-1.amazonaws.com/') and curl(link).stdout == 'hello'
        assert curl('https://sts.us-east-1.amazonaws.com/', '--cacert', '/etc/ssl/certs/ca-certificates.crt').returncode == 60
    finally:
        front.stop()
