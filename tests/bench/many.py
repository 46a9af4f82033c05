# SPDX-License-Identifier: Apache-2.0
"""Many jobs: a thousand whose schedules share one second, over small tables, with few and with many at once; and ten thousand that
have nothing to do for a minute. How late a fire is, is the daemon's own word (`late_ms` of status): at the fire, whenever its turn comes.
"""
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import threading
import time

import process

JOBS = 1000
AHEAD = 3  # seconds that the shared second is away once the daemon is up
TABLE = 'small-1'
IDLE_JOBS, IDLE_SECONDS, TRACED_SECONDS = 10000, 60, 10


def sockets(pid):
    """TCP connections: what the process holds open that /proc calls a socket, less those of AF_UNIX."""
    count = 0
    with open(f'/proc/{pid}/net/tcp', encoding='ascii') as lines:
        ours = {line.split()[9] for line in lines if line.split()[3] == '01'}  # ESTABLISHED
    for entry in os.scandir(f'/proc/{pid}/fd'):
        try:
            target = os.readlink(entry.path)
        except OSError:
            continue
        count += target.startswith('socket:[') and target[8:-1] in ours
    return count


class Watch(threading.Thread):
    """The most connections seen at once; every 20 ms is a look."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.most, self.over = pid, 0, threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.02):
            self.most = max(self.most, sockets(self.pid))

    def stop(self):
        self.over.set()
        self.join()
        return self.most


class Daemon:
    """Configured by `configure`, with so many copies of its one job; up when it is made."""

    def __init__(self, program, configure, call, jobs, schedule):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix='bench-'))
        configure(self.root)
        self.path, self.call = self.root / 'run/control.sock', call
        self.write(jobs, schedule)
        environment = {**os.environ, 'AWS_ACCESS_KEY_ID': 'AKIAFILLER0000000000', 'AWS_SECRET_ACCESS_KEY': 'filler-secret'}
        began = time.monotonic()
        self.child = subprocess.Popen([program, '--config', self.root / 'd.conf'], env=environment, stdin=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)
        self.ask('Status', job='job-0')
        self.up = time.monotonic() - began

    def write(self, jobs, schedule):
        one = self.root / 'jobs.d/bench.conf'
        if one.exists():
            self.text = one.read_text()
            one.unlink()
        for number in range(jobs):
            text = self.text.replace('[Job]\n', f'[Job]\nSchedule={schedule}\n').replace('Prefix=b/', f'Prefix=b/{number}/')
            (self.root / f'jobs.d/job-{number}.conf').write_text(text)

    def ask(self, method, **parameters):
        answer, _ = self.call(self.path, method, parameters)
        if 'error' in answer:
            raise RuntimeError(f'{method}: {answer}')
        return answer['parameters']

    def stop(self):
        self.child.terminate()
        self.child.wait()
        shutil.rmtree(self.root)


def cron(at):
    parts = time.gmtime(at)
    return f'{parts.tm_sec} {parts.tm_min} {parts.tm_hour} {parts.tm_mday} {parts.tm_mon} *'


def percentile(values, share):
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def shared_second(program, configure, call, most, found):
    """`most`: MaxConcurrentJobs. Into `found`: 'late' (p99 in ms) of each."""
    def many(root):
        configure(root)
        main = root / 'd.conf'
        main.write_text(main.read_text().replace('[Daemon]\n', f'[Daemon]\nMaxConcurrentJobs={most}\nBufferMemory=512M\n'))
    daemon = Daemon(program, many, call, JOBS, '0 0 1 1 *')
    try:
        at = int(time.time()) + AHEAD
        daemon.write(JOBS, cron(at))
        daemon.ask('Reload')
        if time.time() > at - 0.5:
            raise RuntimeError('the machine is too slow to reload before the second comes')
        cpu, watch = process.seconds_of_cpu(daemon.child.pid), Watch(daemon.child.pid)
        time.sleep(at + 0.5 - time.time())
        while daemon.ask('Status', job='job-0')['daemon']['jobs_running']:
            time.sleep(0.05)
        wall = time.time() - at
        connections, cpu, high = watch.stop(), process.seconds_of_cpu(daemon.child.pid) - cpu, process.peak(daemon.child.pid)
        jobs = daemon.ask('Status')['jobs']
        good = sum(1 for job in jobs if (job['last'] or {}).get('result') == 'success')
        late = [job['late_ms'] for job in jobs if job['late_ms'] is not None]
        found.setdefault('late', {})[most] = percentile(late, 0.99)
        return (f'{JOBS:>6} jobs in one second, {most} at once: {good} succeeded, {len(late)} fired, late by p50 '
                f'{statistics.median(late):.0f}, p99 {percentile(late, 0.99)}, most {max(late)} ms; all over in {wall:.1f} s, '
                f'CPU {cpu:.1f} s, peak {high:.0f} MiB, {connections} connections at once')
    finally:
        daemon.stop()


def idle(program, configure, call, found):
    """Into `found`: 'woke', in the whole of IDLE_SECONDS."""
    daemon = Daemon(program, configure, call, IDLE_JOBS, '0 2 1 1 *')
    try:
        time.sleep(1)
        before = process.wake_ups(daemon.child.pid)
        time.sleep(IDLE_SECONDS)
        woke = found['woke'] = process.wake_ups(daemon.child.pid) - before
        calls = process.system_calls(daemon.child.pid, TRACED_SECONDS)
        traced = '' if calls is None else f'; strace saw {calls} system calls end in {TRACED_SECONDS} s'
        return f'{IDLE_JOBS:>6} jobs idle: up in {daemon.up:.2f} s, {woke} wake-ups of all threads in {IDLE_SECONDS} s{traced}'
    finally:
        daemon.stop()


def at_once(program, configure, call, found):
    return [shared_second(program, configure, call, most, found) for most in (4, 32)]
