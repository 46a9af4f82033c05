# SPDX-License-Identifier: Apache-2.0
"""Starts the servers that stand in for AWS and gives tests their addresses and their controls.

Cloud is the process of tests/servers; DynamoDBLocal, SesLocal and Ceph are the real programs behind its proxies. All of them
end with the process that started them.
"""
import ctypes
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

TESTS = pathlib.Path(__file__).resolve().parent.parent
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def cache():
    if os.environ.get('XDG_CACHE_HOME'):
        return pathlib.Path(os.environ['XDG_CACHE_HOME']) / 'dynamodb-backupd-tests'
    if os.getuid() == 0:
        return pathlib.Path('/var/cache/dynamodb-backupd-tests')
    return pathlib.Path.home() / '.cache/dynamodb-backupd-tests'


def free_port():
    """A port that nobody listens on, below those that the kernel gives to outgoing connections: it may be used much later."""
    while True:
        with socket.socket() as probe:
            try:
                probe.bind(('127.0.0.1', random.randrange(20000, 32000)))
            except OSError:
                continue
            return probe.getsockname()[1]


def wait_for(check, what, seconds=60):
    end = time.monotonic() + seconds
    while not check():
        if time.monotonic() > end:
            raise TimeoutError(f'{what} did not happen within {seconds} s')
        time.sleep(0.05)


def listening(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(('127.0.0.1', port)) == 0


class Process:
    """A program in the background, its output in a file, ended by `stop`."""

    def __init__(self, command, log, **options):
        self.log = pathlib.Path(log)
        with open(self.log, 'ab') as out:
            self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                          preexec_fn=die_with_parent, **options)

    def until_listening(self, port, seconds=60):
        def check():
            if self.child.poll() is not None:
                raise RuntimeError(f'{self.child.args[0]} ended: {self.log.read_text(errors="replace")[-2000:]}')
            return listening(port)
        wait_for(check, f'{self.child.args[0]} listening on {port}', seconds)
        return self

    def stop(self):
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(10)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()


class DynamoDBLocal(Process):
    """AWS's DynamoDB Local, in memory, one database for all access keys."""

    def __init__(self, folder, port=0):
        self.port = port or free_port()
        self.url = f'http://127.0.0.1:{self.port}'
        home = cache() / 'dynamodb-local'
        super().__init__(['java', '-Xmx1500m', f'-Djava.library.path={home}/DynamoDBLocal_lib', '-jar',
                          f'{home}/DynamoDBLocal.jar', '-inMemory', '-sharedDb', '-disableTelemetry', '-port', str(self.port)],
                         pathlib.Path(folder) / 'dynamodb-local.log', cwd=folder)


class SesLocal(Process):
    """aws-ses-v2-local: takes mail, shows it at `/` and gives it as JSON at `/store`."""

    def __init__(self, folder, port=0):
        self.port = port or free_port()
        self.url = f'http://127.0.0.1:{self.port}'
        node = cache() / 'node/bin/node'
        node = str(node) if node.exists() else 'node'
        super().__init__([node, str(cache() / 'ses-local/dist/cli.js'), '--host', '127.0.0.1', '--port', str(self.port)],
                         pathlib.Path(folder) / 'ses-local.log', cwd=folder)


class Ceph:
    """Ceph RGW, one node in memory, by tests/lib/ceph-rgw; its own STS and role."""

    def __init__(self, folder):
        self.folder, self.port, self.monitor = pathlib.Path(folder), free_port(), free_port()
        self.url = f'http://127.0.0.1:{self.port}'

    def start(self):
        done = subprocess.run([TESTS / 'lib/ceph-rgw', 'start', self.folder, str(self.port), str(self.monitor)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240)
        if done.returncode:
            raise RuntimeError(f'Ceph RGW did not start: {done.stderr}')
        self.facts = json.loads(done.stdout)
        return self

    def stop(self):
        subprocess.run([TESTS / 'lib/ceph-rgw', 'stop', self.folder], stdin=subprocess.DEVNULL, timeout=60)


class Cloud:
    """The servers of tests/servers in one process of their own; `url[name]` are their addresses."""

    def __init__(self, config):
        environment = {**os.environ, 'PYTHONPATH': str(TESTS), 'PYTHONDONTWRITEBYTECODE': '1'}
        self.child = subprocess.Popen(['/usr/bin/python3', '-m', 'servers', '-'], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      text=True, env=environment, preexec_fn=die_with_parent)
        self.child.stdin.write(json.dumps(config) + '\n')
        self.child.stdin.flush()
        line = self.child.stdout.readline()
        if not line:
            raise RuntimeError('the servers did not start')
        self.url = json.loads(line)

    def stop(self):
        self.child.stdin.close()
        self.child.terminate()
        self.child.wait(10)
        self.child.stdout.close()

    def ask(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url['admin'] + path, data, method='GET' if body is None else 'POST')
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as wrong:
            raise RuntimeError(wrong.read().decode()) from wrong

    def fault(self, service, action, operation=None, **rule):
        """Set a fault, see servers/faults.py."""
        self.ask('/faults', {'service': service, 'action': action, **({'operation': operation} if operation else {}), **rule})

    def reset(self):
        self.ask('/reset', {})

    def count(self, service, operation=None):
        counts = self.ask('/counts')[service]['counts']
        return counts.get(operation, 0) if operation else counts

    def most_at_once(self, service, operation):
        return self.ask('/counts')[service]['most_at_once'].get(operation, 0)

    def seen(self, service):
        return self.ask('/seen/' + service)

    def configure(self, service, **what):
        self.ask('/config/' + service, what)

    def release(self, drop=False):
        """What a `hold` holds goes on, or is dropped."""
        self.ask('/release', {'drop': drop})

    def clock(self, offset):
        self.ask('/clock', {'offset': offset})

    def key(self, access_key, secret_key, arn, token='', expires=0.0):
        return self.ask('/keys', {'access_key': access_key, 'secret_key': secret_key, 'arn': arn, 'token': token,
                                  'expires': expires})

    def expire(self, access_key=None):
        self.ask('/expire', {'access_key': access_key} if access_key else {})

    def bucket(self, name, **what):
        self.ask('/bucket', {'name': name, **what})


def scratch(prefix):
    """A folder under /tmp with a short name (the control socket's path must fit 108 bytes)."""
    return pathlib.Path(tempfile.mkdtemp(prefix=prefix, dir='/tmp'))


def remove(folder):
    shutil.rmtree(folder, ignore_errors=True)


