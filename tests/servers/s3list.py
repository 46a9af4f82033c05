# SPDX-License-Identifier: Apache-2.0
"""The three listings of the strict S3, each with its paging: objects, multipart uploads, parts."""
import base64
from urllib.parse import quote

from .keys import iso
from .web import Failure, Response, xml_text

NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/'


def page(name, inner):
    return Response(200, f'<?xml version="1.0" encoding="UTF-8"?>\n<{name} xmlns="{NAMESPACE}">{inner}</{name}>'.encode(),
                    Content_Type='application/xml')


def number(request, name, default=1000):
    text = request.param(name, str(default))
    if not text.isdigit():
        raise Failure(400, 'InvalidArgument', f'Provided {name} not an integer or within integer range')
    return min(int(text), default)


def writer(request):
    """How names are written: XML-escaped, or percent-encoded as the caller asked."""
    kind = request.param('encoding-type')
    if kind not in (None, 'url'):
        raise Failure(400, 'InvalidArgument', 'Invalid Encoding Method specified in Request')
    return (lambda text: quote(text, safe='/-_.~*')) if kind else xml_text


def tag(name, value):
    return f'<{name}>{value}</{name}>'


def list_objects(_s3, request, bucket, _key):
    if request.param('list-type') != '2':
        raise Failure(501, 'NotImplemented', 'ListObjectsV2 only')
    write, limit = writer(request), number(request, 'max-keys')
    prefix, delimiter = request.param('prefix', ''), request.param('delimiter', '')
    token = request.param('continuation-token')
    try:
        after = base64.urlsafe_b64decode(token).decode() if token else request.param('start-after', '')
    except ValueError as wrong:
        raise Failure(400, 'InvalidArgument', 'The continuation token provided is incorrect') from wrong
    found, more = bucket.list(prefix, delimiter, after, limit)
    out = [tag('Name', bucket.name), tag('Prefix', write(prefix)), tag('MaxKeys', limit), tag('KeyCount', len(found)),
           tag('IsTruncated', str(more).lower())]
    if delimiter:
        out.append(tag('Delimiter', write(delimiter)))
    if request.param('encoding-type'):
        out.append(tag('EncodingType', 'url'))
    if more:
        last = found[-1][0]  # a common prefix stands for all below it: bucket.list goes on after them
        out.append(tag('NextContinuationToken', base64.urlsafe_b64encode(last.encode()).decode()))
    for name, thing in found:
        if thing:
            out.append('<Contents>' + tag('Key', write(name)) + tag('LastModified', iso(thing.written).replace('Z', '.000Z')) +
                       tag('ETag', f'&quot;{thing.etag}&quot;') + tag('Size', thing.size) +
                       tag('StorageClass', thing.headers.get('x-amz-storage-class', 'STANDARD')) + '</Contents>')
        else:
            out.append('<CommonPrefixes>' + tag('Prefix', write(name)) + '</CommonPrefixes>')
    return page('ListBucketResult', ''.join(out))


def list_uploads(_s3, request, bucket, _key):
    write, limit, prefix = writer(request), number(request, 'max-uploads'), request.param('prefix', '')
    marker = (request.param('key-marker', ''), request.param('upload-id-marker', ''))
    found = sorted((upload.key, upload.id) for upload in list(bucket.uploads.values()) if upload.key.startswith(prefix))
    if marker[0]:
        found = [pair for pair in found if pair > marker and (marker[1] or pair[0] != marker[0])]
    shown, more = found[:limit], len(found) > limit
    out = [tag('Bucket', bucket.name), tag('MaxUploads', limit), tag('IsTruncated', str(more).lower()), tag('Prefix', write(prefix))]
    if request.param('encoding-type'):
        out.append(tag('EncodingType', 'url'))
    if more:
        out += [tag('NextKeyMarker', write(shown[-1][0])), tag('NextUploadIdMarker', shown[-1][1])]
    for key, upload_id in shown:
        upload = bucket.uploads[upload_id]
        out.append('<Upload>' + tag('Key', write(key)) + tag('UploadId', upload_id) +
                   tag('Initiated', iso(upload.started).replace('Z', '.000Z')) + '</Upload>')
    return page('ListMultipartUploadsResult', ''.join(out))


def list_parts(_s3, request, bucket, key):
    upload = bucket.upload(key, request.param('uploadId'))
    limit, marker = number(request, 'max-parts'), number(request, 'part-number-marker', 10000) if request.param('part-number-marker') else 0
    numbers = sorted(n for n in upload.parts if n > marker)
    shown, more = numbers[:limit], len(numbers) > limit
    out = [tag('Bucket', bucket.name), tag('Key', writer(request)(key)), tag('UploadId', upload.id), tag('PartNumberMarker', marker),
           tag('MaxParts', limit), tag('IsTruncated', str(more).lower()), tag('NextPartNumberMarker', shown[-1] if shown else 0)]
    if upload.algorithm:
        out += [tag('ChecksumAlgorithm', upload.algorithm), tag('ChecksumType', upload.kind)]
    for n in shown:
        part = upload.parts[n]
        out.append('<Part>' + tag('PartNumber', n) + tag('LastModified', iso(part.written).replace('Z', '.000Z')) +
                   tag('ETag', f'&quot;{part.etag}&quot;') + tag('Size', len(part.body)) +
                   (tag('ChecksumCRC32', part.checksum) if part.checksum else '') + '</Part>')
    return page('ListPartsResult', ''.join(out))
