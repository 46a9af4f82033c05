#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The fault suite: every fault alone at every stage of a run, and seeded pairs; after each, the backup in S3 equals the source,
or the run has failed, says so, and has left nothing. Prints a table; the exit status is 1 if anything was lost.

    faults.py [--pairs N] [--seed N] [--workers N] [--only WORDS] [--list]

A case is one run of one job: both formats, one segment, 9 MB, so that it has every stage. Each worker has a cloud and a daemon
of its own (the daemon with its stall time-out cut, see quick.c); cases are dealt to whoever is free. Every backup is read back out of
S3, line by line; of each fault one, and of every pair, the tool's own restore into a table is compared as well.
"""
import argparse
import collections
import itertools
import json
import random
import subprocess
import sys
import time
import traceback

from world import BUCKET, BUILD, QUICK, ROLE, Knowledge, Place, Setup, World, Wrong, client, spread

import items  # noqa: E402
import state  # noqa: E402

TABLE = 'studentData'
RETRY_FOR, LASTING_RETRY_FOR = 90, 4  # s: a busy machine may be slow, and what lasts for ever shall not last for ever
HUNG = 300                            # s: what has not ended by then is lost

# stage: service, operation, part of the target, which of the requests ('first', 'middle' and 'last' of a clean run's)
STAGES = {
    'assume role': ('sts', 'AssumeRole', '', 'first'),
    'describe': ('dynamodb', 'DescribeTable', '', 'first'),
    'open': ('s3', 'PutObject', '/_started', 'first'),
    'first page': ('dynamodb', 'Scan', '', 'first'),
    'middle page': ('dynamodb', 'Scan', '', 'middle'),
    'last page': ('dynamodb', 'Scan', '', 'last'),
    'create upload': ('s3', 'CreateMultipartUpload', '', 'first'),
    'first part': ('s3', 'UploadPart', '', 'first'),
    'last part': ('s3', 'UploadPart', '', 'last'),
    'first file': ('s3', 'PutObject', '/data/', 'first'),
    'last file': ('s3', 'PutObject', '/data/', 'last'),
    'complete': ('s3', 'CompleteMultipartUpload', '', 'first'),
    'sweep': ('s3', 'ListMultipartUploads', '', 'first'),
    'manifest': ('s3', 'PutObject', '/manifest-files.json', 'first'),
    'last checksum': ('s3', 'PutObject', '/manifest-summary.checksum', 'first'),
    'commit': ('s3', 'PutObject', '/backup.json', 'first'),
    'mail': ('ses', 'SendEmail', '', 'first'),
    'metadata token': ('imds', 'token', '', 'first'),
    'metadata role': ('imds', 'role', '', 'first'),
    'metadata key': ('imds', 'credentials', '', 'first'),
}
READS = ('assume role', 'describe', 'first page', 'middle page', 'last page', 'create upload', 'complete', 'sweep', 'mail',
         'metadata token', 'metadata role', 'metadata key')  # stages whose answer's body matters
PAGES = ('first page', 'middle page', 'last page')
METADATA = ('metadata token', 'metadata role', 'metadata key')
SIGNED_ANEW = ('describe', 'open', *PAGES, 'create upload', 'first part', 'last part', 'first file', 'last file', 'complete', 'sweep',
               'manifest', 'last checksum', 'commit', 'mail')  # by the role's credentials

ALL = tuple(STAGES)
IN_S3 = tuple(stage for stage, where in STAGES.items() if where[0] == 's3')
ONCE = {'count': 1}
# fault: action and its rule, at which stages. A run recovers from each.
PASSING = {
    # (where no metadata service has ever answered, that is remembered for a minute)
    'refused for a second': ('refuse', {**ONCE, 'wait': 1.0}, tuple(s for s in ALL if s != 'metadata token')),
    'reset before the answer': ('reset', {**ONCE, 'at': 'before'}, ALL),
    'reset half-way in the answer': ('reset', {**ONCE, 'at': 'mid'}, ALL),
    'reset behind the answer': ('reset', {**ONCE, 'at': 'after'}, ALL),
    'reset half-way in the request': ('reset', {**ONCE, 'at': 'upload'}, tuple(s for s in ALL if s not in ('assume role', *METADATA))),
    'closed before the answer': ('close', {**ONCE, 'at': 'before'}, ALL),
    'answer cut short': ('close', {**ONCE, 'at': 'mid'}, ALL),
    'stall before the answer': ('stall', {**ONCE, 'at': 'before', 'wait': 20}, ALL),
    'stall half-way in the answer': ('stall', {**ONCE, 'at': 'mid', 'wait': 20}, READS),
    'stall half-way in the request': ('stall', {**ONCE, 'at': 'upload', 'wait': 20}, ('first part', 'last file', 'first page', 'commit')),
    'answer lost': ('lost', ONCE, ALL),
    'answer late': ('delay', {**ONCE, 'wait': 1.0}, ALL),
    'body shorter than it was': ('truncate', ONCE, tuple(s for s in READS if s != 'metadata role')),  # a name cut short is a name
    'body that is no JSON and no XML': ('malformed', ONCE, READS),
    '500': ('error', {**ONCE, 'status': 500, 'code': 'InternalError'}, ALL),
    '502 of a proxy': ('raw', {**ONCE, 'status': 502, 'body': '<html><h1>502 Bad Gateway</h1></html>'}, ALL),
    '503': ('error', {**ONCE, 'status': 503, 'code': 'SlowDown'}, ALL),
    'throttled for 30 s': ('throttle', {'seconds': 30}, tuple(s for s in ALL if s not in METADATA)),
    'wrong x-amz-crc32': ('crc', ONCE, ('describe', *PAGES)),
    'a bit changed under the checksum': ('corrupt', ONCE, ('describe', *PAGES)),
    'credentials expire': ('expire', ONCE, SIGNED_ANEW),
    'expired, it says': ('expired', ONCE, SIGNED_ANEW),
    'clock an hour ahead': ('clock', {**ONCE, 'offset': 3600}, tuple(s for s in ALL if s not in METADATA)),
    'clock an hour behind': ('clock', {**ONCE, 'offset': -3600}, tuple(s for s in ALL if s not in METADATA)),
    'the bucket moves': ('move', {**ONCE, 'region': 'eu-central-1'}, IN_S3),
    'a page of nothing': ('empty-page', ONCE, PAGES),
    # (the request is held, and the daemon killed; see Worker.run_and_kill)
    'SIGKILL before it is done': ('hold', {**ONCE, 'at': 'before'}, tuple(s for s in ALL if s not in METADATA)),
    'SIGKILL before it is answered': ('hold', {**ONCE, 'at': 'after'}, tuple(s for s in ALL if s not in METADATA)),
}
KILLS = tuple(fault for fault, (action, _, _) in PASSING.items() if action == 'hold')
UNWRITTEN = ('assume role', 'describe')  # a run that dies there stands nowhere yet: nothing is resumed, and nothing is left
NO_MAIL = tuple(stage for stage in ALL if stage not in ('mail', *METADATA))
# A run fails at each, and takes everything back.
LASTING = {
    'denied for ever': ('deny', {}, NO_MAIL),
    '500 for ever': ('error', {'status': 500, 'code': 'InternalError'}, NO_MAIL),
    'reset for ever': ('reset', {'at': 'before'}, NO_MAIL),
    'stall for ever': ('stall', {'at': 'before', 'wait': 20}, NO_MAIL),
    'throttled for ever': ('throttle', {}, NO_MAIL),
    'no JSON and no XML for ever': ('malformed', {}, tuple(s for s in READS if s in NO_MAIL)),
    'wrong x-amz-crc32 for ever': ('crc', {}, ('describe', *PAGES)),
    'the same key for ever': ('same-key', {}, PAGES),
    'expired for ever': ('expired', {}, NO_MAIL),
}
# What a lasting fault cannot hurt: a sweep that fails is told, and the backup stands; what Complete has made is found by asking.
HARMLESS = {(fault, 'sweep') for fault in LASTING} | {('no JSON and no XML for ever', 'complete')}

# lasting: nothing but a failure may come of it. retry_for: in s. restores: the tool's own restore is tried as well
Case = collections.namedtuple('Case', 'number name faults stages lasting retry_for restores')


def rule_of(stage, fault, counts):
    """The arguments of cloud.fault()."""
    service, operation, target, which = STAGES[stage]
    action, rule, _ = {**PASSING, **LASTING}[fault]
    requests = counts.get((service, operation, target), 1)
    skip = {'first': 0, 'middle': requests // 2, 'last': requests - 1}[which]
    return {'service': service, 'operation': operation, 'action': action, 'target': target, 'skip': skip, **rule}


def all_cases(pairs, seed):
    singles = [[((stage, fault),) for stage in stages] for fault, (_, _, stages) in {**PASSING, **LASTING}.items()]
    dice = random.Random(seed)
    common = [(stage, fault) for stage, fault in itertools.chain(*itertools.chain(*singles)) if stage not in METADATA]
    doubles = [tuple(dice.sample(common, 2)) for _ in range(pairs)]
    restored = {dice.choice(cases) for cases in singles}
    own = [(('state', name),) for name in state.STORIES]
    return [case_of(number, faults, len(faults) > 1 or faults in restored or faults in own)
            for number, faults in enumerate([*own, *itertools.chain(*singles), *doubles])]


def case_of(number, faults, restores):
    lasting = any(fault in LASTING and (fault, stage) not in HARMLESS for stage, fault in faults)
    only_lasting = all(fault in LASTING for _, fault in faults)
    return Case(number, f'case-{number:03}', tuple(fault for _, fault in faults), tuple(stage for stage, _ in faults), lasting,
                LASTING_RETRY_FOR if lasting or only_lasting else RETRY_FOR, restores)


def takes_long(case):
    """Half a minute of throttles, or a sweep that fails for as long as its run is patient: those come first, and nobody waits for the
    last of them alone."""
    patient = case.retry_for == RETRY_FOR and any(fault in LASTING for fault in case.faults)
    return patient or any(fault.startswith('throttled') for fault in case.faults)


def dies_unwritten(case):
    return any(fault in KILLS and stage in UNWRITTEN for stage, fault in zip(case.stages, case.faults))


class Worker:
    """A cloud, a daemon that knows every case as a job, and an S3 client."""

    def __init__(self, world, cases, source, counts):
        self.world, self.source, self.counts = world, source, counts
        self.cloud = world.cloud()
        self.setup = Setup(self.cloud, world.folder, credentials='imds', daemon={'BufferMemory': '64M'})
        self.setup.program = QUICK
        for case in cases:
            self.write_job(self.setup, case)
        self.setup.start()
        self.s3 = client('s3', self.cloud.url['s3'])

    def write_job(self, setup, case):
        sections = {'Email': {'From': 'b@example.edu', 'To': f'{case.name}@example.edu'}} if 'mail' in case.stages else {}
        setup.job(case.name, Job={'Table': TABLE, 'RetryFor': f'{case.retry_for}s'}, Credentials={'RoleArn': ROLE}, Scan={'Segments': 1},
                  Destination={'Format': 'dynamodb-json json', 'PartSize': '5M'}, **sections)

    def close(self):
        try:
            self.setup.close()
        finally:
            self.cloud.stop()

    def run(self, case):
        """The case's outcome: (case, hits, 'recovered' or 'failed' or 'lost', words, seconds)."""
        began, hits = time.monotonic(), []
        try:
            tell = self.state_story if case.stages == ('state',) else self.story
            outcome, words = tell(case, hits)
        except (AssertionError, Wrong, OSError, RuntimeError, KeyError, ValueError, subprocess.SubprocessError) as wrong:
            outcome, words = 'lost', f'{wrong or traceback.format_exc()}'
        if outcome == 'lost':
            words += '\n' + '\n'.join(line for line in self.setup.journal().splitlines() if case.name in line)[-3000:]
        return case, hits, outcome, words, time.monotonic() - began

    def story(self, case, hits):
        self.calm()
        self.cloud.bucket(BUCKET)
        for stage, fault in zip(case.stages, case.faults):
            self.cloud.fault(**rule_of(stage, fault, self.counts))
        local = any(stage in METADATA for stage in case.stages)  # the tool alone: the daemon has the instance's keys already
        if any(fault in KILLS for fault in case.faults):
            status, words = self.run_and_kill(case, hits)
        else:
            done = self.setup.ctl('run', case.name, *(() if local else ('--wait',)), local=local, status=None, timeout=HUNG)
            status, words = done.returncode, done.stderr + done.stdout
        if 'mail' in case.stages and status == 0:
            self.setup.wait(lambda: self.mail_is_sent(case), f'the mail of {case.name}', 90)
        hits += [rule['hits'] for rule in self.cloud.ask('/faults')]
        return self.judge(self.setup, case, status, words, local)

    def tool(self, setup, *words):
        return subprocess.Popen([BUILD / 'dynamodb-backupctl', *words, '--config', setup.conf], text=True, env=setup.environment,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run_and_kill(self, case, hits):
        """The daemon dies where a request of the run is held, and is started again: (status as the tool's, words)."""
        run, dice = self.tool(self.setup, 'run', case.name, '--wait'), random.Random(case.number)
        try:
            self.setup.wait(lambda: run.poll() is not None or self.is_held(), 'the request at which the daemon dies', HUNG)
            if self.is_held():
                self.setup.kill()
                self.cloud.release(drop=dice.random() < 0.5)  # else what was sent lands after the death
                hits.append(1)
                self.setup.start()
                self.setup.wait(lambda: self.is_over(case), 'the end of the run', HUNG)
            words, _ = run.communicate(timeout=HUNG)
        finally:
            run.kill()
        return self.outcome_of(case, words) if hits else (run.returncode, words)

    def outcome_of(self, case, words):
        """As the history has it: (status, words)."""
        know = Knowledge(self.setup.root)

        def ask():
            return know.ask('SELECT outcome, error FROM runs WHERE job = ? ORDER BY ended', case.name)
        if not dies_unwritten(case):
            self.setup.wait(ask, 'the run, which is no longer under way, in the history', 10)
        rows = ask()
        return (0, '') if rows and rows[-1][0] == 'success' else (1, rows[-1][1] if rows else words)

    def is_held(self):
        return any(rule['action'] == 'hold' and rule['hits'] for rule in self.cloud.ask('/faults'))

    def is_over(self, case):
        """Looked at twice: where a run starts over there is a moment in between."""
        know = Knowledge(self.setup.root)

        def is_idle():
            return not know.ask('SELECT 1 FROM checkpoint WHERE job = ?', case.name) and self.job_of(case)['state'] == 'idle'
        return is_idle() and is_idle()

    def judge(self, setup, case, status, words, local=False):
        """The run has ended, and its fault: a whole backup, or nothing of it."""
        self.calm()
        place = Place(self.s3, BUCKET, f'backups/{case.name}/')
        if status == 0:
            backup = place.must_hold(self.source)
            self.must_list(setup, case, [backup.id], local)
            if case.restores:
                by_itself = local or case.stages == ('state',)  # the daemon, whose disk is full, cannot keep how far it came
                self.world.must_restore(setup, f'{case.name}@latest', self.source, f'{case.name}-back', local=by_itself, timeout=HUNG)
            return 'recovered', ''
        if status != 1:
            raise Wrong(f'the tool ended with {status}: {words[-800:]}')
        place.must_be_empty()
        self.must_list(setup, case, [], local)
        return 'failed', words.strip()

    def state_story(self, case, hits):
        """A daemon of its own, whose disk is what fails."""
        self.calm()
        setup = Setup(self.cloud, self.world.folder, credentials='imds')
        setup.program = QUICK
        self.write_job(setup, case)
        said = []

        def whole(meanwhile=None):
            self.cloud.bucket(BUCKET)
            run = self.tool(setup, 'run', case.name, '--wait')
            try:
                if meanwhile:
                    meanwhile()
                words, _ = run.communicate(timeout=HUNG)
            finally:
                run.kill()
            outcome, words = self.judge(setup, case, run.returncode, words)
            said.append(words)
            return outcome
        try:
            outcome = state.STORIES[case.faults[0]](setup, self.cloud, whole)
            hits.append(1)
            return outcome, said[0]
        except (AssertionError, Wrong, OSError, RuntimeError) as wrong:
            raise Wrong(f'{wrong}\n{setup.tail()}') from wrong
        finally:
            self.cloud.release()
            setup.close()

    def job_of(self, case):
        job, = self.setup.json('status', case.name)['jobs']
        return job

    def mail_is_sent(self, case):
        return self.job_of(case)['last']['mail'] == 'sent'

    def must_list(self, setup, case, ids, local):
        listed = self.listed(setup, case, local)
        if listed != ids:
            raise Wrong(f'`list` shows {listed}, and there is {ids}')

    def listed(self, setup, case, local):
        """Asked again for a while: credentials that could not be had are not asked for at once again."""
        end = time.monotonic() + 40
        while True:
            done = setup.ctl('list', case.name, '--json', local=local, status=None)
            if done.returncode == 0:
                return [one['id'] for one in json.loads(done.stdout)['backups']]
            if time.monotonic() > end:
                raise Wrong(f'`list` fails: {done.stderr}')
            time.sleep(0.5)

    def calm(self):
        """No fault, and the servers' clock and the bucket's region as they were; a daemon, whatever became of the one before."""
        self.cloud.reset()
        if not self.setup.child:
            self.setup.start()
        self.cloud.clock(0)
        self.cloud.ask('/region', {'bucket': BUCKET, 'region': 'us-east-1'})


def clean_counts(world, source):
    """How many requests of each kind a run makes when nothing fails."""
    case = case_of(0, (), True)._replace(name='case-clean', stages=('mail',), retry_for=RETRY_FOR)
    worker = Worker(world, [case], source, {})
    try:
        _, _, outcome, words, seconds = worker.run(case)
        if outcome != 'recovered':
            raise SystemExit(f'without any fault the run is {outcome}: {words}')
        print(f'a clean run takes {seconds:.1f} s', flush=True)
        worker.calm()
        worker.setup.run('case-clean', local=False)
        counts = collections.Counter()
        for service, operation, target, _ in set(STAGES.values()):
            counts[service, operation, target] = sum(one['operation'] == operation and target in one['target']
                                                     for one in worker.cloud.seen(service))
        print('its requests: ' + ', '.join(f'{count} {operation} {target}'.strip() for (_, operation, target), count in sorted(counts.items())))
        return counts
    finally:
        worker.close()


def judge(result):
    """What is wrong with a case's outcome; None if nothing."""
    case, hits, outcome, words, _ = result
    if outcome == 'lost':
        return words
    if len(case.faults) == 1:
        if not hits or not all(hits):
            return 'the fault was never met'
        if dies_unwritten(case):
            return None if outcome == 'failed' else 'a run that stood nowhere came back'
        if case.lasting and outcome != 'failed':
            return 'recovered from what lasts for ever'
        if not case.lasting and outcome != 'recovered' and case.stages != ('state',):
            return f'did not recover: {words}'
    elif outcome == 'failed' and not case.lasting and not dies_unwritten(case):
        return f'did not recover: {words}'
    return None


def title(case):
    return ' + '.join(f'{fault} @ {stage}' for stage, fault in zip(case.stages, case.faults))


def print_table(results, pairs):
    """By fault; the pairs in one row."""
    rows = {}
    for case, hits, outcome, _, _ in results:
        row = rows.setdefault(case.faults[0] if len(case.faults) == 1 else f'{pairs} seeded pairs', collections.Counter())
        row['cases'] += 1
        row['injected'] += sum(hits)
        row[outcome] += 1
    order = [*PASSING, *LASTING, *state.STORIES]
    rows = dict(sorted(rows.items(), key=lambda pair: order.index(pair[0]) if pair[0] in order else len(order)))
    rows['all'] = sum(rows.values(), collections.Counter())
    print(f'\n{"case":36} {"cases":>6} {"injected":>9} {"recovered":>10} {"failed cleanly":>15} {"lost":>5}')
    for name, row in rows.items():
        print(f'{name:36} {row["cases"]:6} {row["injected"]:9} {row["recovered"]:10} {row["failed"]:15} {row["lost"]:5}')
    return rows['all']['lost']


def main():
    parser = argparse.ArgumentParser(description='Faults at every stage of a run, alone and in pairs.')
    parser.add_argument('--pairs', type=int, default=50)
    parser.add_argument('--seed', type=int, default=int(time.time()) // 86400, help='of the pairs (default: the day)')
    parser.add_argument('--workers', type=int, default=8)
    parser.add_argument('--only', default='', help='cases whose name holds these words')
    parser.add_argument('--list', action='store_true', help='the cases, and no run')
    options = parser.parse_args()
    cases = [case for case in all_cases(options.pairs, options.seed) if options.only in title(case)]
    if options.list:
        print('\n'.join(f'{case.name} {title(case)}' for case in cases))
        return 0
    began, results, bad = time.monotonic(), [], []
    print(f'{len(cases)} cases, seed {options.seed}', flush=True)
    with World() as world:
        source = world.table(TABLE, items.make(150, seed=5, specials=False) + items.sized(1050, 8000, seed=6))
        counts = clean_counts(world, source)
        for result in spread(sorted(cases, key=takes_long, reverse=True), min(options.workers, len(cases)), lambda _: Worker(world, cases, source, counts), Worker.run):
            results.append(result)
            wrong = judge(result)
            if wrong:
                bad.append(result)
                print(f'!! {result[0].name} {title(result[0])}: {result[2]}: {wrong}', flush=True)
            elif len(results) % 50 == 0:
                print(f'   {len(results)} of {len(cases)} after {time.monotonic() - began:.0f} s', flush=True)
    slowest = sorted(results, key=lambda result: -result[4])[:5]
    lost = print_table(results, options.pairs)
    print('slowest: ' + ', '.join(f'{title(case)} {seconds:.0f} s' for case, _, _, _, seconds in slowest))
    restored = sum(case.restores and outcome == 'recovered' for case, _, outcome, _, _ in results)
    print(f'{restored} backups restored by the tool, and every one read back line by line')
    print(f'{len(results)} cases in {time.monotonic() - began:.0f} s, seed {options.seed}, lost {lost}')
    print(f'{len(results) - len(bad)} passed, {len(bad)} failed, 0 skipped')
    return 1 if bad or len(results) != len(cases) else 0


if __name__ == '__main__':
    sys.exit(main())
