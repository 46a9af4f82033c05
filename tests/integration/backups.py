# SPDX-License-Identifier: Apache-2.0
"""Reads a backup back out of S3 as a stranger would, with boto3, and holds it to the layout of product.md."""
import base64
import csv
import decimal
import gzip
import hashlib
import io
import json
import re
import subprocess
import zlib

ID = re.compile(r'\d{14}-[0-9a-f]{8}')
PLAIN_NAME = re.compile(r'backup-\d{8}-\d{6}-([0-9a-f]{8})(?:\.\d+)?\.(json|csv)(\.gz|\.zst)?')


def all_keys(s3, bucket, prefix=''):
    pages = s3.get_paginator('list_objects_v2').paginate(Bucket=bucket, Prefix=prefix)
    return [entry['Key'] for page in pages for entry in page.get('Contents', [])]


def uploads(s3, bucket, prefix=''):
    return s3.list_multipart_uploads(Bucket=bucket, Prefix=prefix).get('Uploads', [])


def nothing_left(s3, bucket, prefix):
    """No object and no upload below the prefix."""
    assert all_keys(s3, bucket, prefix) == [] and uploads(s3, bucket, prefix) == []


def md5(data):
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def crc32(data):
    return base64.b64encode(zlib.crc32(data).to_bytes(4, 'big')).decode()


class Number(str):
    """The digits of a JSON number as they stand in the file."""


def parse(data, verbatim=False):
    kind = Number if verbatim else decimal.Decimal
    return json.loads(data, parse_int=kind, parse_float=kind, parse_constant=refuse_constant, object_pairs_hook=no_doubles)


def refuse_constant(name):
    raise AssertionError(f'{name} is no JSON')


def no_doubles(pairs):
    assert len({name for name, _ in pairs}) == len(pairs), 'a name stands twice in one object'
    return dict(pairs)


class Backup:
    """One backup: `record` is its backup.json."""

    def __init__(self, s3, bucket, prefix, backup_id=None):
        self.s3, self.bucket = s3, bucket
        found = sorted({key[len(prefix + 'AWSDynamoDB/'):].split('/')[0] for key in all_keys(s3, bucket, prefix + 'AWSDynamoDB/')})
        assert found, f'no backup below {prefix}'
        self.id = backup_id or found[-1]
        assert ID.fullmatch(self.id), f'{self.id!r} is not milliseconds and eight hex digits'
        self.prefix, self.home = prefix, f'{prefix}AWSDynamoDB/{self.id}/'
        self.keys = all_keys(s3, bucket, self.home)
        self.record = json.loads(self.body(self.home + 'backup.json'))

    def body(self, key):
        return self.s3.get_object(Bucket=self.bucket, Key=key)['Body'].read()

    def output(self, name):
        return next((one for one in self.record['outputs'] if one['format'] == name), None)

    @property
    def formats(self):
        return {one['format'] for one in self.record['outputs']}

    def stored(self, name):
        """[(the record of one object, its stored bytes)], checked against what the record says of it."""
        out = []
        for entry in self.output(name)['objects']:
            answer = self.s3.get_object(Bucket=self.bucket, Key=entry['key'])
            data = answer['Body'].read()
            assert len(data) == entry['size'], f'{entry["key"]}: {len(data)} bytes, not {entry["size"]}'
            assert answer['ETag'].strip('"') == entry['etag'].strip('"')
            assert 'ContentEncoding' not in answer and answer['ContentType'] not in ('', 'binary/octet-stream')
            assert answer['Metadata']['run'] == self.record['run']
            if entry.get('crc32'):
                assert entry['crc32'] == crc32(data)
            self.check_parts(entry, data)
            out.append((entry, data))
        return out

    def check_parts(self, entry, data):
        at = items = 0
        for part in entry['parts']:
            assert part['offset'] == at, f'{entry["key"]}: a part begins at {part["offset"]}, not {at}'
            assert part['crc32'] == crc32(data[at:at + part['length']])
            at, items = at + part['length'], items + part['items']
        assert at == len(data) and items == entry['items']

    def typed(self):
        """Every item of the data files, in typed JSON; the manifests and the checksums are checked on the way."""
        out = []
        for line in self.typed_lines():
            item = json.loads(line, object_pairs_hook=no_doubles)
            assert list(item) == ['Item']
            out.append(item['Item'])
        return out

    def typed_lines(self):
        """The same, each item still as its line."""
        out, manifest = [], [json.loads(line) for line in self.body(self.home + 'manifest-files.json').splitlines()]
        stored = self.stored('dynamodb-json')
        assert sorted(row['dataFileS3Key'] for row in manifest) == sorted(entry['key'] for entry, _ in stored)
        assert sorted(key for key in self.keys if '/data/' in key) == sorted(row['dataFileS3Key'] for row in manifest)
        rows = {row['dataFileS3Key']: row for row in manifest}
        for entry, data in stored:
            row, lines = rows[entry['key']], unpack(entry['key'], data).splitlines()
            assert row['md5Checksum'] == md5(data) and row['itemCount'] == len(lines) == entry['items']
            assert row['etag'].strip('"') == entry['etag'].strip('"')
            out += lines
        self.check_manifests(len(out))
        return out

    def check_manifests(self, count):
        for name in ('manifest-summary', 'manifest-files'):
            assert self.body(f'{self.home}{name}.checksum').decode().strip() == md5(self.body(f'{self.home}{name}.json'))
        summary = json.loads(self.body(self.home + 'manifest-summary.json'))
        assert summary['version'] == '2020-06-30' and summary['outputFormat'] == 'DYNAMODB_JSON'
        assert summary['itemCount'] == count == self.record['items'] and summary['s3Bucket'] == self.bucket
        assert summary['manifestFilesS3Key'] == self.home + 'manifest-files.json'
        assert summary['exportArn'] == f'{summary["tableArn"]}/export/{self.id}'

    def plain(self, verbatim=False):
        """Every item of the plain JSON objects."""
        out = []
        for entry, text in self.plain_texts():
            array = parse(text, verbatim)
            assert isinstance(array, list) and len(array) == entry['items']
            out += array
        assert len(out) == self.record['items']
        return out

    def plain_texts(self, form='json'):
        """[(the record of a plain JSON or csv object, its text)]"""
        out = []
        for entry, data in self.stored(form):
            name = PLAIN_NAME.fullmatch(entry['key'][len(self.prefix):])
            assert name and name[1] == self.id[-8:] and name[2] == form, f'{entry["key"]} is not a name of product.md'
            out.append((entry, unpack(entry['key'], data)))
        return out

    def parts_items(self, name):
        """For each part of an output, in order, the ids of its items."""
        out = []
        for entry, data in self.stored(name):
            for part in entry['parts']:
                piece = unpack(entry['key'], data[part['offset']:part['offset'] + part['length']])
                if name == 'csv':
                    rows = list(csv.reader(io.StringIO(piece.decode(), newline=''), strict=True))
                    ids = [row[0] for row in rows[part['offset'] == 0:] if row]
                elif name == 'dynamodb-json':
                    ids = [json.loads(line)['Item']['id']['S'] for line in piece.splitlines()]
                else:
                    text = piece.decode().strip().lstrip('[,').rstrip('],').strip()
                    ids = [one['id'] for one in json.loads(f'[{text}]')]
                assert len(ids) == part['items']
                out.append(ids)
        return out


def unpack(key, data):
    if key.endswith('.zst'):
        return subprocess.run(['zstd', '-dcq'], input=data, stdout=subprocess.PIPE, check=True).stdout
    return gzip.decompress(data) if key.endswith('.gz') else data
