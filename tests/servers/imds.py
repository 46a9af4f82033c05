# SPDX-License-Identifier: Apache-2.0
"""EC2's instance metadata, version 2 only: a token by PUT with its TTL, then the role, its credentials, region, identity.

config: `role` (its name), `ttl` (life of the credentials, seconds), `rotate` (new ones are made so many seconds before the
end; until then the same are handed out again, as EC2 does), `fixed` (access_key, secret_key: always these).
"""
import json
import re
import secrets
import threading

from .keys import iso
from .web import Failure, Response, Service

ROLES = '/latest/meta-data/iam/security-credentials/'


class Imds(Service):
    name = 'imds'

    def __init__(self, cloud, config):
        super().__init__(cloud, config)
        self.role = config.get('role', 'backup-host')
        self.arn = f'arn:aws:sts::{cloud.account}:assumed-role/{self.role}/i-0123456789abcdef0'
        self._tokens, self._since, self._guard = {}, 0.0, threading.Lock()
        self.configured()

    def configured(self):
        self.ttl, self.rotate = self.config.get('ttl', 6 * 3600), self.config.get('rotate', 300)
        self._key = None

    def operation(self, request):
        if request.path == '/latest/api/token':
            return 'token'
        if request.path == ROLES:
            return 'role'
        return 'credentials' if request.path.startswith(ROLES) else 'metadata'

    def fail(self, request, failure):
        return Response(failure.status, f'<html>{failure.code}</html>'.encode(), Content_Type='text/html')

    def answer(self, request):
        if request.path == '/latest/api/token':
            return self.make_token(request)
        if request.method != 'GET':
            raise Failure(405, 'Method Not Allowed', '')
        life = self._tokens.get(request.header('x-aws-ec2-metadata-token', ''), 0)
        if life <= self.cloud.keys.now():
            raise Failure(401, 'Unauthorized', '')
        return self.read(request.path)

    def make_token(self, request):
        life = request.header('x-aws-ec2-metadata-token-ttl-seconds', '')
        if request.method != 'PUT':
            raise Failure(405, 'Method Not Allowed', '')
        if request.header('x-forwarded-for') is not None:
            raise Failure(403, 'Forbidden', '')
        if not re.fullmatch(r'\d+', life) or not 1 <= int(life) <= 21600:
            raise Failure(400, 'Bad Request', '')
        token = secrets.token_urlsafe(42)
        self._tokens[token] = self.cloud.keys.now() + int(life)
        return text(token, X_aws_ec2_metadata_token_ttl_seconds=life)

    def read(self, path):
        if path == ROLES:
            return text(self.role)
        if path == ROLES + self.role:
            return text(json.dumps(self.credentials(), indent=2))
        if path == '/latest/meta-data/placement/region':
            return text(self.region)
        if path == '/latest/meta-data/placement/availability-zone':
            return text(self.region + 'a')
        if path == '/latest/meta-data/instance-id':
            return text('i-0123456789abcdef0')
        if path == '/latest/dynamic/instance-identity/document':
            return text(json.dumps({'accountId': self.cloud.account, 'region': self.region, 'version': '2017-09-30',
                                    'instanceId': 'i-0123456789abcdef0', 'availabilityZone': self.region + 'a'}))
        raise Failure(404, 'Not Found', '')

    def credentials(self):
        now = self.cloud.keys.now()
        fixed = self.config.get('fixed')
        if fixed:
            return answer_of(now, fixed['access_key'], fixed['secret_key'], fixed.get('token', ''), now + self.ttl)
        with self._guard:
            if not self._key or self._key.expires - now <= min(self.rotate, self.ttl / 4):
                self._key, self._since = self.cloud.keys.make_temporary(self.arn, self.ttl), now
            key = self._key
        return answer_of(self._since, key.access_key, key.secret_key, key.token, key.expires)


def answer_of(since, access_key, secret_key, token, expires):
    return {'Code': 'Success', 'LastUpdated': iso(since), 'Type': 'AWS-HMAC', 'AccessKeyId': access_key,
            'SecretAccessKey': secret_key, 'Token': token, 'Expiration': iso(expires)}


def text(body, **headers):
    return Response(200, body.encode(), headers, Content_Type='text/plain', Server='EC2ws')
