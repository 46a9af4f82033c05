# SPDX-License-Identifier: Apache-2.0
"""What the strict S3 keeps: buckets, objects, multipart uploads; and the arithmetic of its checksums. No HTTP here."""
import base64
import dataclasses
import hashlib
import secrets
import time
import zlib

from .web import Failure

PART_MIN, PART_MAX, PARTS_MAX = 5 << 20, 5 << 30, 10000


def b64crc(value):
    return base64.b64encode(value.to_bytes(4, 'big')).decode()


def crc_of(pieces):
    value = 0
    for piece in pieces:
        value = zlib.crc32(piece, value)
    return value


@dataclasses.dataclass
class Object:
    pieces: list
    etag: str
    headers: dict  # what HEAD and GET give back: Content-Type, x-amz-meta-*, storage class, encryption
    checksum: tuple = ()  # header name, value, FULL_OBJECT or COMPOSITE
    tags: str = ''
    written: float = dataclasses.field(default_factory=time.time)

    @property
    def size(self):
        return sum(map(len, self.pieces))

    def read(self, first, last):
        """Bytes first..last, both counted, as pieces."""
        out, at = [], 0
        for piece in self.pieces:
            begin, end = max(first - at, 0), min(last + 1 - at, len(piece))
            if begin < end:
                out.append(memoryview(piece)[begin:end])
            at += len(piece)
        return out


@dataclasses.dataclass
class Part:
    body: bytes
    etag: str
    checksum: str  # base64 CRC32, or ''
    written: float


@dataclasses.dataclass
class Upload:
    key: str
    headers: dict
    tags: str
    algorithm: str
    kind: str  # FULL_OBJECT or COMPOSITE, where there is an algorithm
    started: float
    id: str = dataclasses.field(default_factory=lambda: secrets.token_urlsafe(64))
    parts: dict = dataclasses.field(default_factory=dict)

    def put(self, number, body, etag, checksum, now):
        if not 1 <= number <= PARTS_MAX:
            raise Failure(400, 'InvalidArgument', 'Part number must be an integer between 1 and 10000, inclusive')
        if len(body) > PART_MAX:
            raise Failure(400, 'EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size')
        if bool(checksum) != bool(self.algorithm):
            raise Failure(400, 'InvalidRequest', 'Checksum Type mismatch occurred, expected checksum Type: '
                          f'{self.algorithm.lower() or "null"}, actual checksum Type: {"crc32" if checksum else "null"}')
        self.parts[number] = Part(body, etag, checksum, now)

    def complete(self, asked, whole, size):
        """The Object out of the parts `asked` for: [(number, etag, crc)]; `whole` is the CRC32 of all, `size` the sum."""
        if not asked:
            raise Failure(400, 'MalformedXML', 'The XML you provided was not well-formed: no part')
        numbers = [number for number, _, _ in asked]
        if numbers != sorted(set(numbers)):
            raise Failure(400, 'InvalidPartOrder', 'The list of parts was not in ascending order.')
        for number, etag, crc in asked:
            part = self.parts.get(number)
            if not part or part.etag != etag.strip('"') or (crc and crc != part.checksum):
                raise Failure(400, 'InvalidPart', f'One or more of the specified parts could not be found: {number}', PartNumber=number)
            if not crc and self.kind == 'COMPOSITE':
                raise Failure(400, 'InvalidRequest', f'The upload was created using a crc32 checksum. Part {number} needs it.')
        for number in numbers[:-1]:
            if len(self.parts[number].body) < PART_MIN:
                raise Failure(400, 'EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size',
                              PartNumber=number, MinSizeAllowed=PART_MIN, ProposedSize=len(self.parts[number].body))
        pieces = [self.parts[number].body for number in numbers]
        if size is not None and size != sum(map(len, pieces)):
            raise Failure(400, 'InvalidRequest', f'The provided x-amz-mp-object-size {size} does not match the sum '
                          f'of the parts {sum(map(len, pieces))}')
        digest = hashlib.md5(b''.join(bytes.fromhex(self.parts[n].etag) for n in numbers)).hexdigest()
        return Object(pieces, f'{digest}-{len(numbers)}', self.headers, self.sum_of(numbers, pieces, whole), self.tags)

    def sum_of(self, numbers, pieces, whole):
        if self.kind == 'COMPOSITE':
            value = b64crc(zlib.crc32(b''.join(base64.b64decode(self.parts[n].checksum) for n in numbers))) + f'-{len(numbers)}'
        else:
            value = b64crc(crc_of(pieces))
        if whole and (not self.algorithm or whole != value):
            raise Failure(400, 'BadDigest', f'The CRC32 you specified did not match the calculated checksum {value}.')
        return ('x-amz-checksum-crc32', value, self.kind) if self.algorithm else ()


class Bucket:
    def __init__(self, name, region, owner, config):
        self.name, self.region, self.owner, self.config = name, region, owner, config
        self.objects, self.uploads, self.hidden = {}, {}, {}

    def object(self, key):
        if key not in self.objects:
            raise Failure(404, 'NoSuchKey', 'The specified key does not exist.', Key=key)
        return self.objects[key]

    def upload(self, key, upload_id):
        upload = self.uploads.get(upload_id)
        if not upload or upload.key != key:
            raise Failure(404, 'NoSuchUpload', 'The specified multipart upload does not exist. The upload ID may be invalid, '
                          'or the upload may have been aborted or completed.', UploadId=upload_id)
        return upload

    def list(self, prefix, delimiter, after, limit):
        """One page: [(key or common prefix, Object or None)], and whether there is more."""
        page, last = [], None
        for key in sorted(self.objects, key=lambda text: text.encode()):
            if not key.startswith(prefix) or key.encode() <= after.encode():
                continue
            cut = key.find(delimiter, len(prefix)) if delimiter else -1
            name = key[:cut + len(delimiter)] if cut >= 0 else key
            if name == last or (cut >= 0 and after.startswith(name)):
                continue
            if len(page) == limit:
                return page, True
            page.append((name, None if cut >= 0 else self.objects[key]))
            last = name
        return page, False
