# SPDX-License-Identifier: Apache-2.0
"""A strict S3: what AWS checks and other stand-ins do not. Objects live in memory.

Signatures (header and pre-signed), payload hashes, Content-MD5 and x-amz-checksum-crc32 of every body, part sizes, part
order, ETags at Complete, create-only writes, the bucket's owner and region. Path-style and virtual-hosted.

config: `buckets` = {name: {region, owner, redirect (301 or 400 for a request signed for another region), create_only
(true; "ignore" or 501, as other stores do with If-None-Match), readers/writers: [role ARNs], versioned (true: answers name a
version, and a DELETE only hides: the bucket's `hidden` keeps what was locked), undeletable: [parts of keys]}}.
"""
import base64
import hashlib
import re
import xml.etree.ElementTree as ElementTree
import zlib
from email.utils import formatdate
from urllib.parse import unquote

from . import s3list
from .keys import role_of
from .s3store import Bucket, Object, Upload, b64crc
from .web import Failure, Response, Service, xml_text

KEPT = ('content-type', 'content-disposition', 'content-encoding', 'cache-control', 'x-amz-storage-class',
        'x-amz-server-side-encryption', 'x-amz-server-side-encryption-aws-kms-key-id', 'x-amz-object-lock-mode',
        'x-amz-object-lock-retain-until-date', 'x-amz-object-lock-legal-hold')
SUBRESOURCES = ('uploads', 'uploadId', 'delete', 'location', 'tagging', 'list-type')
NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/'


class S3(Service):
    name = 's3'
    judges = True
    REFUSALS = {
        'missing': (403, 'AccessDenied'), 'malformed': (400, 'AuthorizationHeaderMalformed'),
        'unknown': (403, 'InvalidAccessKeyId'), 'token': (400, 'InvalidToken'), 'expired': (400, 'ExpiredToken'),
        'skew': (403, 'RequestTimeTooSkewed'), 'payload': (400, 'XAmzContentSHA256Mismatch'),
        'unsigned-header': (403, 'AccessDenied'), 'link-expired': (403, 'AccessDenied'), '': (403, 'SignatureDoesNotMatch')}
    OPERATIONS = {
        ('PUT', 'object', ''): 'PutObject', ('GET', 'object', ''): 'GetObject', ('HEAD', 'object', ''): 'HeadObject',
        ('DELETE', 'object', ''): 'DeleteObject', ('POST', 'object', 'uploads'): 'CreateMultipartUpload',
        ('PUT', 'object', 'uploadId'): 'UploadPart', ('POST', 'object', 'uploadId'): 'CompleteMultipartUpload',
        ('DELETE', 'object', 'uploadId'): 'AbortMultipartUpload', ('GET', 'object', 'uploadId'): 'ListParts',
        ('GET', 'object', 'tagging'): 'GetObjectTagging', ('GET', 'bucket', 'uploads'): 'ListMultipartUploads',
        ('GET', 'bucket', 'list-type'): 'ListObjectsV2', ('POST', 'bucket', 'delete'): 'DeleteObjects',
        ('GET', 'bucket', 'location'): 'GetBucketLocation', ('HEAD', 'bucket', ''): 'HeadBucket',
        ('PUT', 'bucket', ''): 'CreateBucket'}
    WRITES = ('PutObject', 'DeleteObject', 'CreateMultipartUpload', 'UploadPart', 'CompleteMultipartUpload',
              'AbortMultipartUpload', 'DeleteObjects')

    def __init__(self, cloud, config):
        super().__init__(cloud, config)
        self.region = None  # each bucket has its own
        self.buckets = {}
        for name, what in config.get('buckets', {}).items():
            self.make_bucket(name, what)

    def make_bucket(self, name, what):
        self.buckets[name] = Bucket(name, what.get('region', self.cloud.region), what.get('owner', self.cloud.account), what)

    def place(self, request):
        """Bucket and key, from Host or path."""
        host = request.header('host', '').split(':')[0]
        path = unquote(request.path[1:], errors='surrogateescape')
        hosted = re.fullmatch(r'(.+)\.s3[.-].*', host)
        if hosted:
            return hosted[1], path
        bucket, _, key = path.partition('/')
        return bucket, key

    def operation(self, request):
        names = {name for name, _ in request.query_pairs}
        sub = next((name for name in SUBRESOURCES if name in names), '')
        return self.OPERATIONS.get((request.method, 'object' if self.place(request)[1] else 'bucket', sub), 'Unknown')

    def target(self, request):
        return '/'.join(self.place(request))

    def fail(self, request, failure):
        details = ''.join(f'<{name}>{xml_text(value)}</{name}>' for name, value in failure.details.items())
        body = (f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{failure.code}</Code><Message>{xml_text(failure.message)}'
                f'</Message>{details}<RequestId>{request.id}</RequestId><HostId>c3RyaWN0</HostId></Error>')
        response = Response(failure.status, b'' if request.method == 'HEAD' else body.encode(), Content_Type='application/xml')
        if 'Region' in failure.details:
            response.headers['x-amz-bucket-region'] = failure.details['Region']
        return response

    def stamp(self, request, response):
        response.headers.setdefault('x-amz-request-id', request.id)
        response.headers.setdefault('x-amz-id-2', 'c3RyaWN0')
        response.headers.setdefault('Server', 'AmazonS3')

    def answer(self, request):
        name, key = self.place(request)
        operation = self.operation(request)
        self.judge(request)
        if operation == 'CreateBucket':
            self.make_bucket(name, {})
            return Response(200)
        bucket = self.buckets.get(name)
        if not bucket:
            raise Failure(404, 'NoSuchBucket', 'The specified bucket does not exist', BucketName=name)
        self.admit(request, bucket, operation)
        check_key(key)
        check_body(request)
        call = getattr(self, 'do_' + operation, None)
        if not call or request.header('x-amz-copy-source'):
            raise Failure(501, 'NotImplemented', f'A header or query you provided implies functionality that is not implemented: {operation}')
        return call(request, bucket, key)

    def meddle(self, rule, request):
        if rule['action'] == 'move':
            self.buckets[self.place(request)[0]].region = rule['region']
        super().meddle(rule, request)

    def admit(self, request, bucket, operation):
        scope = re.search(r'(?:Credential=|X-Amz-Credential=)[^/%]+(?:/|%2F)\d{8}(?:/|%2F)([\w-]+)',
                          request.header('authorization', '') + request.query)[1]
        if scope != bucket.region:
            if bucket.config.get('redirect', 301) == 301:
                raise Failure(301, 'PermanentRedirect', 'The bucket you are attempting to access must be addressed using the '
                              'specified endpoint.', Region=bucket.region, Bucket=bucket.name)
            raise Failure(400, 'AuthorizationHeaderMalformed', f"The authorization header is malformed; the region '{scope}' is "
                          f"wrong; expecting '{bucket.region}'", Region=bucket.region)
        owner = request.header('x-amz-expected-bucket-owner')
        allowed = bucket.config.get('writers' if operation in self.WRITES else 'readers')
        if owner not in (None, bucket.owner) or (allowed is not None and role_of(request.key.arn) not in allowed):
            raise Failure(403, 'AccessDenied', 'Access Denied')

    # Objects.
    def do_PutObject(self, request, bucket, key):
        self.check_create_only(request, bucket, key)
        etag = hashlib.md5(request.body).hexdigest()
        checksum = request.header('x-amz-checksum-crc32')
        with self._lock:
            self.check_create_only(request, bucket, key)
            bucket.objects[key] = Object([request.body], etag, kept_headers(request), (
                ('x-amz-checksum-crc32', checksum, 'FULL_OBJECT') if checksum else ()), request.header('x-amz-tagging', ''),
                self.cloud.keys.now())
        headers = {'ETag': f'"{etag}"', **sse_headers(bucket.objects[key].headers)}
        if checksum:
            headers['x-amz-checksum-crc32'] = checksum
        return Response(200, b'', headers)

    def check_create_only(self, request, bucket, key):
        condition, mode = request.header('if-none-match'), bucket.config.get('create_only', True)
        if condition is None or mode == 'ignore':
            return
        if mode == 501 or condition != '*':
            raise Failure(501, 'NotImplemented', 'A header you provided implies functionality that is not implemented',
                          Header='If-None-Match')
        if key in bucket.objects:
            raise Failure(412, 'PreconditionFailed', 'At least one of the pre-conditions you specified did not hold',
                          Condition='If-None-Match')

    def do_GetObject(self, request, bucket, key):
        thing = bucket.object(key)
        headers = self.object_headers(request, thing)
        for name, value in request.query_pairs:
            if name.startswith('response-'):
                headers[name[9:].title()] = value
        wanted = request.header('range')
        if not wanted or request.method == 'HEAD':
            return Response(200, list(thing.pieces), headers)
        first, last = byte_range(wanted, thing.size)
        headers['Content-Range'] = f'bytes {first}-{last}/{thing.size}'
        headers.pop('x-amz-checksum-crc32', None)
        return Response(206, thing.read(first, last), headers)

    do_HeadObject = do_GetObject

    def object_headers(self, request, thing):
        headers = {'ETag': f'"{thing.etag}"', 'Last-Modified': formatdate(thing.written, usegmt=True), 'Accept-Ranges': 'bytes',
                   **thing.headers}
        headers.setdefault('content-type', 'binary/octet-stream')
        if thing.checksum and request.header('x-amz-checksum-mode', '').upper() == 'ENABLED':
            headers[thing.checksum[0]], headers['x-amz-checksum-type'] = thing.checksum[1:]
        if self.place_config(request).get('versioned'):
            headers['x-amz-version-id'] = hashlib.md5(thing.etag.encode()).hexdigest()
        if thing.tags:
            headers['x-amz-tagging-count'] = str(thing.tags.count('&') + 1)
        return headers

    def do_GetObjectTagging(self, request, bucket, key):
        pairs = [piece.partition('=') for piece in bucket.object(key).tags.split('&') if piece]
        tags = ''.join(f'<Tag><Key>{xml_text(unquote(k))}</Key><Value>{xml_text(unquote(v))}</Value></Tag>' for k, _, v in pairs)
        return xml('Tagging', f'<TagSet>{tags}</TagSet>')

    def place_config(self, request):
        return self.buckets[self.place(request)[0]].config

    def remove(self, bucket, key):
        """False where the bucket's policy forbids it. Under object lock AWS says yes, and hides the object behind a delete marker."""
        if any(piece in key for piece in bucket.config.get('undeletable', [])):
            return False
        thing = bucket.objects.pop(key, None)
        if thing and any(name.startswith('x-amz-object-lock') for name in thing.headers):
            bucket.hidden[key] = thing
        return True

    def do_DeleteObject(self, request, bucket, key):
        if not self.remove(bucket, key):
            raise Failure(403, 'AccessDenied', 'Access Denied')
        return Response(204)

    def do_DeleteObjects(self, request, bucket, _key):
        if not request.header('content-md5') and not request.header('x-amz-checksum-crc32'):
            raise Failure(400, 'InvalidRequest', 'Missing required header for this request: Content-MD5')
        root = parse_xml(request.body, 'Delete')
        keys = [node.text or '' for node in root.iter('Key')]
        if not 1 <= len(keys) <= 1000:
            raise Failure(400, 'MalformedXML', 'The XML you provided was not well-formed or did not validate: 1 to 1000 keys')
        request.note['keys'] = len(keys)
        out = []
        for key in keys:
            if not self.remove(bucket, key):
                out.append(f'<Error><Key>{xml_text(key)}</Key><Code>AccessDenied</Code><Message>Access Denied</Message></Error>')
                continue
            if root.findtext('Quiet') != 'true':
                out.append(f'<Deleted><Key>{xml_text(key)}</Key></Deleted>')
        return xml('DeleteResult', ''.join(out))

    # Buckets.
    def do_HeadBucket(self, request, bucket, _key):
        return Response(200, x_amz_bucket_region=bucket.region)

    def do_GetBucketLocation(self, request, bucket, _key):
        return xml('LocationConstraint', '' if bucket.region == 'us-east-1' else bucket.region)

    do_ListObjectsV2 = s3list.list_objects
    do_ListMultipartUploads = s3list.list_uploads
    do_ListParts = s3list.list_parts

    # Multipart uploads.
    def do_CreateMultipartUpload(self, request, bucket, key):
        algorithm = request.header('x-amz-checksum-algorithm', '')
        kind = request.header('x-amz-checksum-type', 'COMPOSITE' if algorithm else '')
        if algorithm not in ('', 'CRC32') or kind not in ('', 'COMPOSITE', 'FULL_OBJECT') or (kind and not algorithm):
            raise Failure(400, 'InvalidRequest', f'Checksum algorithm {algorithm!r} of type {kind!r} is not served here')
        upload = Upload(key, kept_headers(request), request.header('x-amz-tagging', ''), algorithm, kind, self.cloud.keys.now())
        bucket.uploads[upload.id] = upload
        answer = xml('InitiateMultipartUploadResult', f'<Bucket>{bucket.name}</Bucket><Key>{xml_text(key)}</Key>'
                     f'<UploadId>{upload.id}</UploadId>')
        answer.headers.update(sse_headers(upload.headers))
        return answer

    def do_UploadPart(self, request, bucket, key):
        number = request.param('partNumber', '')
        if not number.isdigit():
            raise Failure(400, 'InvalidArgument', 'Part number must be an integer between 1 and 10000, inclusive')
        etag, checksum = hashlib.md5(request.body).hexdigest(), request.header('x-amz-checksum-crc32', '')
        with self._lock:
            bucket.upload(key, request.param('uploadId')).put(int(number), request.body, etag, checksum, self.cloud.keys.now())
        return Response(200, b'', {'ETag': f'"{etag}"', **({'x-amz-checksum-crc32': checksum} if checksum else {})})

    def do_CompleteMultipartUpload(self, request, bucket, key):
        parts = [(int(node.findtext('PartNumber') or 0), node.findtext('ETag') or '', node.findtext('ChecksumCRC32') or '')
                 for node in parse_xml(request.body, 'CompleteMultipartUpload').iter('Part')]
        size = request.header('x-amz-mp-object-size')
        with self._lock:
            upload = bucket.upload(key, request.param('uploadId'))
            if request.header('x-amz-checksum-type', upload.kind) != upload.kind:
                raise Failure(400, 'InvalidRequest', f'The upload was created with checksum type {upload.kind or "null"}')
            self.check_create_only(request, bucket, key)
            thing = upload.complete(parts, request.header('x-amz-checksum-crc32', ''), int(size) if size else None)
            thing.written = self.cloud.keys.now()
            bucket.objects[key] = thing
            del bucket.uploads[upload.id]
        sum_xml = f'<ChecksumCRC32>{thing.checksum[1]}</ChecksumCRC32><ChecksumType>{thing.checksum[2]}</ChecksumType>' if thing.checksum else ''
        return xml('CompleteMultipartUploadResult', f'<Location>/{bucket.name}/{xml_text(key)}</Location><Bucket>{bucket.name}'
                   f'</Bucket><Key>{xml_text(key)}</Key><ETag>"{thing.etag}"</ETag>{sum_xml}')

    def do_AbortMultipartUpload(self, request, bucket, key):
        with self._lock:
            del bucket.uploads[bucket.upload(key, request.param('uploadId')).id]
        return Response(204)


def xml(name, inner):
    return Response(200, f'<?xml version="1.0" encoding="UTF-8"?>\n<{name} xmlns="{NAMESPACE}">{inner}</{name}>'.encode(),
                    Content_Type='application/xml')


def parse_xml(body, root):
    try:
        tree = ElementTree.fromstring(body)
    except ElementTree.ParseError as wrong:
        raise Failure(400, 'MalformedXML', f'The XML you provided was not well-formed: {wrong}') from wrong
    for node in tree.iter():
        node.tag = node.tag.rpartition('}')[2]
    if tree.tag != root:
        raise Failure(400, 'MalformedXML', f'Expected {root}, not {tree.tag}')
    return tree


def kept_headers(request):
    return {name: value for name, value in request.headers if name in KEPT or name.startswith('x-amz-meta-')}


def sse_headers(headers):
    return {name: value for name, value in headers.items() if name.startswith('x-amz-server-side')}


def check_key(key):
    try:
        size = len(key.encode())
    except UnicodeEncodeError as wrong:
        raise Failure(400, 'InvalidURI', "Couldn't parse the specified URI.") from wrong
    if size > 1024:
        raise Failure(400, 'KeyTooLongError', 'Your key is too long', Size=size, MaxSizeAllowed=1024)


def check_body(request):
    """Content-MD5 and the x-amz-checksum-* that we can compute must be true; what we cannot compute is refused."""
    md5 = request.header('content-md5')
    if md5 is not None and md5 != base64.b64encode(hashlib.md5(request.body).digest()).decode():
        raise Failure(400, 'BadDigest', 'The Content-MD5 you specified did not match what we received.')
    if request.header('content-encoding', '').startswith('aws-chunked'):
        raise Failure(501, 'NotImplemented', 'Transfer-Encoding aws-chunked is not served here')
    for name, value in request.headers:
        if name in ('x-amz-checksum-algorithm', 'x-amz-checksum-mode', 'x-amz-checksum-type') or not name.startswith('x-amz-checksum-'):
            continue
        if name != 'x-amz-checksum-crc32':
            raise Failure(501, 'NotImplemented', f'{name} is not served here')
        whole = request.method == 'POST' and 'uploadId=' in request.query  # Complete's header is of the object, not of the XML
        if not whole and value != b64crc(zlib.crc32(request.body)):
            raise Failure(400, 'BadDigest', 'The CRC32 you specified did not match the calculated checksum.')


def byte_range(text, size):
    match = re.fullmatch(r'bytes=(\d*)-(\d*)', text)
    if match and match[1]:
        first, last = int(match[1]), min(int(match[2] or size - 1), size - 1)
    elif match and match[2]:
        first, last = max(size - int(match[2]), 0), size - 1
    else:
        first, last = 0, size - 1
    if first > last:
        raise Failure(416, 'InvalidRange', 'The requested range is not satisfiable', ActualObjectSize=size)
    return first, last
