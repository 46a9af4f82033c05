#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The SIGKILL suite: the daemon is killed at random moments of a run, again and again, and started anew; the backup that comes
out in the end equals the source. What each death cost is printed: the recorded parts, how many of them were kept, the pages
that were read twice, and their bound: the pages that had been asked for since the last recorded cut.

    kill.py [--kills N] [--seed N] [--workers N] [--only WORDS]

A run is killed ten times or more, at moments drawn between the cuts that the state's file shows, and then at two of its last
steps: between the last part and Complete, between Complete and the manifests, at backup.json. Beside these stand stories of one
kind each: a table that shrinks between death and return, a run that kills the daemon each time, a stop that is no death.
"""
import argparse
import collections
import contextlib
import hashlib
import itertools
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback

from world import BUCKET, ROLE, Place, Setup, World, Wrong, client, spread

import items  # noqa: E402
from backups import Backup, all_keys  # noqa: E402
from mail import box  # noqa: E402

BOTH = 'dynamodb-json json'
DEATHS_MOST = 2   # since the last cut: at the third the run is given up
KEPT_SHARE = 0.8  # of the deaths after the first recorded cut, so many resume with a part kept
CUTS_LEAST = 25
# Items of 8 KB. A data file holds a page or more (PartSize=512K), a json object's part 5 MiB: a cut each.
ITEMS = {'large': 23500, 'small': 7000, 'other': 700}

Combo = collections.namedtuple('Combo', 'store segments formats')
COMBOS = [Combo(*one) for one in itertools.product(('strict', 'rgw'), (1, 8), ('dynamodb-json', BOTH))]
# The last steps: operation, part of its target, held before it is carried out or before it is answered.
LAST_STEPS = {
    'before Complete': ('CompleteMultipartUpload', '', 'before'),
    'Complete unanswered': ('CompleteMultipartUpload', '', 'after'),
    'before the manifests': ('PutObject', '/manifest-files.json', 'before'),
    'before backup.json': ('PutObject', '/backup.json', 'before'),
    'backup.json unanswered': ('PutObject', '/backup.json', 'after'),
}
Death = collections.namedtuple('Death', 'where cuts recorded kept pages twice bound')


class Knowledge:
    """What the daemon's state says of one run, read past the daemon."""
    NAMES = 'id, cuts, deaths, resumed, complete, pages, stopped, given_up'

    def __init__(self, root, run):
        self.file, self.run = root / 'state/state.db', run

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

    def row(self):
        """The checkpoint; None where the run is over."""
        found = self.ask(f'SELECT {self.NAMES} FROM checkpoint WHERE run = ?', self.run)
        return dict(zip(self.NAMES.split(', '), found[0])) if found else None

    def cuts(self):
        row = self.row()
        return row['cuts'] if row else 0

    def parts(self):
        """The ETags of the recorded parts, each with its place: {(output, object, part): etag}."""
        rows = self.ask('SELECT output, object, part, etag FROM checkpoint_part WHERE run IN (SELECT id FROM checkpoint WHERE run = ?)',
                        self.run)
        return {row[:3]: row[3].strip('"') for row in rows}

    def outcome(self):
        """(result, error) of the run; None while it is under way."""
        found = self.ask('SELECT outcome, error FROM runs WHERE run = ?', self.run)
        return found[0] if found else None


class Stage:
    """One worker's ground: a cloud, and one daemon's folder after the other."""

    def __init__(self, world, sources):
        self.world, self.sources, self.cloud, self.setup = world, sources, world.cloud(), None

    def close(self):
        self.leave()
        self.cloud.stop()

    def leave(self):
        if self.setup:
            setup, self.setup = self.setup, None
            setup.close()

    def prepare(self, store='strict', **options):
        """A daemon's folder with nothing in it, not yet started."""
        self.cloud.reset()
        self.cloud.bucket(BUCKET)
        where = {'s3': self.cloud.url['rgw'], 'endpoints': {'STS': self.cloud.url['rgw']}} if store == 'rgw' else {}
        self.setup = Setup(self.cloud, self.world.folder, **where, **options)
        facts = self.world.ceph.facts if store == 'rgw' else {}
        self.service, self.role = ('rgw', facts['role_arn']) if facts else ('s3', ROLE)
        self.s3 = client('s3', self.world.ceph.url, facts) if facts else client('s3', self.cloud.url['s3'])

    def job(self, name, segments=1, formats=BOTH, table='small', **more):
        size = '5M' if 'json' in formats.split() else '512K'
        self.setup.job(name, Job={'Table': table, 'RetryFor': '30s'}, Credentials={'RoleArn': self.role}, Scan={'Segments': segments},
                       Destination={'Format': formats, 'PartSize': size}, **more)
        return Place(self.s3, BUCKET, f'backups/{name}/')

    def begin(self, name):
        """A run is asked for; its Knowledge."""
        return Knowledge(self.setup.root, self.setup.json('run', name)['run'])

    def kill(self):
        self.setup.child.kill()
        self.setup.child.wait()
        self.down()

    def stop(self):
        status = self.setup.stop()
        if status != 0:
            raise Wrong(f'SIGTERM: the daemon ended with {status}')
        self.down()

    def down(self):
        self.setup.notify.close()
        (self.setup.root / 'notify').unlink()
        self.setup.child = self.setup.notify = None

    def wait(self, check, what, seconds=120):
        self.setup.wait(check, what, seconds)

    def wait_cuts(self, know, number):
        self.wait(lambda: know.outcome() or know.cuts() >= number, f'cut {number} of a run')
        self.must_run(know)

    def wait_end(self, know):
        """A run that leaves the checkpoints without an end has started over, as another run."""
        self.wait(lambda: know.outcome() or not know.row(), 'the end of a run', 300)
        with contextlib.suppress(TimeoutError):
            self.wait(know.outcome, 'its row in the history', 5)
        return know.outcome() or ('nothing', 'it is neither under way nor in the history: it started over')

    def must_run(self, know):
        if know.outcome():
            raise Wrong(f'the run is over before its time: {know.outcome()}')

    def hold(self, operation, target, at):
        self.cloud.fault(self.service, 'hold', operation, target=target, at=at, count=1)

    def is_held(self):
        return any(rule['action'] == 'hold' and rule['hits'] for rule in self.cloud.ask('/faults'))

    def uploads_told(self):
        """What became of the uploads, request by request."""
        return '\n'.join(f"{one['time']:.2f} {one['operation']} {one.get('status')} {one['target'][-160:]}" for one in self.cloud.seen(self.service)
                         if one['operation'] in ('CreateMultipartUpload', 'AbortMultipartUpload', 'CompleteMultipartUpload', 'ListParts', 'ListMultipartUploads'))

    def pages(self, table):
        """The pages asked for so far, in order: (segment, the key it begins after)."""
        return [(segment, start) for name, segment, start in self.cloud.ask('/asked') if name == table]


class Killing:
    """One run, its deaths, and what each of them cost."""

    def __init__(self, number, combo, kills, last_steps, dice):
        self.name, self.combo, self.kills, self.last_steps, self.dice = f'kill-{number:03}', combo, kills, last_steps, dice
        self.deaths, self.costs = [], []
        self.table = 'large' if 'json' in combo.formats.split() else 'small'

    def title(self):
        return f'{self.combo.store}, {self.combo.segments} segments, {self.combo.formats}'

    def tell(self, stage):
        stage.prepare(self.combo.store)
        place = stage.job(self.name, self.combo.segments, self.combo.formats, self.table)
        stage.cloud.fault('dynamodb', 'delay', 'Scan', wait=0.03 * min(self.combo.segments, 4))  # so that moments can be met
        stage.setup.start()
        know = stage.begin(self.name)
        for left in range(self.kills, 0, -1):
            self.die_at_random(stage, know, left)
            stage.setup.start()
        for step in self.last_steps:
            self.die_at(stage, know, step)
            stage.setup.start()
        outcome, error = stage.wait_end(know)
        if outcome != 'success':
            raise Wrong(f'the run ended as {outcome}: {error}')
        backup = place.must_hold(stage.sources[self.table])
        self.judge(stage, backup)

    def die_at_random(self, stage, know, left):
        """Waits for a moment, maybe before a new cut, and kills."""
        row = know.row() or {'cuts': 0, 'deaths': 0}
        most = max(1, min(3, (CUTS_LEAST - row['cuts']) // left - 1))
        stage.wait_cuts(know, row['cuts'] + self.dice.randint(0 if row['cuts'] and row['deaths'] < DEATHS_MOST else 1, most))
        time.sleep(self.dice.random() * 0.2)
        stage.must_run(know)
        self.die(stage, know, 'at random')

    def die_at(self, stage, know, step):
        operation, target, at = LAST_STEPS[step]
        stage.hold(operation, target, at)
        stage.wait(lambda: stage.is_held() or know.outcome(), step)
        stage.must_run(know)
        self.die(stage, know, step)
        stage.cloud.release(drop=at == 'before' and self.dice.random() < 0.5)  # else it lands after the death

    def die(self, stage, know, where):
        stage.kill()
        row = know.row()
        self.deaths.append((where, row, know.parts(), len(stage.pages(self.table))))

    def judge(self, stage, backup):
        """What each death cost: looked up in the end, in the backup and in the pages that were asked for."""
        pages, kept = stage.pages(self.table), kept_parts(backup)
        ends = [death[3] for death in self.deaths[1:]] + [len(pages)]
        for (where, row, parts, count), end in zip(self.deaths, ends):
            before = set(pages[:count])
            twice = len(before & set(pages[count:end]))
            bound = len(before) - row['pages']
            survived = sum(etag in kept for etag in parts.values())
            self.costs.append(Death(where, row['cuts'], len(parts), survived, len(before), twice, bound))
        self.must_be_fair(backup, stage)

    def must_be_fair(self, backup, stage):
        for cost in self.costs:
            if cost.twice > cost.bound:
                raise Wrong(f'{cost.twice} pages were read twice, and {cost.bound} were open: {cost}')
        if not backup.record.get('resumed'):
            raise Wrong('backup.json does not say that the backup was resumed')
        if len(backup.record['cuts']) < CUTS_LEAST:
            raise Wrong(f'the backup has {len(backup.record["cuts"])} cuts only')
        listed = [one['id'] for one in stage.setup.json('list', self.name)['backups']]
        if listed != [backup.id]:
            raise Wrong(f'`list` shows {listed}, and there is {backup.id}')


def kept_parts(backup):
    """What tells the parts of the final backup: of a file its ETag, of a multipart part its MD5, which S3 takes for one."""
    out = set()
    for one in backup.record['outputs']:
        for entry, data in backup.stored(one['format']):
            out.add(entry['etag'].strip('"'))
            if one['format'] != 'dynamodb-json':
                out |= {hashlib.md5(data[part['offset']:part['offset'] + part['length']]).hexdigest() for part in entry['parts']}
    return out


# ------------------------------------------------------------ stories of one kind


class Shrinking:
    """Items are deleted between a death and the return, so that fewer files follow than there were."""

    def __init__(self, formats):
        self.name, self.formats = f'shrink-{len(formats)}', formats

    def title(self):
        return f'a table that shrinks, {self.formats}'

    def tell(self, stage):
        source = items.sized(6000, 8000, seed=len(self.formats))
        table = f'shrinking-{len(self.formats)}'
        items.fill(stage.world.dynamo, table, source)
        stage.prepare()
        stage.job(self.name, formats=self.formats, table=table)
        stage.cloud.fault('dynamodb', 'delay', 'Scan', wait=0.03)
        stage.setup.start()
        know = stage.begin(self.name)
        stage.wait_cuts(know, 3)
        last = 'PutObject' if self.formats == 'dynamodb-json' else 'UploadPart'
        stage.wait(lambda: stage.cloud.count('s3', last) >= 5, 'parts behind the cut')
        stage.kill()
        self.keys_at_death = all_keys(stage.s3, BUCKET, f'backups/{self.name}/')
        read = Shrinking.scan(stage.world.dynamo, table)
        gone = read[len(read) // 2:]  # in the scan's order: what it had not come to
        for at in range(0, len(gone), 25):
            stage.world.dynamo.batch_write_item(RequestItems={table: [{'DeleteRequest': {'Key': {'id': one['id']}}} for one in gone[at:at + 25]]})
        stage.setup.start()
        outcome, error = stage.wait_end(know)
        if outcome != 'success':
            raise Wrong(f'the run ended as {outcome}: {error}')
        self.must_fit(Backup(stage.s3, BUCKET, f'backups/{self.name}/'), source, {one['id']['S'] for one in gone})

    @staticmethod
    def scan(dynamo, table):
        return [one for page in dynamo.get_paginator('scan').paginate(TableName=table, ProjectionExpression='id') for one in page['Items']]

    def must_fit(self, backup, source, gone):
        """typed_lines() holds data/ to the manifest: each file once, and no other."""
        wanted = {one['id']['S']: one for one in source}
        for name, found in (('dynamodb-json', [line['id']['S'] for line in backup.typed()]),
                            *((('json', [one['id'] for one in backup.plain()]),) if 'json' in backup.formats else ())):
            if len(set(found)) != len(found):
                raise Wrong(f'{name}: {len(found) - len(set(found))} keys stand twice')
            missing = set(wanted) - gone - set(found)
            if missing:
                raise Wrong(f'{name}: {len(missing)} items that never went are missing')
        for line in backup.typed():
            if items.python_of({name: items.from_wire(value) for name, value in line.items()}) != items.python_of(wanted[line['id']['S']]):
                raise Wrong(f'{line["id"]} came back changed')


class Deadly:
    """The daemon dies three times at the same point of one job's run; that one has failed then, and another job's has not."""
    name = 'deadly'

    def title(self):
        return 'a run that kills the daemon each time'

    def tell(self, stage):
        stage.prepare(daemon={'MaxConcurrentJobs': 2})
        place = stage.job('deadly', Email={'From': 'b@example.edu', 'To': 'deadly@example.edu'})
        good = stage.job('good', table='other')
        stage.setup.start()
        stage.cloud.fault('dynamodb', 'hold', 'Scan', target='small', skip=2)
        know = stage.begin('deadly')
        beside = stage.begin('good')
        for death in range(3):
            stage.wait(lambda: stage.is_held() or know.outcome(), 'the deadly page')
            stage.must_run(know)
            stage.kill()
            stage.cloud.release(drop=True)
            if death < 2:
                stage.cloud.fault('dynamodb', 'hold', 'Scan', target='small')
            stage.setup.start()
        outcome, error = stage.wait_end(know)
        if outcome == 'success':
            raise Wrong('a run under which the daemon has died three times without a new cut was resumed again')
        place.must_be_empty()
        if stage.wait_end(beside)[0] != 'success':
            raise Wrong(f'the other job: {beside.outcome()}')
        good.must_hold(stage.sources['other'])
        stage.wait(lambda: box(stage.cloud, 'deadly@example.edu'), 'the mail of the failure')
        if stage.setup.json('list', 'deadly')['backups']:
            raise Wrong('`list` shows the run that failed')
        print(f'   three deaths: {error}', flush=True)


class Stopping:
    """SIGTERM in the middle, and a start: the run is resumed, and nowhere stands that it had failed."""
    name = 'stopping'

    def __init__(self, segments):
        self.segments = segments

    def title(self):
        return f'SIGTERM, {self.segments} segments'

    def tell(self, stage):
        stage.prepare(daemon={'StopTimeout': '1s'})
        place = stage.job(self.name, segments=self.segments, Email={'From': 'b@example.edu', 'To': 'stopping@example.edu', 'On': 'failure'})
        stage.cloud.fault('dynamodb', 'delay', 'Scan', wait=0.03 * min(self.segments, 4))
        stage.setup.start()
        know = stage.begin(self.name)
        for _ in range(2):
            stage.wait_cuts(know, know.cuts() + 1)
            stage.stop()
            row = know.row()
            if not row or not row['stopped'] or row['deaths']:
                raise Wrong(f'after SIGTERM the state says {row}, {know.outcome()}')
            stage.setup.start()
            self.must_not_have_failed(stage)
        outcome, error = stage.wait_end(know)
        if outcome != 'success':
            raise Wrong(f'the run ended as {outcome}: {error}')
        place.must_hold(stage.sources['small'])
        self.must_not_have_failed(stage)
        rows = know.ask('SELECT run, outcome FROM runs WHERE job = ?', self.name)
        if rows != [(know.run, 'success')]:
            raise Wrong(f'the history has {rows}')
        if box(stage.cloud, 'stopping@example.edu'):
            raise Wrong('a stop was mailed as a failure')

    def must_not_have_failed(self, stage):
        job, = stage.setup.json('status', self.name)['jobs']
        if (job.get('last') or {}).get('result') not in (None, 'success'):
            raise Wrong(f'`status` says {job["last"]}')


# ------------------------------------------------------------ all of them


def stories(options):
    """The runs that share the kills between them, and the others."""
    dice = random.Random(options.seed)
    order = list(COMBOS)
    dice.shuffle(order)
    runs = max(1, round(options.kills / 12))
    out, steps = [], itertools.cycle(dice.sample(sorted(LAST_STEPS), len(LAST_STEPS)))
    for number in range(runs):
        combo = order[number % len(order)]
        kills = options.kills // runs + (number < options.kills % runs)
        usable = [step for step in LAST_STEPS if 'json' in combo.formats.split() or LAST_STEPS[step][0] == 'PutObject']
        last = []
        while len(last) < min(2, kills):
            step = next(steps)
            if step in usable and step not in last:
                last.append(step)
        last.sort(key=list(LAST_STEPS).index)
        out.append(Killing(number, combo, kills - len(last), last, random.Random(dice.random())))
    others = [Shrinking('dynamodb-json'), Shrinking(BOTH), Deadly(), Stopping(1), Stopping(8)]
    return [one for one in out + others if options.only in one.title()]


def tell(stage, story):
    """(story, what is wrong with it or None, seconds)"""
    began, wrong = time.monotonic(), None
    try:
        story.tell(stage)
    except (AssertionError, Wrong, OSError, RuntimeError, LookupError, TypeError, ValueError, sqlite3.Error, subprocess.SubprocessError) as error:
        wrong = f'{error}\n{traceback.format_exc()[-1500:]}'
        wrong += stage.setup.tail(5000) + stage.uploads_told() if stage.setup else ''
    try:
        stage.cloud.reset()
        stage.leave()
    except (AssertionError, OSError) as error:
        wrong = wrong or str(error)
    return story, wrong, time.monotonic() - began


def print_deaths(story):
    for cost in story.costs:
        print(f'   {story.name} {cost.where:24} cuts {cost.cuts:3}, parts recorded {cost.recorded:3}, kept {cost.kept:3}; '
              f'pages read {cost.pages:4}, twice {cost.twice:3}, bound {cost.bound:3}')


def main():
    parser = argparse.ArgumentParser(description='SIGKILL at any moment of a run.')
    parser.add_argument('--kills', type=int, default=200)
    parser.add_argument('--seed', type=int, default=int(time.time()) // 86400, help='default: the day')
    parser.add_argument('--workers', type=int, default=2)
    parser.add_argument('--only', default='', help='stories whose title holds these words')
    options = parser.parse_args()
    began, chosen, bad, costs = time.monotonic(), stories(options), [], []
    print(f'{len(chosen)} stories, seed {options.seed}', flush=True)
    if not chosen:
        return 2
    with World(ceph=any(getattr(one, 'combo', None) and one.combo.store == 'rgw' for one in chosen)) as world:
        sources = {name: world.table(name, binary(count)) for name, count in ITEMS.items()}
        print(f'the tables stand after {time.monotonic() - began:.0f} s', flush=True)
        for story, wrong, seconds in spread(chosen, min(options.workers, len(chosen)), lambda _: Stage(world, sources), tell):
            print(f'{"!!" if wrong else "ok"} {story.name} ({story.title()}) {seconds:.0f} s{": " + wrong if wrong else ""}', flush=True)
            if isinstance(story, Killing):
                print_deaths(story)
                costs += story.costs
            bad += [story] if wrong else []
    after_a_cut = [cost for cost in costs if cost.cuts]
    kept = [cost for cost in after_a_cut if cost.kept]
    share = len(kept) / len(after_a_cut) if after_a_cut else 1.0
    print(f'{len(costs)} deaths, {len(after_a_cut)} after a recorded cut, {len(kept)} resumed with a part kept ({share:.0%}); '
          f'{sum(cost.twice for cost in costs)} pages read twice of {sum(cost.bound for cost in costs)} that were open')
    few = share < KEPT_SHARE
    if few:
        print(f'!! less than {KEPT_SHARE:.0%}')
    print(f'{len(chosen)} stories in {time.monotonic() - began:.0f} s, seed {options.seed}')
    print(f'{len(chosen) - len(bad)} passed, {len(bad) + few} failed, 0 skipped')
    return 1 if bad or few else 0


def binary(count):
    """Items of 6,000 random bytes: 8 KB each, as JSON has them."""
    dice = random.Random(11)
    return [{'id': {'S': f'{n:08}'}, 'n': {'N': str(n)}, 'body': {'B': dice.randbytes(6000)}} for n in range(count)]


if __name__ == '__main__':
    sys.exit(main())
