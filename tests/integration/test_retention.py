# SPDX-License-Identifier: Apache-2.0
"""The rules of [Retention] before two judges: a plain implementation written from restic's documentation, over 1,000 histories,
and `restic forget --dry-run --json` itself, over 50. Seeds are fixed; $SEED takes another.

What restic has not, the plain judge holds: the newest good backup survives any rules, and a backup that is dated after now is kept,
takes no other's place and is never what KeepWithin counts back from.
"""
import datetime
import json
import os
import pathlib
import random
import subprocess
import zoneinfo

import pytest
from daemon import BUILD

SEED = int(os.environ.get('SEED', '3'))
HISTORIES, JUDGED_BY_RESTIC = 1000, 50
ZONES = ['UTC', 'Asia/Ho_Chi_Minh', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'Pacific/Apia']
PERIODS = ['KeepHourly', 'KeepDaily', 'KeepWeekly', 'KeepMonthly', 'KeepYearly']
NOW = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.timezone.utc)
HOUR = 3600


@pytest.fixture(scope='module')
def decide():
    """Our decisions on a list of histories: for each, {id: (kept, why)}."""
    subprocess.run(['ninja', '-C', BUILD, 'tests/retention/decide-lines'], check=True, stdout=subprocess.DEVNULL)

    def ask(histories):
        lines = ''.join(json.dumps(one) + '\n' for one in histories)
        done = subprocess.run([BUILD / 'tests/retention/decide-lines'], input=lines, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        answers = [json.loads(line)['decisions'] for line in done.stdout.splitlines()]
        assert len(answers) == len(histories)
        return [{row['id']: (row['keep'], row['why']) for row in rows} for rows in answers]
    return ask


# Histories.
def random_times(rng, count, now):
    """Instants in ms: dense in some stretches, thin in others, so that every kind of period holds none, one and many."""
    out = set()
    while len(out) < count:
        start = now - rng.choice([0, HOUR, 86400, 20 * 86400, 200 * 86400, 1200 * 86400]) - rng.randint(0, 86400 * 40)
        step = rng.choice([600, HOUR, 6 * HOUR, 86400, 7 * 86400, 30 * 86400, 200 * 86400])
        for i in range(rng.randint(1, 12)):
            at = start - i * step - rng.randint(0, step // 4)
            if at < now and len(out) < count:
                out.add(at * 1000 + rng.randint(0, 999))
    return sorted(out)


def random_rules(rng):
    rules = {name: rng.choice([1, 2, 3, 5, 12]) for name in ['KeepLast', *PERIODS] if rng.random() < 0.4}
    if rng.random() < 0.35:
        words = [f'{rng.randint(1, most)}{unit}' for unit, most in (('y', 2), ('M', 14), ('w', 3), ('d', 40), ('h', 50)) if rng.random() < 0.4]
        if words:
            rules['KeepWithin'] = ' '.join(words)
    return rules


def random_history(rng, number):
    now = int(NOW.timestamp()) + rng.randint(-200 * 86400, 0)
    times = random_times(rng, rng.choice([0, 1, 2, 5, 10, 20, 40, 80]), now)
    if rng.random() < 0.25:
        times += [(now + rng.randint(1, 60 * 86400)) * 1000 for _ in range(rng.randint(1, 5))]
    bad = rng.choice([0, 0, 0.3, 1])
    backups = [{'id': f'{number}-{i}', 'started': at, 'good': rng.random() >= bad} for i, at in enumerate(times)]
    rng.shuffle(backups)
    return {'zone': rng.choice(ZONES), 'now': now * 1000, 'rules': random_rules(rng), 'backups': backups}


# The plain judge.
def local(ms, zone):
    return datetime.datetime.fromtimestamp(ms // 1000, datetime.timezone.utc).astimezone(zoneinfo.ZoneInfo(zone))


def period(rule, ms, zone):
    at = local(ms, zone)
    year, week, _ = at.isocalendar()
    return {'KeepHourly': (at.year, at.month, at.day, at.hour), 'KeepDaily': (at.year, at.month, at.day), 'KeepWeekly': (year, week),
            'KeepMonthly': (at.year, at.month), 'KeepYearly': (at.year,)}[rule]


def parts(within):
    """The numbers of '1y 6M 4w 30d 12h'."""
    return {word[-1]: int(word[:-1]) for word in within.split()}


def instant(wall, zone):
    """The first instant at which clocks show `wall`, or, where they skip it, the first after the gap. Seconds."""
    info = zoneinfo.ZoneInfo(zone)
    guess = int(wall.replace(tzinfo=info, fold=0).timestamp())
    if datetime.datetime.fromtimestamp(guess, info).replace(tzinfo=None, fold=0) == wall:
        return guess
    before, after = guess - 12 * HOUR, guess + 12 * HOUR  # the gap lies between: the offset changes there
    first = datetime.datetime.fromtimestamp(before, info).utcoffset()
    while after - before > 1:
        middle = (before + after) // 2
        if datetime.datetime.fromtimestamp(middle, info).utcoffset() == first:
            before = middle
        else:
            after = middle
    return after


def since(newest, within, zone):
    """The instant, in ms, after which KeepWithin keeps."""
    count, wall = parts(within), local(newest, zone).replace(tzinfo=None)
    months = wall.year * 12 + wall.month - 1 - 12 * count.get('y', 0) - count.get('M', 0)
    days = wall.day - 1 - 7 * count.get('w', 0) - count.get('d', 0)
    if set(count) & set('yMwd'):
        day = datetime.datetime(months // 12, months % 12 + 1, 1) + datetime.timedelta(days=days)
        then = instant(datetime.datetime.combine(day.date(), wall.time()), zone)
    else:
        then = newest // 1000
    return then * 1000 + newest % 1000 - count.get('h', 0) * HOUR * 1000


def plainly(history):
    """The ids that are kept."""
    rules, zone = history['rules'], history['zone']
    everything = {one['id'] for one in history['backups']}
    if not rules:
        return everything
    future = {one['id'] for one in history['backups'] if one['started'] > history['now']}
    past = sorted((one for one in history['backups'] if one['id'] not in future), key=lambda one: (one['started'], one['id']), reverse=True)
    kept = set(future) | {one['id'] for one in past if one['good']} & {next((one['id'] for one in past if one['good']), None)}
    kept |= {one['id'] for one in past[:rules.get('KeepLast', 0)]}
    for rule in PERIODS:
        newest_of = {}
        for one in past:
            newest_of.setdefault(period(rule, one['started'], zone), one['id'])
        kept |= set(list(newest_of.values())[:rules.get(rule, 0)])
    if past and 'KeepWithin' in rules:
        kept |= {one['id'] for one in past if one['started'] > since(past[0]['started'], rules['KeepWithin'], zone)}
    return kept


def test_a_thousand_histories_against_a_plain_implementation(decide):
    rng = random.Random(SEED)
    histories = [random_history(rng, number) for number in range(HISTORIES)]
    backups = removed = 0
    for history, ours in zip(histories, decide(histories)):
        kept, wanted = {name for name, (keep, _) in ours.items() if keep}, plainly(history)
        shown = {name: ours[name][1] for name in kept ^ wanted}
        assert kept == wanted, f'{history["rules"]} in {history["zone"]}: we and the plain judge differ on {shown}\n{json.dumps(history)}'
        good = [one for one in history['backups'] if one['good'] and one['started'] <= history['now']]
        assert not good or max(good, key=lambda one: (one['started'], one['id']))['id'] in kept
        assert all(why for _, why in ours.values())
        backups, removed = backups + len(ours), removed + len(ours) - len(kept)
    print(f'\nretention: {HISTORIES} histories (seed {SEED}), {backups} backups, {removed} removed, the plain judge agrees on each')
    assert backups / 4 < removed < backups


# restic.
class Restic:
    """A repository whose snapshots carry tags; one history is all that carry one tag."""

    def __init__(self, folder, zone):
        self.folder = pathlib.Path(folder)
        self.environment = {**os.environ, 'RESTIC_REPOSITORY': str(self.folder / 'repository'), 'RESTIC_PASSWORD': 'x', 'TZ': zone,
                            'RESTIC_CACHE_DIR': str(self.folder / 'cache')}
        (self.folder / 'file').write_text('x')
        self.run('init')

    def run(self, *words):
        return subprocess.run(['restic', '-q', *words], check=True, capture_output=True, text=True, env=self.environment, cwd=self.folder,
                              timeout=120).stdout

    def snapshot(self, started, tags):
        """`started` in seconds."""
        when = datetime.datetime.fromtimestamp(started, zoneinfo.ZoneInfo(self.environment['TZ'])).strftime('%Y-%m-%d %H:%M:%S')
        self.run('backup', '--time', when, '--tag', ','.join(tags), '--host', 'h', 'file')

    def forget(self, tag, rules):
        """The times, in seconds, that `restic forget` would keep. (Newer ones than Debian's also keep the oldest where a rule is not
        used up, and say so.)"""
        words = [word for name, value in rules.items() for word in ('--keep-' + name[4:].lower(), restic_value(value))]
        groups = json.loads(self.run('forget', '--dry-run', '--json', '--group-by', '', '--tag', tag, *words))
        reasons = [row for group in groups for row in group['reasons'] or []]
        return {seconds(row['snapshot']['time']) for row in reasons if not all(one.startswith('oldest') for one in row['matches'])}


def restic_value(value):
    """'1y 2M 3w' as restic writes it."""
    if not isinstance(value, str):
        return str(value)
    count = parts(value)
    days = count.get('d', 0) + 7 * count.get('w', 0)
    return ''.join(f'{number}{unit}' for number, unit in ((count.get('y'), 'y'), (count.get('M'), 'm'), (days, 'd'), (count.get('h'), 'h')) if number)


def seconds(text):
    return int(datetime.datetime.fromisoformat(text.replace('Z', '+00:00')).timestamp())


@pytest.mark.slow
def test_fifty_histories_against_restic_itself(decide, tmp_path):
    rng = random.Random(SEED + 1)
    compared = removed = 0
    for number, zone in enumerate(['Asia/Ho_Chi_Minh', 'Europe/Berlin', 'UTC']):
        folder = tmp_path / str(number)
        folder.mkdir()
        restic = Restic(folder, zone)
        tags = [f'history{i}' for i in range(JUDGED_BY_RESTIC // 3 + (number < JUDGED_BY_RESTIC % 3))]
        pool = {}
        for at in one_an_instant(random_times(rng, 32, int(NOW.timestamp())), zone):
            pool[at] = [tag for tag in tags if rng.random() < 0.5] or [tags[0]]
            restic.snapshot(at, pool[at])
        for tag in tags:
            rules = {}
            while not rules:
                rules = random_rules(rng)
            history = {'zone': zone, 'now': int(NOW.timestamp() * 1000), 'rules': rules,
                       'backups': [{'id': str(at), 'started': at * 1000} for at in pool if tag in pool[at]]}
            ours, = decide([history])
            kept, wanted = {int(name) for name, (keep, _) in ours.items() if keep}, restic.forget(tag, rules)
            if ours:  # ours alone: the newest survives even where no rule keeps it
                wanted.add(max(map(int, ours)))
            shown = {local(at * 1000, zone).isoformat(): ours[str(at)][1] for at in kept ^ wanted}
            assert kept == wanted, f'{rules} in {zone}: we and restic differ on {shown}'
            compared, removed = compared + 1, removed + len(ours) - len(kept)
    print(f'\nretention: {compared} histories, {removed} backups removed, restic {restic.run("version").split()[1]} agrees on each')
    assert compared == JUDGED_BY_RESTIC and removed > compared


def one_an_instant(times, zone):
    """Seconds, and none that clocks of the zone show twice: `--time` could mean either."""
    info = zoneinfo.ZoneInfo(zone)
    out = sorted({at // 1000 for at in times})
    twice = [at for at in out if datetime.datetime.fromtimestamp(at, info).fold or
             datetime.datetime.fromtimestamp(at, info).replace(fold=1).utcoffset() != datetime.datetime.fromtimestamp(at, info).utcoffset()]
    return [at for at in out if at not in twice]
