# SPDX-License-Identifier: Apache-2.0
"""Pruning: what goes, what stays, and who may not be touched, whatever the place in S3 looks like.

Backups of the past are made by hand, as product.md lays them out; the strict S3 makes objects older than they are (`/age`).
"""
import datetime
import json
import os
import pathlib
import re
import secrets
import signal
import subprocess
import time

import pytest
from backups import Backup, all_keys
from conftest import client
from daemon import BUILD
from items import create_table, fill, sized
from test_restore import drop

BUCKET, PREFIX = 'student-backup', 'shared/'
DAY = 86400
MACHINE = pathlib.Path('/etc/machine-id').read_text().strip()


@pytest.fixture
def arn(dynamo, small_table):
    return dynamo.describe_table(TableName='small')['Table']['TableArn']


class Past:
    """One backup of the past, or what is left of one."""

    def __init__(self, s3, arn, days, job='small', machine=MACHINE, whole=True, plain=False, prefix=PREFIX, bucket=BUCKET, files=3, **lock):
        self.s3, self.bucket = s3, bucket
        ms = int((time.time() - days * DAY) * 1000)
        self.run = secrets.token_hex(16)
        self.id = f'{ms:014d}-{self.run[:8]}'
        self.home = f'{prefix}AWSDynamoDB/{self.id}/'
        stamp = datetime.datetime.fromtimestamp(ms // 1000, datetime.timezone.utc)
        self.plain = f'{prefix}backup-{stamp:%Y%m%d-%H%M%S}-{self.run[:8]}.json' if plain else None
        origin = {'job': job, 'run': self.run, 'host': 'h', 'machine_id': machine, 'table_name': arn.rpartition('/')[2], 'table_arn': arn}
        self.put(self.home + '_started', json.dumps({'software': 'dynamodb-backupd', **origin}))
        for number in range(files):
            self.put(f'{self.home}data/{number:05d}.json.gz', 'x')
        if plain:
            self.put(self.plain, '[]')
        if whole:
            self.put(self.home + 'manifest-files.json', '{}')
            self.put(self.home + 'backup.json', json.dumps({
                'version': 1, 'id': self.id, **origin, 'started': f'{stamp:%Y-%m-%dT%H:%M:%S}.000Z', 'ended': f'{stamp:%Y-%m-%dT%H:%M:%S}.000Z',
                'items': 3, 'stored_bytes': 3, 'objects': files, 'formats': ['dynamodb-json'], 'table': {}, 'cuts': [], 'outputs': []}), **lock)

    def put(self, key, body, **more):
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body.encode(), Metadata={'run': self.run}, **more)

    @property
    def keys(self):
        found = all_keys(self.s3, self.bucket, self.home)
        return found + [key for key in all_keys(self.s3, self.bucket, self.plain) if key == self.plain] if self.plain else found


def age(cloud, prefix, days, bucket=BUCKET):
    cloud.ask('/age', {'bucket': bucket, 'prefix': prefix, 'seconds': days * DAY})


def configured(setup, retention, name='small', table='small', prefix=PREFIX, destination=None, **options):
    one = setup(**options)
    one.job(name, Job={'Table': table}, Destination={'Prefix': prefix, **(destination or {})}, Retention=retention)
    return one


def actions(answer):
    job, = answer['jobs']
    return {row['id']: row for row in job['backups']}


def everything(s3, bucket=BUCKET, prefix=''):
    return {key: s3.head_object(Bucket=bucket, Key=key)['ETag'] for key in all_keys(s3, bucket, prefix)}


@pytest.mark.core
def test_what_no_rule_keeps_goes_whole_and_the_rest_stays(setup, cloud, s3, arn):
    backups = [Past(s3, arn, days, plain=True) for days in (9, 3, 2, 1)]
    stranger = 'shared/backup-notes.json'
    s3.put_object(Bucket=BUCKET, Key=stranger, Body=b'{}')
    another = backups[0].plain.replace('.json', '.2.json')  # the same name, another run: somebody's own
    s3.put_object(Bucket=BUCKET, Key=another, Body=b'[]', Metadata={'run': 'f' * 32})
    one = configured(setup, {'KeepLast': 2})
    before = everything(s3)
    shown = actions(one.json('prune', 'small', '--dry-run', local=True))
    assert [shown[one.id]['decision'] for one in backups] == ['remove', 'remove', 'keep', 'keep']
    assert shown[backups[2].id]['why'] == 'KeepLast=2: 2 of 2' and 'all 2 are newer' in shown[backups[0].id]['why']
    assert everything(s3) == before, 'a dry run has changed something'
    done = actions(one.json('prune', 'small', local=True))
    assert [done[one.id]['outcome'] for one in backups] == ['removed', 'removed', 'left', 'left']
    assert backups[0].keys == backups[1].keys == []
    assert len(backups[2].keys) == len(backups[3].keys) == 7
    assert stranger in all_keys(s3, BUCKET, PREFIX) and another in all_keys(s3, BUCKET, PREFIX)
    assert '0 removed' in one.ctl('prune', 'small', local=True).stdout


def test_backup_json_goes_first_and_started_last(setup, cloud, s3, arn):
    old, _ = Past(s3, arn, 9, plain=True), Past(s3, arn, 1)
    one = configured(setup, {'KeepLast': 1})
    cloud.reset()
    one.ctl('prune', local=True)
    removed = [row for row in cloud.seen('s3') if row['operation'].startswith('Delete')]
    assert removed[0]['target'].endswith(old.home + 'backup.json') and removed[-1]['target'].endswith(old.home + '_started')
    batch = next(row for row in removed if row['operation'] == 'DeleteObjects')  # (the strict S3 refuses one without Content-MD5)
    assert batch['keys'] == 4 and removed.index(batch) < len(removed) - 1


def test_it_runs_after_each_backup_and_says_what_it_removed(setup, cloud, s3, arn):
    old = [Past(s3, arn, days) for days in (40, 30, 20)]
    one = configured(setup, {'KeepLast': 2})
    one.start()
    one.run('small', local=False)
    one.wait(lambda: not old[1].keys, 'two to go')
    assert old[0].keys == [] and old[2].keys
    one.wait_journal(f'backup removed: s3://{BUCKET}/{old[0].home}: KeepLast=2: all 2 are newer')
    one.wait_journal('retention: 2 removed, 2 stay')
    assert Backup(s3, BUCKET, PREFIX).record['items'] == 500
    one.run('small', local=False)
    one.wait(lambda: not old[2].keys, 'the third to go')


def test_a_run_of_the_tool_alone_prunes_too(setup, cloud, s3, arn):
    old = Past(s3, arn, 40)
    one = configured(setup, {'KeepLast': 1})
    one.run('small')
    assert old.keys == []


def test_without_a_rule_only_remains_go(setup, cloud, s3, arn):
    old, remains = Past(s3, arn, 4000), Past(s3, arn, 30, whole=False, plain=True)
    age(cloud, remains.home, 8)
    one = configured(setup, {})
    done = actions(one.json('prune', local=True))
    assert done[old.id]['why'] == 'no Keep key is set: all are kept' and old.keys
    assert done[remains.id]['outcome'] == 'removed' and remains.keys == []


# Whose is what.
def make_export(s3, days):
    """What ExportTableToPointInTime leaves: the same layout, an empty `_started`."""
    home = f'{PREFIX}AWSDynamoDB/{int((time.time() - days * DAY) * 1000):014d}-{secrets.token_hex(4)}/'
    for name in ('_started', 'manifest-summary.json', 'manifest-summary.checksum', 'manifest-files.json', 'manifest-files.checksum', 'data/abc.json.gz'):
        s3.put_object(Bucket=BUCKET, Key=home + name, Body=b'' if name == '_started' else b'{}')
    return home


def test_exports_other_jobs_and_other_tables_are_untouched(setup, cloud, s3, arn):
    """All lie under one prefix, are old, and look like ours."""
    other_region = arn.replace(':ddblocal:', ':eu-west-1:')
    foreign = [Past(s3, arn, 300, job='another'), Past(s3, other_region, 300), Past(s3, arn + '2', 300),
               Past(s3, arn, 299, job='another', whole=False), Past(s3, other_region, 299, whole=False)]
    make_export(s3, 300)
    half = make_export(s3, 299)
    s3.delete_object(Bucket=BUCKET, Key=half + 'manifest-summary.json')
    for name, text in (('01500000000000-aaaaaaaa', '{"software":'), ('01500000000001-aaaaaaaa', '[]'), ('01500000000002-aaaaaaaa', 'null')):
        s3.put_object(Bucket=BUCKET, Key=f'{PREFIX}AWSDynamoDB/{name}/_started', Body=text.encode())
        s3.put_object(Bucket=BUCKET, Key=f'{PREFIX}AWSDynamoDB/{name[:13]}9-aaaaaaaa/backup.json', Body=text.encode())
    s3.put_object(Bucket=BUCKET, Key=f'{PREFIX}AWSDynamoDB/notes/backup.json', Body=b'{}')
    age(cloud, PREFIX, 100)
    before = everything(s3)
    ours = [Past(s3, arn, days) for days in (9, 1)]
    one = configured(setup, {'KeepLast': 1})
    done, = one.json('prune', local=True)['jobs']
    assert {row['id'] for row in done['backups']} == {past.id for past in ours} and done['foreign'] >= 10
    assert ours[0].keys == [] and ours[1].keys
    after = everything(s3)
    assert {key: after.get(key) for key in before} == before
    assert all(past.keys for past in foreign)


def test_a_backup_whose_run_is_not_its_folders_is_not_ours(setup, cloud, s3, arn):
    copied = Past(s3, arn, 30)
    text = s3.get_object(Bucket=BUCKET, Key=copied.home + 'backup.json')['Body'].read()
    s3.put_object(Bucket=BUCKET, Key=copied.home + 'backup.json', Body=text.replace(copied.run.encode(), b'0' * 32))
    Past(s3, arn, 1)
    one = configured(setup, {'KeepLast': 1})
    assert copied.id not in actions(one.json('prune', local=True)) and copied.keys


def test_remains_of_another_host_are_listed_and_left(setup, cloud, s3, arn):
    theirs, unknown, young, dead = (Past(s3, arn, 30, whole=False, machine=machine) for machine in ('0' * 32, None, MACHINE, MACHINE))
    for past in (theirs, unknown, dead):
        age(cloud, past.home, 30)
    age(cloud, young.home, 6.9)
    one = configured(setup, {'KeepLast': 1})
    done = actions(one.json('prune', local=True))
    assert 'another host' in done[theirs.id]['why'] and 'another host' in done[unknown.id]['why']
    assert '7 days' in done[young.id]['why'] and done[dead.id]['outcome'] == 'removed'
    assert len(theirs.keys) == len(unknown.keys) == len(young.keys) == 4 and dead.keys == []
    assert 'another host' in one.ctl('prune', local=True).stdout


def test_the_newest_object_counts_not_the_oldest(setup, cloud, s3, arn):
    past = Past(s3, arn, 30, whole=False)
    age(cloud, past.home, 30)
    past.put(past.home + 'data/00009.json.gz', 'x')
    one = configured(setup, {})
    assert actions(one.json('prune', local=True))[past.id]['outcome'] == 'left' and len(past.keys) == 5


def test_two_daemons_of_one_name_and_table_one_in_mid_run(setup, cloud, s3, arn):
    """Both on this host, each with a state of its own: the other's run is known to neither."""
    old = [Past(s3, arn, days) for days in (30, 20)]
    first, second = configured(setup, {'KeepLast': 1}), configured(setup, {'KeepLast': 1})
    first.start()
    cloud.fault('dynamodb', 'delay', 'Scan', wait=4)
    first.ctl('run', 'small')
    first.wait(lambda: cloud.count('dynamodb', 'Scan') >= 1, 'a scan')
    live, = {key.split('/')[2] for key in all_keys(s3, BUCKET, PREFIX + 'AWSDynamoDB/')} - {past.id for past in old}
    done = actions(second.json('prune', local=True))
    assert done[live]['kind'] == 'remains' and done[live]['outcome'] == 'left' and done[old[0].id]['outcome'] == 'removed'
    mine = actions(first.json('prune'))
    assert 'under way' in mine[live]['why']
    first.wait(lambda: f'{PREFIX}AWSDynamoDB/{live}/backup.json' in all_keys(s3, BUCKET), 'the backup')
    assert Backup(s3, BUCKET, PREFIX, live).typed()
    first.wait(lambda: not old[1].keys, 'the older one to go')


def test_a_run_of_this_daemon_is_left_however_old_it_looks(setup, cloud, s3, arn):
    one = configured(setup, {'KeepLast': 1})
    one.start()
    cloud.fault('dynamodb', 'delay', 'Scan', wait=4)
    one.ctl('run', 'small')
    one.wait(lambda: cloud.count('dynamodb', 'Scan') >= 1, 'a scan')
    age(cloud, PREFIX, 30)
    (live, row), = actions(one.json('prune')).items()
    assert 'under way' in row['why'] and row['outcome'] == 'left'
    one.wait(lambda: f'{PREFIX}AWSDynamoDB/{live}/backup.json' in all_keys(s3, BUCKET), 'the backup')


def test_two_daemons_of_one_name_and_different_tables(setup, cloud, s3, arn, medium_table):
    first = configured(setup, {'KeepLast': 1})
    second = configured(setup, {'KeepLast': 1}, table='medium')
    first.start()
    second.start()
    for one in (first, second, first, second):
        one.run('small', local=False)
    first.wait(lambda: len(folders(s3)) == 2, 'one backup of each to stay')
    cloud.fault('dynamodb', 'delay', 'Scan', wait=1)
    first.ctl('run', 'small')
    first.wait(lambda: len(folders(s3)) == 3, 'a third folder')
    second.ctl('prune')
    first.wait(lambda: len(folders(s3)) == 2, 'one backup of each again')
    time.sleep(0.5)
    records = [Backup(s3, BUCKET, PREFIX, name).record for name in folders(s3)]
    assert {one['table_name'] for one in records} == {'small', 'medium'}


def folders(s3):
    return {key.split('/')[2] for key in all_keys(s3, BUCKET, PREFIX + 'AWSDynamoDB/')}


# Time.
@pytest.mark.parametrize('off', [30 * DAY, -30 * DAY, 301 + 60])
def test_a_host_whose_clock_is_off_prunes_nothing(setup, cloud, s3, arn, off):
    """It is S3's clock that moves: seen from it, this host's is ahead, or behind."""
    backups = [Past(s3, arn, days) for days in (300, 200, 100)]
    remains = Past(s3, arn, 100, whole=False)
    age(cloud, PREFIX, 100)
    before = everything(s3)
    cloud.clock(-off)
    one = configured(setup, {'KeepLast': 1})
    done, = one.json('prune', local=True, status=1)['jobs']
    assert ('ahead' if off > 0 else 'behind') in done['held'] and 'clock' in done['held']
    assert {row['outcome'] for row in done['backups']} == {'left'}
    one.start()
    one.run('small', local=False)
    one.wait_journal('clock is .* of S3')
    assert 'clock' in one.ctl('prune', '--dry-run').stdout
    one.stop()
    cloud.clock(0)
    after = everything(s3)
    assert {key: after.get(key) for key in before} == before and backups and remains


def test_a_clock_off_by_less_is_right_enough(setup, cloud, s3, arn):
    old, _ = Past(s3, arn, 3), Past(s3, arn, 1)
    cloud.clock(-240)
    one = configured(setup, {'KeepLast': 1})
    one.ctl('prune', local=True)
    assert old.keys == []


def test_a_backup_of_the_future_is_never_the_newest(setup, cloud, s3, arn):
    """Another host of the same job ran with its clock ahead: its backups count for nothing and are left."""
    old, newest, future = Past(s3, arn, 20), Past(s3, arn, 9), Past(s3, arn, -40)
    one = configured(setup, {'KeepLast': 1, 'KeepWithin': '5d'})
    done = actions(one.json('prune', local=True))
    assert 'dated after now' in done[future.id]['why'] and future.keys
    assert done[newest.id]['decision'] == 'keep' and newest.keys and old.keys == []
    assert newest.id in one.ctl('show', 'small@latest', local=True).stdout


def test_periods_are_those_of_the_jobs_zone(setup, cloud, s3, arn):
    """18:00 and 16:00 UTC are two days in Viet Nam, where the day changes at 17:00."""
    day = datetime.datetime.now(datetime.timezone.utc).replace(hour=0, minute=0, second=0) - datetime.timedelta(days=5)
    days = [(time.time() - (day + datetime.timedelta(hours=hours)).timestamp()) / DAY for hours in (16, 18)]
    backups = [Past(s3, arn, at) for at in days]
    for zone, kept in (('Asia/Ho_Chi_Minh', 2), ('UTC', 1)):
        one = setup()
        one.job('small', Job={'TimeZone': zone}, Destination={'Prefix': PREFIX}, Retention={'KeepDaily': 5})
        shown = actions(one.json('prune', '--dry-run', local=True))
        assert [row['decision'] for row in shown.values()].count('keep') == kept, shown
    assert len(backups) == 2


# What is refused, locked, or interrupted.
def start_again(one):
    one.notify.close()
    os.unlink(one.notify.path)
    one.start()


def until_killed(one, cloud, kill):
    """Starts the daemon, asks it to prune, and kills it where `kill` says."""
    cloud.fault('s3', 'stall', wait=60, count=1, **kill)
    one.start()
    one.ctl('run', 'small')
    one.wait(lambda: any(row['hits'] for row in cloud.ask('/faults')), 'the stall')
    one.signal(signal.SIGKILL)
    one.child.wait()
    cloud.ask('/reset', {})


@pytest.mark.parametrize('kill', [{'operation': 'DeleteObject', 'target': 'backup.json'}, {'operation': 'DeleteObjects'},
                                  {'operation': 'DeleteObject', 'target': '_started'}])
def test_a_prune_killed_half_way_is_finished(setup, cloud, s3, arn, kill):
    old = Past(s3, arn, 9, plain=True)
    one = configured(setup, {'KeepLast': 1})
    until_killed(one, cloud, kill)
    assert old.keys, 'it was killed too late'
    assert old.home + '_started' in old.keys
    start_again(one)
    done = actions(one.json('prune'))
    assert done[old.id]['outcome'] == 'removed' and old.keys == []
    if kill['operation'] != 'DeleteObject' or kill['target'] == '_started':
        assert 'interrupted' in done[old.id]['why']
    assert old.id not in actions(one.json('prune'))


def test_what_was_begun_by_another_is_not_finished(setup, cloud, s3, arn):
    """A half that another host's prune has left is listed; only our own state lets it go."""
    past = Past(s3, arn, 9, whole=False, machine='1' * 32)
    age(cloud, past.home, 60)
    one = configured(setup, {'KeepLast': 1})
    assert actions(one.json('prune', local=True))[past.id]['outcome'] == 'left' and past.keys


def test_each_object_that_is_refused_is_named_and_the_next_prune_finishes(setup, cloud, s3, arn):
    old, _ = Past(s3, arn, 9), Past(s3, arn, 1)
    s3_config(cloud, undeletable=['data/00001', 'data/00002'])
    one = configured(setup, {'KeepLast': 1})
    done, = one.json('prune', local=True, status=1)['jobs']
    row = next(row for row in done['backups'] if row['id'] == old.id)
    assert done['failed'] == 1 and row['outcome'] == 'failed'
    assert 'data/00001.json.gz: AccessDenied' in row['error'] and 'data/00002.json.gz: AccessDenied' in row['error']
    assert sorted(key[len(old.home):] for key in old.keys) == ['_started', 'data/00001.json.gz', 'data/00002.json.gz']
    assert old.id not in one.ctl('list', local=True).stdout
    s3_config(cloud, undeletable=[])
    assert actions(one.json('prune', local=True))[old.id]['outcome'] == 'removed' and old.keys == []


def s3_config(cloud, **what):
    cloud.ask('/bucket_config', {'bucket': BUCKET, **what})


def test_where_backup_json_may_not_go_all_of_it_stays(setup, cloud, s3, arn):
    old, _ = Past(s3, arn, 9, plain=True), Past(s3, arn, 1)
    before = old.keys
    cloud.fault('s3', 'deny', 'DeleteObject', target='backup.json')
    one = configured(setup, {'KeepLast': 1})
    done, = one.json('prune', local=True, status=1)['jobs']
    assert done['failed'] == 1 and 's3:DeleteObject' in next(row for row in done['backups'] if row['id'] == old.id)['error']
    assert old.keys == before


@pytest.mark.parametrize('where', ['backup.json', 'data', 'plain', 'hold'])
def test_what_is_under_object_lock_stays(setup, cloud, s3, arn, where):
    """A DELETE would hide it behind a delete marker and say yes: it must not even be tried."""
    cloud.bucket('locked', versioned=True)
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=30)
    lock = {'ObjectLockLegalHoldStatus': 'ON'} if where == 'hold' else {'ObjectLockMode': 'COMPLIANCE', 'ObjectLockRetainUntilDate': until}
    over = {'ObjectLockMode': 'GOVERNANCE', 'ObjectLockRetainUntilDate': until - datetime.timedelta(days=40)}
    free = Past(s3, arn, 12, bucket='locked', **over)
    old = Past(s3, arn, 9, bucket='locked', plain=True, files=12, **(lock if where == 'backup.json' else {}))
    Past(s3, arn, 1, bucket='locked')
    if where != 'backup.json':
        old.put(old.plain if where == 'plain' else old.home + 'data/00010.json.gz', 'x', **lock)
    before = old.keys
    one = configured(setup, {'KeepLast': 1}, destination={'Bucket': 'locked'})
    done = actions(one.json('prune', local=True))
    word = 'legal hold' if where == 'hold' else 'COMPLIANCE until'
    assert done[old.id]['outcome'] == 'left' and word in done[old.id]['why'], done[old.id]
    assert old.keys == before and cloud.ask('/hidden/locked') == [free.home + 'backup.json']  # (its lock is over)
    assert done[free.id]['outcome'] == 'removed' and free.keys == []


def test_a_folder_that_cannot_be_read_stops_it_all(setup, cloud, s3, arn):
    """It may be the newest."""
    backups = [Past(s3, arn, days) for days in (3, 2, 1)]
    cloud.fault('s3', 'deny', 'GetObject', target=backups[2].home)
    one = configured(setup, {'KeepLast': 1})
    done, = one.json('prune', local=True, status=1)['jobs']
    assert 'AccessDenied' in done['error'] and backups[2].id in done['error']
    assert all(len(past.keys) == 6 for past in backups)


def test_a_table_that_is_gone_needs_its_arn(setup, cloud, s3, arn):
    gone = arn + '-that-is-gone'
    backups = [Past(s3, gone, days) for days in (3, 1)]
    one = configured(setup, {'KeepLast': 1}, table='small-that-is-gone')
    done, = one.json('prune', local=True, status=1)['jobs']
    assert 'ARN' in done['error'] and backups[0].keys
    real = 'arn:aws:dynamodb:us-east-1:123456789012:table/gone'
    backups = [Past(s3, real, days) for days in (3, 1)]
    one = configured(setup, {'KeepLast': 1}, table=real)
    one.ctl('prune', local=True)
    assert backups[0].keys == [] and backups[1].keys


def test_more_than_a_page_of_everything(setup, cloud, s3, arn):
    """1,100 folders beside ours, and one backup of 1,100 files."""
    for number in range(1100):
        s3.put_object(Bucket=BUCKET, Key=f'{PREFIX}AWSDynamoDB/{number:014d}-00000000/_started', Body=b'')
    old, newest = Past(s3, arn, 9, files=1100), Past(s3, arn, 1)
    one = configured(setup, {'KeepLast': 1})
    done, = one.json('prune', local=True)['jobs']
    assert done['removed'] == 1 and done['foreign'] == 1100
    assert old.keys == [] and len(newest.keys) == 6
    assert len(folders(s3)) == 1101


def test_every_job_is_pruned_where_none_is_named(setup, cloud, s3, arn):
    for prefix in ('a/', 'b/'):
        for days in (3, 1):
            Past(s3, arn, days, job=prefix[0], prefix=prefix)
    one = setup()
    for name in 'ab':
        one.job(name, Job={'Table': 'small'}, Destination={'Prefix': f'{name}/'}, Retention={'KeepLast': 1})
    one.job('c', Job={'Table': 'no-such-table'}, Destination={'Prefix': 'c/'}, Retention={'KeepLast': 1})
    done = one.json('prune', local=True, status=1)['jobs']
    assert [job.get('removed') for job in done] == [1, 1, None] and 'no-such-table' in done[2]['error']
    assert 'no job' in one.ctl('prune', 'd', local=True, status=1).stderr


def test_the_daemon_stops_between_backups_and_goes_on_after(setup, cloud, s3, arn):
    backups = [Past(s3, arn, days) for days in range(12, 0, -1)]
    one = configured(setup, {'KeepLast': 1})
    cloud.fault('s3', 'delay', 'DeleteObjects', wait=0.3)
    one.start()
    one.ctl('run', 'small')
    one.wait(lambda: cloud.count('s3', 'DeleteObjects') >= 2, 'a prune under way')
    assert one.stop() == 0
    left = [len(past.keys) for past in backups]
    assert set(left) == {0, 6}, 'a backup was left half removed by a stop in peace'
    cloud.ask('/reset', {})
    start_again(one)
    one.ctl('prune')
    assert [len(past.keys) for past in backups] == [0] * 12


def test_ceph(setup, cloud, rgw, arn):
    s3 = client('s3', rgw['url'], rgw)
    backups = [Past(s3, arn, days, bucket=rgw['bucket'], plain=True, prefix='prune/') for days in (3, 2, 1)]
    keys = {'AWS_ACCESS_KEY_ID': rgw['access_key'], 'AWS_SECRET_ACCESS_KEY': rgw['secret_key']}
    one = setup(s3=rgw['url'], environment=keys, endpoints={'DynamoDB': os.environ.get('NO_SUCH', cloud.url['dynamodb'])})
    one.job('small', Job={'Table': arn.replace(':ddblocal:000000000000:', ':us-east-1:123456789012:')},
            Destination={'Bucket': rgw['bucket'], 'Prefix': 'prune/'}, Retention={'KeepLast': 1})
    for past in backups:
        for name in ('_started', 'backup.json'):
            text = s3.get_object(Bucket=rgw['bucket'], Key=past.home + name)['Body'].read().decode()
            past.put(past.home + name, text.replace(arn, arn.replace(':ddblocal:000000000000:', ':us-east-1:123456789012:')))
    done = actions(one.json('prune', local=True))
    assert [row['outcome'] for row in done.values()] == ['removed', 'removed', 'left']
    assert backups[0].keys == backups[1].keys == [] and len(backups[2].keys) == 7
    assert re.fullmatch(r'\d{14}-[0-9a-f]{8}', backups[2].id)


# What other processes read.
@pytest.fixture
def read_elsewhere(setup, cloud, dynamo):
    """A job that keeps one backup, its first one, and a table that takes a restore of it slowly."""
    drop(dynamo, 'elsewhere', 'elsewhere-new')
    fill(dynamo, 'elsewhere', sized(1500, 8000, seed=5))
    create_table(dynamo, 'elsewhere-new')
    one = setup()
    one.job('elsewhere', Retention={'KeepLast': 1})
    one.run('elsewhere')
    first = one.json('list', 'elsewhere', local=True)['backups'][-1]
    cloud.fault('dynamodb', 'delay', 'BatchWriteItem', wait=0.4)
    yield one, first
    drop(dynamo, 'elsewhere', 'elsewhere-new')


def restoring(one, cloud, backup, *more):
    child = subprocess.Popen([BUILD / 'dynamodb-backupctl', 'restore', backup['id'], '--table', 'elsewhere-new', '--config', one.conf, *more],
                             env=one.environment, cwd=one.root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    one.wait(lambda: cloud.count('dynamodb', 'BatchWriteItem') > 2 or child.poll() is not None, 'writes')
    assert child.poll() is None, child.stdout.read()
    return child


def locks(one):
    folder = pathlib.Path(one.root / 'state/reading')
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_what_a_local_restore_reads_the_daemon_keeps(read_elsewhere, cloud, s3):
    one, first = read_elsewhere
    child = restoring(one, cloud, first, '--local')
    assert locks(one) == [first['id']]
    one.start()
    one.run('elsewhere', local=False)
    row = actions(one.json('prune', 'elsewhere'))[first['id']]
    assert row['decision'] == 'keep' and row['outcome'] == 'left'
    assert row['why'].startswith('in use by another process: the restore into table elsewhere-new; the rules would remove it: KeepLast=1')
    cloud.reset()
    out, _ = child.communicate(timeout=120)
    assert child.returncode == 0 and 'elsewhere-new: success: 1,500 items' in out, out
    assert locks(one) == []
    assert actions(one.json('prune', 'elsewhere'))[first['id']]['outcome'] == 'removed'
    assert not all_keys(s3, BUCKET, f'backups/elsewhere/AWSDynamoDB/{first["id"]}/')
    one.wait(lambda: locks(one) == [], 'its own lock to go')


def test_what_the_daemon_restores_a_local_prune_keeps(read_elsewhere, cloud):
    one, first = read_elsewhere
    one.start()
    child = restoring(one, cloud, first)
    one.run('elsewhere')
    row = actions(one.json('prune', 'elsewhere', local=True))[first['id']]
    assert row['outcome'] == 'left' and row['why'].startswith('in use by another process: the restore into table elsewhere-new')
    cloud.reset()
    out, _ = child.communicate(timeout=120)
    assert child.returncode == 0, out


def test_a_killed_reader_holds_nothing(read_elsewhere, cloud):
    one, first = read_elsewhere
    child = restoring(one, cloud, first, '--local')
    child.kill()
    child.communicate()
    assert locks(one) == [first['id']]
    cloud.reset()
    one.start()
    one.run('elsewhere', local=False)
    one.wait_journal(f'backup removed: s3://{BUCKET}/backups/elsewhere/AWSDynamoDB/{first["id"]}/')
    one.wait(lambda: locks(one) == [], 'the stale lock to go')


def test_a_reader_that_cannot_tell_the_daemon_says_so(setup, small_table):
    one = setup()
    one.job('small')
    one.run('small')
    (one.root / 'state/reading').write_text('no folder')
    done = one.ctl('verify', 'small@latest', local=True)
    assert 'a prune by another process of this host does not know of a verify' in done.stderr and 'Not a directory' in done.stderr
    done = one.ctl('prune', 'small', local=True)
    assert 'this prune does not know what other processes of this host read' in done.stderr
