# SPDX-License-Identifier: Apache-2.0
"""What /proc tells of a process, and what strace sees of it."""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time


def memory(pid):
    """RSS and Private_Dirty in MiB."""
    found = {}
    with open(f'/proc/{pid}/smaps_rollup', encoding='ascii') as lines:
        for line in lines:
            name, *rest = line.split()
            found[name] = rest[0]
    return int(found['Rss:']) / 1024, int(found['Private_Dirty:']) / 1024


def peak(pid):
    """The most RSS ever, in MiB."""
    with open(f'/proc/{pid}/status', encoding='ascii') as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith('VmHWM'))


def seconds_of_cpu(pid):
    fields = pathlib.Path(f'/proc/{pid}/stat').read_text(encoding='ascii').rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def wake_ups(pid):
    """Of all threads: each time that one slept and was woken."""
    total = 0
    for task in pathlib.Path(f'/proc/{pid}/task').iterdir():
        lines = (task / 'status').read_text(encoding='ascii').splitlines()
        total += sum(int(line.split()[1]) for line in lines if line.startswith('voluntary_ctxt_switches'))
    return total


def system_calls(pid, seconds):
    """How many calls of all threads came back within so many seconds, by strace; None where it is not there, or may not look."""
    if not shutil.which('strace'):
        return None
    with tempfile.NamedTemporaryFile(prefix='strace-', mode='r') as out:
        tracer = subprocess.Popen(['strace', '-f', '-p', str(pid), '-o', out.name], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        attached = tracer.stderr.readline()
        if 'attached' not in attached:
            tracer.wait()
            return None
        time.sleep(seconds)
        tracer.send_signal(signal.SIGINT)
        tracer.communicate()
        # What a thread was waiting in as strace came is shown as begun; "= " stands behind a call that has come back.
        return sum(1 for line in out if ' = ' in line)
