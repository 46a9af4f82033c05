# SPDX-License-Identifier: Apache-2.0
"""A reverse proxy before a server that checks no signature (DynamoDB Local, aws-ses-v2-local), or one that does but cannot
fail on demand (Ceph RGW).

config: `proxy` (the URL behind), `verify` (true), `learn` (take the keys that an AssumeRole of the server behind hands out into
our own table, so that the other servers honour them). Operations are counted by their AWS names.
"""
import base64
import http.client
import itertools
import json
import random
import re
import threading
import zlib
from urllib.parse import urlsplit

from .keys import from_iso
from .s3 import S3
from .tables import Model, Tables, json_response
from .web import Failure, Response, Service, json_error

HOP = ('connection', 'transfer-encoding', 'keep-alive', 'proxy-connection', 'te', 'upgrade', 'expect', 'content-length')


class Proxy(Service):
    def __init__(self, cloud, config):
        super().__init__(cloud, config)
        self.behind = urlsplit(config['proxy'])
        self.judges, self.learn = config.get('verify', True), config.get('learn', False)
        self._local = threading.local()

    def answer(self, request):
        if self.judges:
            self.judge(request)
        response = self.forward(request)
        if self.learn and b'<SecretAccessKey>' in response.body:
            self.learn_key(response.body.decode())
        return response

    def forward(self, request, body=None):
        """The backend's own answer; one connection a thread, made again once when it was closed meanwhile."""
        headers = {}
        for name, value in request.headers:
            if name not in HOP:
                headers[name] = f'{headers[name]}, {value}' if name in headers else value
        for attempt in (1, 2):
            link = getattr(self._local, 'link', None)
            if not link:
                link = self._local.link = http.client.HTTPConnection(self.behind.hostname, self.behind.port, timeout=120)
            try:
                link.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
                payload = request.body if body is None else body
                for name, value in headers.items():
                    link.putheader(name, value.encode('latin-1'))
                if payload or request.method in ('PUT', 'POST'):
                    link.putheader('content-length', str(len(payload)))
                link.endheaders(payload or None)
                answer = link.getresponse()
                payload = answer.read()
                break
            except (OSError, http.client.HTTPException):
                link.close()
                self._local.link = None
                if attempt == 2:
                    raise Failure(502, 'BadGateway', f'{self.behind.netloc} behind the proxy does not answer') from None
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in HOP}
        if request.method == 'HEAD' and answer.getheader('Content-Length'):
            kept['Content-Length'] = answer.getheader('Content-Length')
        return Response(answer.status, payload, kept)

    def learn_key(self, text):
        found = {name: re.search(f'<{name}>([^<]*)</{name}>', text) for name in
                 ('AccessKeyId', 'SecretAccessKey', 'SessionToken', 'Expiration', 'Arn')}
        if all(found.values()):
            values = {name: match[1] for name, match in found.items()}
            self.cloud.keys.add(values['AccessKeyId'], values['SecretAccessKey'], values['Arn'], values['SessionToken'],
                                from_iso(values['Expiration'].split('.')[0].rstrip('Z') + 'Z'))


class DynamoDB(Proxy):
    """Before DynamoDB Local. Scan has two faults of its own: `empty-page` puts a page of no items before the true one, and
    `same-key` answers every page with the key it was asked with, so that the scan would never end. BatchWriteItem has two:
    `unprocessed` gives a `share` of a call's puts back; where that is all of them, the call is throttled, as AWS does it; and
    `forgets` says that it wrote all, but has not written the first. CreateTable has `taken`: the table was made by somebody else.

    config: `tables` (false) adds what DynamoDB Local lacks, see tables.py; every call but items' is then held to botocore's model,
    and so is each `sample`-th (10) BatchWriteItem. `any_region` (false): signatures for any region are good."""
    name = 'dynamodb'

    def __init__(self, cloud, config):
        super().__init__(cloud, config)
        self._numbers, self._held = itertools.count(1), {}
        self._model, self._tables, self._batches = Model(), Tables(cloud.account, self.region), itertools.count()
        self._dice = random.Random(1)

    def reset(self):
        super().reset()
        self.asked = []  # pages: [table, segment, the key it begins after], as soon as they are asked for

    def serve(self, request):
        if self.operation(request) == 'Scan':
            call = request.json()
            self.asked.append([self.target(request), call.get('Segment', 0), json.dumps(call.get('ExclusiveStartKey'), sort_keys=True)])
        return super().serve(request)

    def operation(self, request):
        return request.header('x-amz-target', '').rpartition('.')[2] or 'unknown'

    def target(self, request):
        match = re.search(rb'"(?:TableName"|RequestItems"\s*:\s*\{)\s*:?\s*"([^"]*)"', request.body[:100000])
        return match[1].decode('utf-8', 'replace') if match else ''

    def fail(self, request, failure):
        prefix = 'com.amazon.coral.service#' if 'Token' in failure.code or 'Signature' in failure.code or \
            failure.code in ('AccessDeniedException', 'ThrottlingException') else 'com.amazonaws.dynamodb.v20120810#'
        response = json_error(request, failure, prefix)
        response.headers.update({'Content-Type': 'application/x-amz-json-1.0', 'x-amz-crc32': str(zlib.crc32(response.body))})
        return response

    def configured(self):
        self.region = None if self.config.get('any_region') else self.cloud.region

    def answer(self, request):
        operation = self.operation(request)
        if not self.config.get('tables') or operation in ('Scan', 'BatchWriteItem'):
            if self.config.get('tables') and (operation == 'Scan' or next(self._batches) % self.config.get('sample', 10) == 0):
                self._model.check(operation, request.json())
            return super().answer(request)
        self.judge(request)
        call = request.json()
        request.note['body'] = call
        self._model.check(operation, call)
        taken = self._tables.takes(operation, call)
        if taken is not None:
            response = json_response(taken)
            response.headers['x-amz-crc32'] = str(zlib.crc32(response.body))
            return response
        response = self.forward(request, json.dumps(self._tables.before(operation, call)).encode())
        if response.status == 200:
            response.pieces = [json.dumps(self._tables.after(operation, call, json.loads(response.body))).encode()]
            response.headers['x-amz-crc32'] = str(zlib.crc32(response.body))
            response.headers.pop('Content-Length', None)
        return response

    def checked(self):
        """How many bodies of each operation were held to the model and found right."""
        return dict(self._model.checked)

    def settings(self, table, change=None):
        """A table's settings that DynamoDB Local does not keep; changed where asked for."""
        with self._tables.lock:
            self._tables.of(table).update(change or {})
            return dict(self._tables.of(table))

    def write_some(self, request):
        """BatchWriteItem under the fault `unprocessed`."""
        call, share = request.json(), request.rule.get('share', 0.3)
        (table, puts), = call['RequestItems'].items()
        with self._lock:
            back = [put for put in puts if self._dice.random() < share]
        if len(back) == len(puts):
            raise Failure(400, 'ProvisionedThroughputExceededException', 'injected: nothing could be written')
        call['RequestItems'][table] = [put for put in puts if not any(put is one for one in back)]
        response = self.pass_on(request, json.dumps(call).encode())
        if response.status == 200 and back:
            answer = json.loads(response.body)
            answer['UnprocessedItems'].setdefault(table, []).extend(back)
            response.pieces = [json.dumps(answer, ensure_ascii=False).encode()]  # spelled in another way than they came
            response.headers['x-amz-crc32'] = str(zlib.crc32(response.body))
            response.headers.pop('Content-Length', None)
        return response

    def forget_one(self, request):
        """BatchWriteItem under the fault `forgets`."""
        call = request.json()
        (table, puts), = call['RequestItems'].items()
        call['RequestItems'][table] = puts[1:]
        return self.pass_on(request, json.dumps(call).encode())

    def forward(self, request, body=None):
        request.note['table'] = self.target(request)
        if self.operation(request) == 'Scan':
            body = self.without_made_up_key(request)
        if request.rule and request.rule['action'] == 'unprocessed':
            return self.write_some(request)
        if request.rule and request.rule['action'] == 'forgets':
            return self.forget_one(request)
        if request.rule and request.rule['action'] == 'taken':
            self.pass_on(request, body)  # by somebody else, a moment before
        return self.pass_on(request, body)

    def pass_on(self, request, body):
        # DynamoDB Local takes no ARN as a name.
        body = re.sub(rb'("TableName"\s*:\s*")arn:aws[^"]*:table/', rb'\1', request.body if body is None else body, count=1)
        response = super().forward(request, body)
        response.headers.setdefault('x-amz-crc32', str(zlib.crc32(response.body)))
        return response

    def without_made_up_key(self, request):
        call = request.json()
        name = json.dumps(call.get('ExclusiveStartKey'), sort_keys=True)
        if name not in self._held:
            return None
        call.pop('ExclusiveStartKey')
        if self._held[name]:
            call['ExclusiveStartKey'] = self._held[name]
        return json.dumps(call).encode()

    def garble(self, rule, request, response):
        if rule['action'] in ('unprocessed', 'forgets', 'taken'):
            return response
        if rule['action'] not in ('empty-page', 'same-key') or response.status != 200:
            return super().garble(rule, request, response)
        call, page = request.json(), json.loads(response.body)
        asked = call.get('ExclusiveStartKey')
        if rule['action'] == 'same-key':
            page['LastEvaluatedKey'] = asked or page.get('LastEvaluatedKey') or self.made_up_key(request)
        else:
            key = self.made_up_key(request)
            true = self._held.get(json.dumps(asked, sort_keys=True), asked)
            self._held[json.dumps(key, sort_keys=True)] = true
            page = {'Count': 0, 'Items': [], 'ScannedCount': 0, 'LastEvaluatedKey': key}
        response.pieces = [json.dumps(page).encode()]
        response.headers['x-amz-crc32'] = str(zlib.crc32(response.body))
        response.headers.pop('Content-Length', None)
        return response

    def made_up_key(self, request):
        """A key of the table's own shape that no item has."""
        ask = type(request)('POST', '/', [(n, 'DynamoDB_20120810.DescribeTable' if n == 'x-amz-target' else v)
                                         for n, v in request.headers],
                            json.dumps({'TableName': request.json()['TableName']}).encode(), False)
        table = json.loads(super().forward(ask, None).body)['Table']
        kinds = {row['AttributeName']: row['AttributeType'] for row in table['AttributeDefinitions']}
        number = str(next(self._numbers))
        value = {'S': f'made up {number}', 'N': f'-{number}', 'B': base64.b64encode(number.encode()).decode()}
        return {row['AttributeName']: {kinds[row['AttributeName']]: value[kinds[row['AttributeName']]]}
                for row in table['KeySchema']}


class Ses(Proxy):
    """Before aws-ses-v2-local; errors in SES v2's own shape (REST JSON)."""
    name = 'ses'
    REFUSALS = {reason: (403, code) for reason, (_, code) in Service.REFUSALS.items()}

    def operation(self, request):
        if request.path == '/v2/email/outbound-emails':
            return 'SendEmail'
        return request.path.rpartition('/')[2] or 'index'

    def answer(self, request):
        if not request.path.startswith('/v2/'):
            return self.forward(request)  # the mailbox's page and GET /store are for people and tests, not signed
        return super().answer(request)

    def fail(self, request, failure):
        return Response(failure.status, json.dumps({'message': failure.message}).encode(),
                        {'Content-Type': 'application/json', 'x-amzn-ErrorType': failure.code})


class Rgw(Proxy):
    """Before Ceph RGW, which verifies signatures itself: S3's operations and STS's in one."""
    name = 'rgw'

    def __init__(self, cloud, config):
        super().__init__(cloud, {'verify': False, 'learn': True, **config})
        self._names = S3(cloud, {})

    def operation(self, request):
        action = re.search(rb'(?:^|&)Action=(\w+)', request.body[:4096] if len(request.body) < 65536 else b'')
        return action[1].decode() if action else self._names.operation(request)

    def fail(self, request, failure):
        return self._names.fail(request, failure)
