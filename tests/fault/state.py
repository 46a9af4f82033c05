# SPDX-License-Identifier: Apache-2.0
"""Faults of the daemon's own disk: a state directory that is full, read-only, damaged, or another daemon's. The state lies on a small
tmpfs of the daemon's own mount namespace, which the test fills through /proc.

Each story is given a daemon's Setup (not started), the cloud before it, and `whole()`, which runs the job to its end and judges what
is left. It gives what `whole` says: 'recovered' or 'failed'.
"""
import contextlib
import os
import signal
import subprocess
import time

from world import Wrong

TMPFS = 'mount -t tmpfs -o size=6m,mode=0700 tmpfs "$STATE" && exec "$@"'
READ_ONLY = 'mount -t tmpfs -o size=6m,mode=0700,ro tmpfs "$STATE" && exec "$@"'


def inside(setup, script):
    """The daemon in a mount namespace of its own, prepared by a script."""
    setup.environment['STATE'] = str(setup.root / 'state')
    setup.wrap = ['unshare', '-m', '--', 'sh', '-c', script, 'sh']


def of_the_daemon(setup, name):
    return f'/proc/{setup.child.pid}/root{setup.root}/state/{name}'


def fill(setup):
    """Not a byte is left."""
    with open(of_the_daemon(setup, 'filler'), 'wb', buffering=0) as file, contextlib.suppress(OSError):
        for size in (1 << 16, 1 << 10, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b'x' * size)


def make_room(setup):
    os.unlink(of_the_daemon(setup, 'filler'))


def full_before_a_run(setup, _cloud, whole):
    inside(setup, TMPFS)
    setup.start()
    fill(setup)
    outcome = whole()
    make_room(setup)
    if whole() != 'recovered':
        raise Wrong('with room on the disk again the next run fails all the same')
    return outcome


def full_in_mid_run(setup, cloud, whole):
    inside(setup, TMPFS)
    setup.start()
    cloud.fault('dynamodb', 'hold', 'Scan', skip=3)

    def once_held():
        setup.wait(lambda: any(rule['hits'] for rule in cloud.ask('/faults')), 'the page in the middle')
        fill(setup)
        cloud.release()
    outcome = whole(once_held)
    make_room(setup)
    if whole() != 'recovered':
        raise Wrong('with room on the disk again the next run fails all the same')
    return outcome


def full_at_the_start(setup, _cloud, whole):
    """The daemon says so and does not start; once there is room it does."""
    inside(setup, TMPFS.replace('&& exec', '&& dd if=/dev/zero of="$STATE/filler" bs=1k 2>/dev/null; [ ! -e "$STATE/../room" ] || rm "$STATE/filler"; exec'))
    must_refuse(setup, 'state')
    (setup.root / 'room').touch()
    setup.start()
    return whole()


def read_only(setup, _cloud, whole):
    inside(setup, READ_ONLY)
    must_refuse(setup, 'state')
    setup.wrap = []
    setup.start()
    return whole()


def must_refuse(setup, *words):
    """The daemon ends by itself, with an error that says these."""
    setup.start(ready=False)
    try:
        status = setup.child.wait(30)
    except subprocess.TimeoutExpired:
        raise Wrong('the daemon starts on a state that it cannot write') from None
    setup.gone()
    if status != 1:
        raise Wrong(f'the daemon ended with {status}: {setup.tail()}')
    for word in words:
        if word not in setup.journal():
            raise Wrong(f'{word!r} is not in: {setup.journal()}')


def another_daemon(setup, _cloud, whole):
    """A second daemon on the same state refuses, and names the first, which goes on as if nothing had been."""
    setup.start()

    def second():
        done = subprocess.run([setup.program, '--config', setup.conf], env={**setup.environment, 'RUNTIME_DIRECTORY': str(setup.root / 'home')},
                              capture_output=True, text=True, timeout=30)
        if done.returncode != 1 or str(setup.child.pid) not in done.stderr:
            raise Wrong(f'the second daemon ended with {done.returncode}: {done.stderr}')
    return whole(second)


def damaged(setup, _cloud, whole):
    """Set aside, said, never written over."""
    setup.start()
    setup.signal(signal.SIGTERM)
    setup.child.wait(45)
    setup.gone()
    state = setup.root / 'state/state.db'
    for end in ('-wal', '-shm'):
        with contextlib.suppress(FileNotFoundError):
            (setup.root / f'state/state.db{end}').unlink()
    bytes_before = b'SQLite format 3\0' + b'\x5a' * 20000
    state.write_bytes(bytes_before)
    setup.start()
    aside = list((setup.root / 'state').glob('state.db.damaged-*'))
    if not any(one.read_bytes() == bytes_before for one in aside) or 'set aside' not in setup.journal():
        raise Wrong(f'the damaged state is not kept: {aside}; {setup.tail()}')
    return whole()


def gone_in_mid_run(setup, cloud, whole):
    """Somebody deletes the file under the daemon's hands."""
    setup.start()
    cloud.fault('dynamodb', 'hold', 'Scan', skip=3)

    def once_held():
        setup.wait(lambda: any(rule['hits'] for rule in cloud.ask('/faults')), 'the page in the middle')
        for file in (setup.root / 'state').glob('state.db*'):
            file.unlink()
        time.sleep(0.1)
        cloud.release()
    return whole(once_held)


STORIES = {
    'state: the disk is full before a run': full_before_a_run,
    'state: the disk gets full in mid-run': full_in_mid_run,
    'state: the disk is full at the start': full_at_the_start,
    'state: read-only': read_only,
    'state: two daemons': another_daemon,
    'state: damaged': damaged,
    'state: deleted in mid-run': gone_in_mid_run,
}
