# SPDX-License-Identifier: Apache-2.0
"""The table of access keys that all servers of one process honour: who a key is, its token, when it dies.

IMDS and STS add to it, sigv4.py asks it. Time goes through `now()`, so that a test can move the servers' clock.
"""
import dataclasses
import datetime
import re
import secrets
import string
import threading
import time

ALPHABET = string.ascii_letters + string.digits


@dataclasses.dataclass
class Key:
    access_key: str
    secret_key: str
    arn: str
    token: str = ''
    expires: float = 0.0  # seconds since 1970; 0 = never

    @property
    def temporary(self):
        return bool(self.token)

    def as_dict(self):
        return dataclasses.asdict(self)


class Keys:
    def __init__(self):
        self.offset = 0.0  # seconds that the servers' clock is ahead of the machine's
        self._lock = threading.Lock()
        self._keys = {}

    def now(self):
        return time.time() + self.offset

    def add(self, access_key, secret_key, arn, token='', expires=0.0):
        key = Key(access_key, secret_key, arn, token, expires)
        with self._lock:
            self._keys[access_key] = key
        return key

    def make_temporary(self, arn, life):
        """A fresh temporary key, valid for `life` seconds. Letters and digits only: DynamoDB Local takes no other."""
        name = 'ASIA' + ''.join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(16))
        token = 'IQoJ' + ''.join(secrets.choice(ALPHABET + '+/') for _ in range(392)) + '=='
        return self.add(name, secrets.token_urlsafe(30), arn, token, self.now() + life)

    def get(self, access_key):
        with self._lock:
            return self._keys.get(access_key)

    def remove(self, access_key):
        with self._lock:
            self._keys.pop(access_key, None)

    def expire(self, access_key=None):
        """End one temporary key now, or all of them."""
        with self._lock:
            for key in self._keys.values():
                if key.temporary and access_key in (None, key.access_key):
                    key.expires = self.now() - 1


def role_of(arn):
    """The role's ARN behind an assumed-role session, or the ARN itself."""
    match = re.fullmatch(r'(arn:aws[\w-]*):sts::(\d+):assumed-role/([^/]+)/.*', arn)
    return f'{match[1]}:iam::{match[2]}:role/{match[3]}' if match else arn


def iso(seconds):
    return datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')


def from_iso(text):
    text = text.replace('Z', '+00:00')
    return datetime.datetime.fromisoformat(text).timestamp()
