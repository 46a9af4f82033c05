# SPDX-License-Identifier: Apache-2.0
"""The daemon with nothing to do: start-up, memory before and after a run, reload, and whether it wakes at all. One line a
number of jobs."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

SCHEDULED = '[Job]\nSchedule=0 2 * * *\nTimeZone=Asia/Ho_Chi_Minh\n'
WATCHED = 5  # seconds


def memory(pid):
    """RSS and Private_Dirty in MiB."""
    wanted, found = ('Rss:', 'Private_Dirty:'), {}
    with open(f'/proc/{pid}/smaps_rollup', encoding='ascii') as lines:
        for line in lines:
            name, *rest = line.split()
            if name in wanted:
                found[name] = int(rest[0]) / 1024
    return ', '.join(f'{name.rstrip(":")} {found[name]:.1f}' for name in wanted)


def switches(pid):
    with open(f'/proc/{pid}/status', encoding='ascii') as lines:
        return sum(int(line.split()[1]) for line in lines if 'ctxt_switches' in line)


def until(path, child):
    began = time.monotonic()
    while not path.exists():
        if child.poll() is not None:
            raise RuntimeError(f'the daemon ended with {child.returncode}')
        time.sleep(0.002)
    return time.monotonic() - began


def one(program, configure, call, environment, jobs):
    """`configure` fills a folder; `call` asks the daemon over its socket."""
    root = pathlib.Path(tempfile.mkdtemp(prefix='bench-'))
    child = None
    try:
        configure(root)
        text = (root / 'jobs.d/bench.conf').read_text().replace('[Job]\n', SCHEDULED)
        for number in range(jobs - 1):
            (root / f'jobs.d/job-{number}.conf').write_text(text)
        child = subprocess.Popen([program, '--config', root / 'd.conf'], env=environment, stdin=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        path = root / 'run/control.sock'
        up = until(path, child)
        call(path, 'Status', {'job': 'bench'})
        fresh = memory(child.pid)
        call(path, 'Run', {'job': 'bench'})
        time.sleep(1)
        used, began = memory(child.pid), time.monotonic()
        call(path, 'Reload', {})
        reload, before = time.monotonic() - began, 0
        time.sleep(1)
        before = switches(child.pid)
        time.sleep(WATCHED)
        woke = switches(child.pid) - before
        return (f'{jobs:>6} jobs: up in {up:.2f} s ({fresh} MiB), after a run {used} MiB, reload in {reload:.2f} s, '
                f'{woke} wake-ups in {WATCHED} s idle')
    finally:
        if child:
            child.terminate()
            child.wait()
        shutil.rmtree(root)


def lines(program, configure, call):
    environment = {**os.environ, 'AWS_ACCESS_KEY_ID': 'AKIAFILLER0000000000', 'AWS_SECRET_ACCESS_KEY': 'filler-secret'}
    return [one(program, configure, call, environment, jobs) for jobs in (10, 10000)]
