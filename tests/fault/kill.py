#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The SIGKILL suite: the daemon is killed at random moments of a run, again and again, and started anew; the backup that comes
out in the end equals the source. What each death cost is printed: the recorded parts, how many of them were kept, the pages
that were read twice, and their bound: the pages that had been asked for since the last recorded cut. A daemon that starts over fails
here: its parts are not kept, and it reads more pages twice than were open.

    kill.py [--kills N] [--seed N] [--workers N] [--only WORDS]

A run is killed ten times or more, at moments drawn between the cuts that the state's file shows, and then at two of its last
steps: between the last part and Complete, between Complete and the manifests, at backup.json. Any two runs that follow one another
have both stores, one segment and eight, one format and both, and all of these steps; the seed says which come first. Beside them stand
stories of one kind each: a table that shrinks between death and return, a run that kills the daemon each time, a stop that is no death.
"""
import argparse
import collections
import contextlib
import hashlib
import itertools
import random
import re
import sqlite3
import subprocess
import sys
import time
import traceback

from stories import BOTH, Deadly, Shrinking, Stopping
from world import BUCKET, ROLE, Knowledge, Place, Setup, World, Wrong, client, spread

DEATHS_MOST = 2    # since the last cut: at the third the run is given up
DEATHS_LEAST = 10  # within a run
KEPT_SHARE = 0.8   # of the deaths after the first recorded cut, so many resume with a part kept
CUTS_LEAST = 25
RANDOM_UNTIL = 18  # the cut at about which the last of the random deaths is: the scan must not be over there
WAITING_MOST = 7   # pages that have come and stand in no part yet: PAGES_HELD of daemon/job/assembly.c, and one at hand
# Items of 8 KB. A data file holds a page or more (PartSize=512K), a json object's part 5 MiB: a cut each.
ITEMS = {'large': 23500, 'small': 7000, 'other': 700}

Combo = collections.namedtuple('Combo', 'store segments formats')
# Each with its opposite: what a short run of the suite meets. The seed says which are first.
PAIRS = [(Combo('rgw', segments, formats), Combo('strict', 9 - segments, other))
         for segments, (formats, other) in itertools.product((1, 8), ((BOTH, 'dynamodb-json'), ('dynamodb-json', BOTH)))]
# The last steps: operation, part of its target, held before it is carried out or before it is answered.
LAST_STEPS = {
    'before Complete': ('CompleteMultipartUpload', '', 'before'),
    'Complete unanswered': ('CompleteMultipartUpload', '', 'after'),
    'before the manifests': ('PutObject', '/manifest-files.json', 'before'),
    'before backup.json': ('PutObject', '/backup.json', 'before'),
    'backup.json unanswered': ('PutObject', '/backup.json', 'after'),
}
# Two a run, one behind the other: a third death without a new cut would be its end. With uploads, and without any.
STEPS_OF_BOTH = [('before Complete', 'before the manifests'), ('Complete unanswered', 'before the manifests'),
                 ('before Complete', 'backup.json unanswered'), ('Complete unanswered', 'before backup.json')]
STEPS_OF_FILES = [('before the manifests', 'before backup.json'), ('before backup.json', 'backup.json unanswered')]
Death = collections.namedtuple('Death', 'where cuts recorded kept pages twice bound')


class RunKnowledge(Knowledge):
    """What the daemon's state says of one run."""
    NAMES = 'id, cuts, deaths, resumed, complete, pages, stopped, given_up'

    def __init__(self, root, run):
        super().__init__(root)
        self.run = run

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
        """A run is asked for; what is known of it."""
        return RunKnowledge(self.setup.root, self.setup.json('run', name)['run'])

    def stop(self):
        status = self.setup.stop()
        if status != 0:
            raise Wrong(f'SIGTERM: the daemon ended with {status}')
        self.setup.gone()

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
        return f'{self.combo.store}, {self.combo.segments} segment{"s" if self.combo.segments > 1 else ""}, {self.combo.formats}'

    def tell(self, stage):
        stage.prepare(self.combo.store)
        place = stage.job(self.name, self.combo.segments, self.combo.formats, self.table)
        # So that moments can be met: a cut is a page where there are files alone, and five where there is an upload.
        stage.cloud.fault('dynamodb', 'delay', 'Scan', wait=self.combo.segments * (0.1 if self.table == 'small' else 0.03))
        stage.setup.start()
        know = stage.begin(self.name)
        for number, step in enumerate([None] * self.kills + [*self.last_steps]):
            if step:
                stage.hold(*LAST_STEPS[step])  # before there is a daemon that could be past it
            if number:
                stage.setup.start()
            if step:
                self.die_at(stage, know, step)
            else:
                self.die_at_random(stage, know, self.kills - number)
        stage.setup.start()
        outcome, error = stage.wait_end(know)
        if outcome != 'success':
            raise Wrong(f'the run ended as {outcome}: {error}')
        backup = place.must_hold(stage.sources[self.table])
        self.judge(stage, backup)
        stage.world.must_restore(stage.setup, backup.id, stage.sources[self.table], f'{self.name}-back', timeout=600)

    def die_at_random(self, stage, know, left):
        """Waits for a moment, maybe before a new cut, and kills. The first may be one before any cut."""
        stage.wait(lambda: know.row() or know.outcome(), 'the run in the state')
        row = know.row() or {'cuts': 0, 'deaths': 0}
        ahead = RANDOM_UNTIL - row['cuts']
        least = 0 if row['deaths'] < DEATHS_MOST and (row['cuts'] or not self.deaths) else 1
        stage.wait_cuts(know, row['cuts'] + self.dice.randint(least, max(1, min(ahead, 2 * ahead // left))))
        time.sleep(self.dice.random() * 0.2)
        stage.must_run(know)
        self.die(stage, know, 'at random')

    def die_at(self, stage, know, step):
        stage.wait(lambda: stage.is_held() or know.outcome(), step)
        stage.must_run(know)
        self.die(stage, know, step)
        ends = step == 'before backup.json' and step != self.last_steps[-1]  # were it to land, the run would be over
        stage.cloud.release(drop=LAST_STEPS[step][2] == 'before' and (ends or self.dice.random() < 0.5))  # else it lands after the death

    def die(self, stage, know, where):
        stage.setup.kill()
        row = know.row()
        self.deaths.append((where, row, know.parts(), len(stage.pages(self.table)), len(stage.cloud.seen(stage.service))))

    def judge(self, stage, backup):
        """What each death cost: looked up in the end, in the backup and in the pages that were asked for."""
        pages, held = stage.pages(self.table), parts_of(backup)
        sent = [place_of(held, one) for one in stage.cloud.seen(stage.service)]
        ends = [death[3] for death in self.deaths[1:]] + [len(pages)]
        for (where, row, parts, count, requests), end in zip(self.deaths, ends):
            before, again = set(pages[:count]), set(sent[requests:])
            twice = len(before & set(pages[count:end]))
            bound = len(before) - row['pages']
            survived = sum(held.get(place, (None, None))[1] == etag and place not in again for place, etag in parts.items())
            self.costs.append(Death(where, row['cuts'], len(parts), survived, len(before), twice, bound))
        self.must_be_fair(backup, stage)

    def must_be_fair(self, backup, stage):
        cuts = self.deaths[-1][1]['cuts']  # the scan is over there: all of them
        if cuts < CUTS_LEAST or len(backup.record['cuts']) != cuts:
            raise Wrong(f'{cuts} cuts are recorded, the backup has {len(backup.record["cuts"])}, and at least {CUTS_LEAST} are wanted')
        if len(self.deaths) < DEATHS_LEAST:
            raise Wrong(f'{len(self.deaths)} deaths only')
        most = 2 * -(-backup.record['pages'] // cuts) + self.combo.segments + WAITING_MOST  # two cuts, pages in flight, pages that wait
        for cost in self.costs:
            if cost.twice > cost.bound:
                raise Wrong(f'{cost.twice} pages were read twice, and {cost.bound} were open: {cost}')
            if cost.bound > most:
                raise Wrong(f'{cost.bound} pages were open, more than two cuts and those on their way, {most}: {cost}')
        if not 0 < backup.record['resumed'] <= len(self.deaths):  # a process that dies before it goes on does not count itself
            raise Wrong(f'backup.json says that the run was resumed {backup.record["resumed"]} times; it died {len(self.deaths)} times')
        listed = [one['id'] for one in stage.setup.json('list', self.name)['backups']]
        if listed != [backup.id]:
            raise Wrong(f'`list` shows {listed}, and there is {backup.id}')


def parts_of(backup):
    """The parts of the final backup: {(output, object, part): (key, what tells its bytes)}. Of a file that is its ETag, of a multipart part
    its MD5, which S3 takes for one."""
    out = {}
    for output, one in enumerate(backup.record['outputs']):
        for number, (entry, data) in enumerate(backup.stored(one['format']), 1):
            if one['format'] == 'dynamodb-json':
                out[output, int(re.search(r'/data/(\d+)', entry['key'])[1]), 1] = entry['key'], entry['etag'].strip('"')
                continue
            for index, part in enumerate(entry['parts'], 1):
                piece = data[part['offset']:part['offset'] + part['length']]
                out[output, number, index] = entry['key'], hashlib.md5(piece).hexdigest()
    return out


def place_of(held, request):
    """The part of the final backup that a request has sent; None where it is none."""
    path, _, query = request['target'].partition('?')
    number = re.search(r'\bpartNumber=(\d+)', query)
    if request['operation'] not in ('PutObject', 'UploadPart'):
        return None
    return next((place for place, (key, _) in held.items() if path.endswith('/' + key) and place[2] == (int(number[1]) if number else 1)), None)


# ------------------------------------------------------------ all of them


def turned(ring, by):
    """For ever round, from another beginning."""
    return itertools.islice(itertools.cycle(ring), by % len(ring), None)


def stories(options):
    """The runs that share the kills between them, and the others."""
    dice, turn = random.Random(options.seed), options.seed // len(PAIRS) % len(STEPS_OF_BOTH)
    combos = itertools.chain.from_iterable(turned(PAIRS, options.seed))
    both, files = turned(STEPS_OF_BOTH, turn), turned(STEPS_OF_FILES, turn < 2)  # so that two runs meet all
    runs, out = max(1, options.kills // (DEATHS_LEAST + 2)), []
    for number in range(runs):
        combo, kills = next(combos), max(DEATHS_LEAST, options.kills // runs + (number < options.kills % runs))
        last = next(both if combo.formats == BOTH else files)
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


def not_met(costs):
    """Which of the suite's moments have not been met; all are, by two runs."""
    families = {'between the last part and Complete': ('before Complete', 'Complete unanswered'),
                'between Complete and the manifests': ('before the manifests',),
                'at backup.json': ('before backup.json', 'backup.json unanswered')}
    return [name for name, steps in families.items() if not any(cost.where in steps for cost in costs)]


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
    wrong = judge_all(chosen, costs, options)
    print(f'{len(chosen)} stories in {time.monotonic() - began:.0f} s, seed {options.seed}')
    print(f'{len(chosen) - len(bad) + (not wrong)} passed, {len(bad) + bool(wrong)} failed, 0 skipped')
    return 1 if bad or wrong else 0


def judge_all(chosen, costs, options):
    """What no run can show by itself: what is wrong with it."""
    runs = [one.combo for one in chosen if isinstance(one, Killing)]
    print(f'{len(runs)} runs that were killed again and again, {len(set(runs))} combinations of store, segments and formats')
    after_a_cut = [cost for cost in costs if cost.cuts]
    kept = [cost for cost in after_a_cut if cost.kept]
    share = len(kept) / len(after_a_cut) if after_a_cut else float(not runs)
    wrong = [f'less than {KEPT_SHARE:.0%} resumed with a part kept'] if share < KEPT_SHARE else []
    where = collections.Counter(cost.where for cost in costs)
    print(f'deaths: {", ".join(f"{count} {name}" for name, count in where.items())}')
    print(f'{len(costs)} deaths, {len(after_a_cut)} after a recorded cut, {len(kept)} resumed with a part kept ({share:.0%}); '
          f'{sum(cost.twice for cost in costs)} pages read twice of {sum(cost.bound for cost in costs)} that were open')
    if not options.only:
        wrong += [f'{len(costs)} deaths, and {options.kills} were asked for'] if len(costs) < options.kills else []
        wrong += [f'never killed {name}' for name in not_met(costs)] if options.kills >= 2 * (DEATHS_LEAST + 2) else []
    for one in wrong:
        print(f'!! {one}')
    return wrong


def binary(count):
    """Items of 6,000 random bytes: 8 KB each, as JSON has them."""
    dice = random.Random(11)
    return [{'id': {'S': f'{n:08}'}, 'n': {'N': str(n)}, 'body': {'B': dice.randbytes(6000)}} for n in range(count)]


if __name__ == '__main__':
    sys.exit(main())
