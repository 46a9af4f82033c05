# SPDX-License-Identifier: Apache-2.0
"""The programs under test: a folder of configuration for them, the daemon's start and end, the tool's answers.

$BUILD is the meson build folder (build), $WRAP a command put before each program (valgrind ...). A Setup's `close` stops the
daemon and fails the test on an unclean exit, a sanitizer's report, or a line that says a secret.
"""
import json
import os
import pathlib
import re
import shlex
import signal
import socket
import subprocess
import threading

from cloud import TESTS, die_with_parent, remove, scratch, wait_for

BUILD = pathlib.Path(os.environ.get('BUILD', TESTS.parent / 'build')).resolve()
WRAP = shlex.split(os.environ.get('WRAP', ''))
SLOW = float(os.environ.get('SLOW', '20' if WRAP else '1'))  # how many times longer to wait
BAD_WORDS = re.compile(r'AddressSanitizer|LeakSanitizer|runtime error:|ERROR SUMMARY: [1-9]|host-secret|IQoJ[A-Za-z0-9+/]{20}|X-Amz-Signature=[0-9a-f]')


def ini(sections):
    """{'Job': {'Table': 't', 'To': ['a', 'b']}} -> text; a list repeats its key."""
    out = []
    for name, keys in sections.items():
        out.append(f'[{name}]')
        for key, value in keys.items():
            for one in value if isinstance(value, list) else [value]:
                out.append(f'{key}={one}')
        out.append('')
    return '\n'.join(out)


class Notify:
    """The socket that systemd would give as NOTIFY_SOCKET; keeps every message."""

    def __init__(self, path):
        self.path, self.messages = str(path), []
        pathlib.Path(path).unlink(missing_ok=True)  # of a daemon before this one
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        pathlib.Path(path).unlink(missing_ok=True)  # of the process before this one
        self.socket.bind(self.path)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while True:
            try:
                text = self.socket.recv(65536).decode(errors='replace')
            except OSError:
                return
            if not text:
                return
            self.messages.append(dict(line.split('=', 1) for line in text.splitlines() if '=' in line))

    def has(self, name, value=None):
        return any(name in message and value in (None, message[name]) for message in list(self.messages))

    def count(self, name):
        return sum(name in message for message in list(self.messages))

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class Setup:
    def __init__(self, cloud, base, credentials='env', s3=None, daemon=None, endpoints=None, environment=None):
        """credentials: env (the host's keys in the environment), imds, or none; s3: an URL, else the strict S3."""
        self.cloud, self.root = cloud, scratch('dbb-')
        self.child = self.notify = None
        self.program = BUILD / 'dynamodb-backupd'
        self.wrap = []  # before the daemon alone
        self.log = self.root / 'stderr'
        self.conf = self.root / 'dynamodb-backupd.conf'
        for name in ('jobs.d', 'state', 'run', 'home'):
            (self.root / name).mkdir()
        self.endpoints = {'DynamoDB': cloud.url['dynamodb'], 'S3': s3 or cloud.url['s3'], 'SES': cloud.url['ses'],
                          'STS': cloud.url['sts'], 'Logs': cloud.url['logs'], 'IMDS': cloud.url['imds'], **(endpoints or {})}
        self.daemon_section = {'StateDirectory': self.root / 'state', 'RuntimeDirectory': self.root / 'run', **(daemon or {})}
        self.environment = {'PATH': os.environ['PATH'], 'HOME': str(self.root / 'home'), 'LANG': 'C.UTF-8',
                            'ASAN_OPTIONS': 'detect_leaks=1:abort_on_error=0:exitcode=99', 'UBSAN_OPTIONS': 'print_stacktrace=1'}
        if credentials == 'env':
            self.environment.update(AWS_ACCESS_KEY_ID='AKIAHOST000000000000',
                                    AWS_SECRET_ACCESS_KEY='host-secret-host-secret-host-secret-0000')
        self.environment.update(environment or {})
        self.write_main()

    def write_main(self, **more):
        self.conf.write_text(ini({'Daemon': self.daemon_section, 'Endpoints': self.endpoints, **more}))

    def job(self, name, **sections):
        """Write jobs.d/NAME.conf; sections as in product.md. Table, Region and Bucket have defaults."""
        sections.setdefault('Job', {})
        sections['Job'] = {'Table': name, 'Region': 'us-east-1', **sections['Job']}
        sections['Destination'] = {'Bucket': 'student-backup', 'Prefix': f'backups/{name}/', **sections.get('Destination', {})}
        (self.root / 'jobs.d' / f'{name}.conf').write_text(ini(sections))

    def remove_job(self, name):
        (self.root / 'jobs.d' / f'{name}.conf').unlink()

    # The daemon.
    def start(self, ready=True):
        self.notify = Notify(self.root / 'notify')
        with open(self.log, 'ab') as out:
            self.child = subprocess.Popen([*self.wrap, *WRAP, self.program, '--config', self.conf], stdin=subprocess.DEVNULL,
                                          stdout=out, stderr=out, preexec_fn=die_with_parent, cwd=self.root,
                                          env={**self.environment, 'NOTIFY_SOCKET': self.notify.path})
        if ready:
            self.wait(lambda: self.notify.has('READY', '1'), 'READY=1', 15)
        return self

    def wait(self, check, what, seconds=30):
        def alive_and_checked():
            if self.child and self.child.poll() is not None and not check():
                raise RuntimeError(f'the daemon ended with {self.child.returncode} before {what}:\n{self.tail()}')
            return check()
        try:
            wait_for(alive_and_checked, what, seconds * SLOW)
        except TimeoutError as late:
            raise TimeoutError(f'{late}\n{self.tail()}') from None

    def signal(self, number):
        """To the daemon itself (under valgrind the child is the daemon too)."""
        self.child.send_signal(number)

    def reload(self):
        """SIGHUP, and wait until the daemon says READY again."""
        before = self.notify.count('READY')
        self.signal(signal.SIGHUP)
        self.wait(lambda: self.notify.count('READY') > before, 'READY=1 after SIGHUP')

    def stop(self, seconds=45):
        """SIGTERM; the exit status."""
        if self.child.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            return self.child.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise AssertionError(f'the daemon did not stop within {seconds * SLOW} s:\n{self.tail()}') from None

    def kill(self):
        """SIGKILL; start() makes another."""
        self.child.kill()
        self.child.wait()
        self.gone()

    def gone(self):
        """The daemon has ended, and start() makes another."""
        self.notify.close()
        self.child = self.notify = None

    def tail(self, size=4000):
        return self.journal()[-size:]

    def journal(self):
        return self.log.read_text(errors='replace') if self.log.exists() else ''

    def wait_journal(self, pattern, seconds=30):
        self.wait(lambda: re.search(pattern, self.journal()), f'{pattern!r} in the journal', seconds)
        return re.search(pattern, self.journal())

    # The tool.
    def ctl(self, *words, status=0, local=False, timeout=120, environment=None, config=True):
        """Run dynamodb-backupctl; `status` is the exit status it must have (None: any). The CompletedProcess."""
        command = [*WRAP, BUILD / 'dynamodb-backupctl', *words]
        if config:
            command += ['--config', self.conf]
        if local:
            command += ['--local', '--state', self.root / 'local-state']
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout * SLOW,
                              env={**self.environment, **(environment or {})}, cwd=self.root)
        found = BAD_WORDS.search(done.stderr)
        assert not found, f'{found[0]!r} in what the tool said:\n{done.stderr[-6000:]}'
        assert not re.search(r'^<\d>', done.stderr, re.MULTILINE), f'levels are for systemd, not for people:\n{done.stderr[-6000:]}'
        if status is not None:
            assert done.returncode == status, f'{words} ended with {done.returncode}, not {status}:\n{done.stdout[-3000:]}\n{done.stderr[-5000:]}\n{self.tail()}'
        return done

    def json(self, *words, **options):
        return json.loads(self.ctl(*words, '--json', **options).stdout)

    def run(self, name, status=0, local=True, timeout=300):
        """One backup from start to end; by default with the tool alone, no daemon."""
        words = ['run', name] if local else ['run', name, '--wait']
        return self.ctl(*words, status=status, local=local, timeout=timeout)

    def close(self):
        try:
            if self.child:
                status = self.stop()
                assert status in (0, -signal.SIGKILL), f'the daemon ended with {status}:\n{self.tail(8000)}'
            found = BAD_WORDS.search(self.journal())
            assert not found, f'{found[0]!r} in the journal:\n{self.journal()[max(0, found.start() - 1500):found.end() + 4000]}'
        finally:
            if self.notify:
                self.notify.close()
            if not os.environ.get('KEEP'):
                remove(self.root)
