# SPDX-License-Identifier: Apache-2.0
"""The ground of the fault and SIGKILL suites: one DynamoDB Local and mailbox for all, and any number of separate clouds before
them, each with a strict S3, an STS, an IMDS and faults of its own, so that many stories run at once and none sees another's.
"""
import concurrent.futures
import contextlib
import json
import os
import pathlib
import queue
import shutil
import sqlite3
import sys
import tempfile
import threading
import time

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS / 'lib'), str(TESTS / 'integration')]
sys.dont_write_bytecode = True
for _name in list(os.environ):
    if _name.startswith('AWS_') or _name.lower() in ('http_proxy', 'https_proxy', 'all_proxy'):
        del os.environ[_name]
os.environ['AWS_EC2_METADATA_DISABLED'] = 'true'  # for boto3 in this process

from backups import Backup, all_keys, uploads  # noqa: E402
from cloud import Ceph, Cloud, DynamoDBLocal, SesLocal, free_port, remove, scratch  # noqa: E402
from conftest import ACCOUNT, HOST, HOST_ARN, INSTANCE_ROLE, REGION, ROLE, client  # noqa: E402
from daemon import BUILD, Setup  # noqa: E402
from items import assert_same_plain, assert_same_typed, fill, python_of  # noqa: E402

BUCKET = 'student-backup'
SEGMENTS = 32  # DynamoDB Local comes to a page by way of all before it in the segment: the square of the pages
QUICK = BUILD / 'tests/fault/dynamodb-backupd-quick'


class Wrong(Exception):
    """What a suite must not see."""


class World:
    """`with World() as world`: the servers behind the clouds."""

    def __init__(self, ceph=False):
        self.folder, self.wants_ceph, self.ceph = scratch('dbf-'), ceph, None

    def __enter__(self):
        self.dynamodb, self.ses = DynamoDBLocal(self.folder), SesLocal(self.folder)
        if self.wants_ceph:
            self.ceph = Ceph(self.folder / 'ceph').start()
            client('s3', self.ceph.url, self.ceph.facts).create_bucket(Bucket=self.ceph.facts['bucket'])
        self.dynamodb.until_listening(self.dynamodb.port)
        self.ses.until_listening(self.ses.port)
        self.dynamo = client('dynamodb', self.dynamodb.url)
        return self

    def __exit__(self, *_):
        for server in (self.dynamodb, self.ses, self.ceph):
            if server:
                server.stop()
        if not os.environ.get('KEEP'):
            remove(self.folder)

    def cloud(self):
        """Ports below those of outgoing connections: a door that was shut must find its own again."""
        services = {
            'imds': {'role': 'backup-host'}, 'logs': {},
            'sts': {'roles': {ROLE: {'trust': [INSTANCE_ROLE, HOST_ARN], 'max_duration': 43200}}},
            's3': {'buckets': {BUCKET: {}}}, 'dynamodb': {'proxy': self.dynamodb.url}, 'ses': {'proxy': self.ses.url}}
        if self.ceph:
            services['rgw'] = {'proxy': self.ceph.url}
        config = {'region': REGION, 'account': ACCOUNT, 'keys': [{**HOST, 'arn': HOST_ARN}], 'services': services}
        for attempt in range(5):
            for what in services.values():
                what['port'] = free_port()
            try:
                return Cloud(config)
            except RuntimeError:  # two of them were the same, or somebody was faster
                if attempt == 4:
                    raise

    def table(self, name, items):
        return Source(fill(self.dynamo, name, items))

    def must_restore(self, setup, backup, source, table, **options):
        """The tool's own restore of a backup, into a table that it makes and that goes again, equals the Source."""
        try:
            setup.ctl('restore', backup, '--table', table, '--create', **options)
            source.must_equal_table(self.dynamo, table)
        finally:
            with contextlib.suppress(self.dynamo.exceptions.ResourceNotFoundException):
                self.dynamo.delete_table(TableName=table)


class Source:
    """What a table holds. The first backup of each format is judged item by item, as the integration tests do it; the bytes of
    its lines then are the measure for the others, which is sound and fifty times faster; one that differs is judged in full."""

    def __init__(self, items):
        self.items, self.lines, self.guard = items, {}, threading.Lock()

    def must_equal(self, backup):
        if 'dynamodb-json' in backup.formats:
            self.compare('dynamodb-json', sorted(backup.typed_lines()), lambda: assert_same_typed(self.items, backup.typed()))
        if 'json' in backup.formats:
            texts = backup.plain_texts()
            if sum(len(json.loads(text)) for _, text in texts) != len(self.items):  # a JSON text, whatever its lines are
                raise Wrong('the plain objects do not hold as many items as the table')
            lines = sorted(line.rstrip(b',') for _, text in texts for line in text.splitlines())
            self.compare('json', lines, lambda: assert_same_plain(self.items, backup.plain()))

    def compare(self, name, lines, in_full):
        if lines != self.lines.get(name):
            in_full()
            with self.guard:
                self.lines.setdefault(name, lines)

    def must_equal_table(self, dynamo, table):
        wanted = {item['id']['S']: item for item in self.items}

        def compare(segment):
            count = 0
            for page in dynamo.get_paginator('scan').paginate(TableName=table, Segment=segment, TotalSegments=SEGMENTS):
                count += len(page['Items'])
                for item in page['Items']:
                    key = item['id']['S']
                    if key not in wanted or (item != wanted[key] and python_of(item) != python_of(wanted[key])):  # (sets have no order)
                        raise Wrong(f'{table}: {key!r} came back changed')
            return count
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            count = sum(pool.map(compare, range(SEGMENTS)))
        if count != len(wanted):
            raise Wrong(f'{table} holds {count} items, not {len(wanted)}')


class Knowledge:
    """What a daemon's state says, read past the daemon."""

    def __init__(self, root):
        self.file = root / 'state/state.db'

    def ask(self, text, *values):
        """A reader that may not write cannot use what a death has left (SQLite then asks for recovery): a copy serves as well, and
        leaves the recovery to the daemon."""
        for attempt in range(20):
            with contextlib.suppress(sqlite3.DatabaseError, FileNotFoundError):
                return self.query(f'file:{self.file}?mode=ro', text, values)
            with contextlib.suppress(sqlite3.DatabaseError, FileNotFoundError), tempfile.TemporaryDirectory(prefix='dbk-') as folder:
                for one in self.file.parent.glob('state.db*'):
                    if not one.name.endswith('-shm'):
                        shutil.copy(one, folder)
                return self.query(f'file:{folder}/state.db', text, values)
            time.sleep(0.05 * attempt)
        raise Wrong(f'{self.file} cannot be read')

    @staticmethod
    def query(name, text, values):
        link = sqlite3.connect(name, uri=True, timeout=20)
        try:
            return link.execute(text, values).fetchall()
        finally:
            link.close()


class Place:
    """Where one run's objects are: its store, bucket and prefix; and the judge of what it left there."""

    def __init__(self, s3, bucket, prefix):
        self.s3, self.bucket, self.prefix = s3, bucket, prefix

    def must_hold(self, source):
        """One whole backup, equal to the Source, and nothing beside it. The backup."""
        backup = Backup(self.s3, self.bucket, self.prefix)
        source.must_equal(backup)
        named = {entry['key'] for output in backup.record['outputs'] for entry in output['objects']}
        names = ['_started', 'backup.json'] + (['manifest-summary.json', 'manifest-summary.checksum', 'manifest-files.json',
                                                'manifest-files.checksum'] if 'dynamodb-json' in backup.formats else [])
        beside = set(all_keys(self.s3, self.bucket, self.prefix)) - named - {backup.home + name for name in names}
        if beside:
            raise Wrong(f'objects that no backup names: {sorted(beside)[:5]}')
        left = uploads(self.s3, self.bucket, self.prefix)
        if left:
            raise Wrong(f'an upload is left: {left[0]["Key"]}')
        return backup

    def must_be_empty(self):
        keys, left = all_keys(self.s3, self.bucket, self.prefix), uploads(self.s3, self.bucket, self.prefix)
        if keys or left:
            raise Wrong(f'{len(keys)} objects and {len(left)} uploads are left: {(keys + [one["Key"] for one in left])[:5]}')


def spread(jobs, workers, make, work):
    """Runs work(worker, job) for each job, on so many threads with a worker each from make(number). Yields as they end."""
    free = queue.Queue()
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        made = list(pool.map(make, range(workers)))
        for worker in made:
            free.put(worker)

        def one(job):
            worker = free.get()
            try:
                return work(worker, job)
            finally:
                free.put(worker)
        try:
            for future in concurrent.futures.as_completed([pool.submit(one, job) for job in jobs]):
                yield future.result()
        finally:
            for worker in made:
                worker.close()


__all__ = ['BUCKET', 'BUILD', 'QUICK', 'ROLE', 'Knowledge', 'Place', 'Setup', 'Source', 'World', 'Wrong', 'client', 'spread']
