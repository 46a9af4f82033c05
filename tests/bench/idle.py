# SPDX-License-Identifier: Apache-2.0
"""The daemon with nothing to do: start-up, memory before and after a run over TLS, reload, and whether it wakes at all. One line a
number of jobs; before them, what its libraries alone hold after one request over TLS (idle-floor.c)."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import process

SCHEDULED = '[Job]\nSchedule=0 2 1 1 *\nTimeZone=Asia/Ho_Chi_Minh\n'
WATCHED = 5  # seconds


def told(memory):
    return f'Rss {memory[0]:.1f}, Private_Dirty {memory[1]:.1f} MiB'


def alone(program, stand_in):
    """(Rss, Private_Dirty) of the program that only has our libraries."""
    child = subprocess.Popen([program, stand_in.url + '/_figures'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                             env={**os.environ, 'CA_BUNDLE': str(stand_in.bundle)})
    with child:
        if child.stdout.readline() != 'ready\n':
            raise RuntimeError('idle-floor made no request')
        return process.memory(child.pid)


def until(path, child):
    began = time.monotonic()
    while not path.exists():
        if child.poll() is not None:
            raise RuntimeError(f'the daemon ended with {child.returncode}')
        time.sleep(0.002)
    return time.monotonic() - began


def run_once(call, path):
    answer, _ = call(path, 'Run', {'job': 'bench'})
    result = answer.get('parameters', {}).get('result', answer)
    if result.get('error') or not result.get('items'):
        raise RuntimeError(f'the run failed: {result}')


def one(program, configure, call, environment, jobs):
    """`configure` fills a folder; `call` asks the daemon over its socket. What was seen, by name."""
    root = pathlib.Path(tempfile.mkdtemp(prefix='bench-'))
    child = None
    try:
        configure(root)
        text = (root / 'jobs.d/bench.conf').read_text().replace('[Job]\n', SCHEDULED)
        (root / 'jobs.d/bench.conf').write_text(text)
        for number in range(jobs - 1):
            (root / f'jobs.d/job-{number}.conf').write_text(text)
        child = subprocess.Popen([program, '--config', root / 'd.conf'], env=environment, stdin=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        path = root / 'run/control.sock'
        up = until(path, child)
        call(path, 'Status', {'job': 'bench'})
        fresh = process.memory(child.pid)
        run_once(call, path)
        time.sleep(1)
        used, began = process.memory(child.pid), time.monotonic()
        call(path, 'Reload', {})
        reload = time.monotonic() - began
        time.sleep(1)
        before = process.wake_ups(child.pid)
        time.sleep(WATCHED)
        woke = process.wake_ups(child.pid) - before
        return {'up': up, 'fresh': fresh, 'used': used, 'reload': reload, 'woke': woke}
    finally:
        if child:
            child.terminate()
            child.wait()
        shutil.rmtree(root)


def lines(folder, stand_in, configure, call, times, found):
    """`stand_in` speaks TLS; ten jobs are looked at so many times, and the most that was held counts. Into `found`: 'alone',
    'idle 10', 'idle 10000'."""
    environment = {**os.environ, 'AWS_ACCESS_KEY_ID': 'AKIAFILLER0000000000', 'AWS_SECRET_ACCESS_KEY': 'filler-secret'}
    floor = found['alone'] = alone(folder / 'tests/bench/bench-idle-floor', stand_in)
    yield f'libraries alone, one TLS request: {told(floor)}'
    for jobs, looks in ((10, times), (10000, 1)):
        seen = found[f'idle {jobs}'] = max((one(folder / 'dynamodb-backupd', configure, call, environment, jobs)
                                            for _ in range(looks)), key=lambda each: each['used'])
        most = f' (the most of {looks})' if looks > 1 else ''
        yield (f'{jobs:>6} jobs: up in {seen["up"]:.2f} s ({told(seen["fresh"])}), after a run over TLS{most} {told(seen["used"])} '
               f'(Rss {seen["used"][0] - floor[0]:+.1f} to the libraries alone), reload in {seen["reload"]:.2f} s, '
               f'{seen["woke"]} wake-ups of all threads in {WATCHED} s idle')
