# SPDX-License-Identifier: Apache-2.0
"""python3 -m servers CONFIG.json: starts the chosen servers in one process.

Prints one JSON line of their addresses when all listen, and ends on SIGTERM, on SIGINT, or when its standard input ends (so
a test that dies takes its servers along). CONFIG, or `-` for the first line of standard input:

    {"region": "us-east-1", "account": "123456789012", "admin": {"port": 0},
     "keys": [{"access_key": ..., "secret_key": ..., "arn": ...}],
     "services": {"imds": {"port": 0, "host": "127.0.0.1", ...}, "s3": {...}, "dynamodb": {"proxy": "http://..."}, ...},
     "tls": {"port": 443, "host": "127.0.0.1", "folder": "/tmp/ca"}}
"""
import json
import os
import signal
import sys
import threading

from .admin import Admin
from .faults import Faults
from .imds import Imds
from .keys import Keys
from .logs import Logs
from .proxy import DynamoDB, Rgw, Ses
from .s3 import S3
from .sts import Sts
from .tls import Router, aws_names, context
from .web import Door

KINDS = {'imds': Imds, 'sts': Sts, 'logs': Logs, 's3': S3, 'dynamodb': DynamoDB, 'ses': Ses, 'rgw': Rgw}


class Cloud:
    def __init__(self, config):
        self.region, self.account = config.get('region', 'us-east-1'), config.get('account', '123456789012')
        self.keys, self.faults, self.services, self.doors = Keys(), Faults(), {}, {}
        for key in config.get('keys', []):
            self.keys.add(**key)
        for name, what in config.get('services', {}).items():
            self.services[name] = KINDS[name](self, what)
            self.doors[name] = self.open(self.services[name], what)
        self.doors['admin'] = self.open(Admin(self, {}), config.get('admin', {}))
        if 'tls' in config:
            what = config['tls']
            names = what.get('names') or aws_names(self.region, what.get('buckets', ()))
            self.doors['tls'] = self.open(Router(self, {}), what, context(what['folder'], 'front', names))

    def open(self, service, what, made=None):
        if 'tls' in what:  # this one alone over TLS, with a certificate of its own
            made = context(what['tls'], service.name, what.get('names', ['localhost', '127.0.0.1']))
        return Door(service, what.get('port', 0), what.get('host', '127.0.0.1'), made)

    def addresses(self):
        return {name: door.url for name, door in self.doors.items()}


def main():
    source = sys.argv[1] if len(sys.argv) > 1 else '-'
    if source == '-':
        config = json.loads(sys.stdin.readline())
    else:
        with open(source, encoding='utf-8') as file:
            config = json.load(file)
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    try:
        cloud = Cloud(config)
    except OSError as taken:
        sys.exit(f'the servers cannot listen: {taken}')
    print(json.dumps(cloud.addresses()), flush=True)
    if source == '-':
        threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    else:
        threading.Thread(target=watch_parent, args=(os.getppid(), over), daemon=True).start()
    over.wait()
    os._exit(0)  # the threads of open connections need no farewell


def watch_parent(parent, over):
    while os.getppid() == parent and not over.wait(0.5):
        pass
    over.set()


main()
