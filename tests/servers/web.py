# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 for all servers: a thread a connection, keep-alive, and the place where faults are put between answer and wire.

A Service turns a Request into a Response; `Door` is the listening socket before one Service (or before the router of tls.py).
Every request is counted, and noted with who signed it, before its Service sees it: see Service.counts and Service.seen.
"""
import collections
import email.utils
import http.client
import http.server
import json
import socket
import struct
import threading
import time
import uuid
import zlib
from urllib.parse import unquote
from xml.sax.saxutils import escape

from . import sigv4

BODY_LIMIT = 6 << 30
CHUNK = 1 << 18
CUTS = ('close', 'reset', 'stall')


class Request:
    """One request as it came: header names in lower case, path and query still encoded."""

    def __init__(self, method, target, headers, body, secure):
        self.method, self.target, self.headers, self.body, self.secure = method, target, headers, body, secure
        self.path, _, self.query = target.partition('?')
        self.id = uuid.uuid4().hex.upper()[:26]
        self.key = None  # who signed it, once verified
        self.note = {}   # what its Service wants to remember of it
        self.rule = None  # of faults, that it falls under

    def header_values(self, name):
        return [value for key, value in self.headers if key == name]

    def header(self, name, default=None):
        values = self.header_values(name)
        return values[0] if values else default

    @property
    def query_pairs(self):
        pairs = [piece.partition('=') for piece in self.query.split('&') if piece]
        return [(unquote(name), unquote(value)) for name, _, value in pairs]

    def param(self, name, default=None):
        return dict(self.query_pairs).get(name, default)

    def json(self):
        return json.loads(self.body)


class Response:
    """body: bytes, or a list of bytes-like pieces sent one after the other."""

    def __init__(self, status, body=b'', headers=(), **named):
        self.status = status
        self.pieces = body if isinstance(body, list) else [body]
        self.headers = dict(headers)
        self.headers.update({name.replace('_', '-'): value for name, value in named.items()})

    @property
    def length(self):
        return sum(len(piece) for piece in self.pieces)

    @property
    def body(self):
        return b''.join(self.pieces)


class Failure(Exception):
    """An answer in the service's own error shape, raised from anywhere below Service.answer."""

    def __init__(self, status, code, message, **details):
        super().__init__(f'{status} {code}: {message}')
        self.status, self.code, self.message, self.details = status, code, message, details


def json_error(request, failure, prefix=''):
    body = {'__type': prefix + failure.code, 'message': failure.message, **failure.details}
    return Response(failure.status, json.dumps(body).encode(), Content_Type='application/x-amz-json-1.1')


def xml_text(value):
    return escape(str(value))


class Service:
    """Base of all: subclasses give `name`, `operation`, `answer` and, where theirs differ, `fail` and REFUSALS."""
    name = ''  # also the one in a signature's scope
    judges = False  # signatures; a false one is refused even where a fault is due
    REFUSALS = {  # reason of sigv4.Refused -> status, code
        'missing': (400, 'MissingAuthenticationTokenException'), 'malformed': (400, 'IncompleteSignatureException'),
        'unknown': (400, 'UnrecognizedClientException'), 'token': (400, 'UnrecognizedClientException'),
        'expired': (400, 'ExpiredTokenException'), '': (400, 'InvalidSignatureException')}

    def __init__(self, cloud, config):
        self.cloud, self.config = cloud, config
        self.region = config.get('region', cloud.region)
        self._lock = threading.Lock()
        self._running = collections.Counter()
        self.reset()

    def reset(self):
        self.counts, self.most_at_once = collections.Counter(), collections.Counter()
        self.seen = collections.deque(maxlen=200000)

    def configured(self):
        """The admin port has changed `config`."""

    # What subclasses say.
    def operation(self, request):
        return request.method

    def target(self, request):
        return request.target

    def answer(self, request):
        raise NotImplementedError

    def fail(self, request, failure):
        return json_error(request, failure)

    def meddle(self, rule, request):
        """Faults that change the world before the request is answered."""
        if rule['action'] == 'expire':
            self.cloud.keys.expire(self.judge(request).access_key)
        elif rule['action'] == 'clock':
            self.cloud.keys.offset += rule['offset']

    def garble(self, rule, request, response):
        """Faults that only this service knows how to make; the changed response."""
        raise ValueError(f"unknown action {rule['action']!r}")

    # What all share.
    def judge(self, request):
        """Verify the signature; fills request.key or raises Failure."""
        try:
            request.key = sigv4.verify(request, self.cloud.keys, self.name, self.region)
        except sigv4.Refused as refused:
            status, code = self.REFUSALS.get(refused.reason, self.REFUSALS[''])
            raise Failure(status, code, refused.message, **self.refusal_details(refused)) from refused
        return request.key

    def refusal_details(self, refused):
        return {}

    def early(self, method, path, headers):
        """The rule for a request whose body is still to come, if it falls under one."""
        if not self.cloud.faults.cuts_uploads():
            return None
        request = Request(method, path, headers, b'', False)
        return self.cloud.faults.match(self.name, self.operation(request), unquote(self.target(request)), early=True)

    def serve(self, request):
        """The response to one request and the rule of faults that it fell under, if any."""
        operation = self.operation(request)
        with self._lock:
            self.counts[operation] += 1
            self._running[operation] += 1
            self.most_at_once[operation] = max(self.most_at_once[operation], self._running[operation])
        rule = self.cloud.faults.match(self.name, operation, unquote(self.target(request)))
        held = rule and rule['action'] == 'hold'
        if held and rule.get('at', 'before') == 'before' and self.cloud.faults.hold():
            rule = {'action': 'close'}
        request.rule = rule
        try:
            response = self._respond(request, rule)
            request.note['status'] = response.status
            if held and rule.get('at') == 'after':
                self.cloud.faults.hold()
        finally:
            with self._lock:
                self._running[operation] -= 1
            self.seen.append({'time': self.cloud.keys.now(), 'operation': operation, 'target': request.target[:2000],
                              'by': request.key.arn if request.key else None, **request.note,
                              'access_key': request.key.access_key if request.key else None,
                              'agent': request.header('user-agent'), 'fault': rule['action'] if rule else None})
        response.headers.setdefault('Date', email.utils.formatdate(self.cloud.keys.now(), usegmt=True))
        self.stamp(request, response)
        return response, rule

    def stamp(self, request, response):
        response.headers.setdefault('x-amzn-RequestId', request.id)

    def _respond(self, request, rule):
        action = rule['action'] if rule else None
        try:
            if action == 'error':
                if self.judges:
                    self.judge(request)
                raise Failure(rule['status'], rule['code'], rule.get('message', 'injected by the test'),
                              **rule.get('details', {}))
            if action == 'raw':
                return Response(rule['status'], rule.get('body', '').encode('latin-1'), rule.get('headers', {}))
            if action == 'delay':
                time.sleep(rule['wait'])
            if is_cut_before(rule):
                return Response(500)
            if action in ('expire', 'clock', 'move'):
                self.meddle(rule, request)
            response = self.answer(request)
        except Failure as failure:
            response = self.fail(request, failure)
            for name, value in rule.get('headers', {}).items() if rule and action == 'error' else ():
                response.headers[name] = value
            return response
        return spoil(self, rule, request, response) if action else response


def is_cut_before(rule):
    return rule and (rule['action'] == 'refuse' or (rule['action'] in CUTS and rule.get('at', 'before') == 'before'))


def spoil(service, rule, request, response):
    """The faults that change a true answer."""
    action, body = rule['action'], response.body
    if action in ('delay', 'lost', 'hold', 'expire', 'clock', 'move', *CUTS):
        return response
    if action == 'corrupt':
        middle = len(body) // 2
        response.pieces = [body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1:]] if body else [b'']
    elif action == 'crc':
        response.headers['x-amz-crc32'] = str(zlib.crc32(body) ^ 1)
    elif action in ('truncate', 'malformed'):
        response.pieces = [body[:len(body) // 2] if action == 'truncate' else b'{"<\x00' + body[:20]]
        if 'x-amz-crc32' in response.headers:
            response.headers['x-amz-crc32'] = str(zlib.crc32(response.body))
    else:
        return service.garble(rule, request, response)
    return response


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True
    rbufsize = 1 << 16
    wbufsize = 0
    timeout = 600

    def do(self):
        if self.server.is_shut:
            return self.cut('reset', {})
        length = self.headers.get('Content-Length')
        if length is not None and (not length.isdigit() or int(length) > BODY_LIMIT):
            return self.send_error(400)
        if self.headers.get('Expect', '').lower() == '100-continue':
            self.send_response_only(100)
            self.end_headers()
        headers = [(name.lower(), value.strip()) for name, value in self.headers.items()]
        early = self.server.service.early(self.command, self.path, headers)
        if early:
            self.rfile.read(int(length or 0) // 2)
            return self.cut(early['action'], early)
        body = self.read_chunked() if 'chunked' in self.headers.get('Transfer-Encoding', '') else self.rfile.read(int(length or 0))
        request = Request(self.command, self.path, headers, body, self.server.secure)
        response, rule = self.server.service.serve(request)
        self.send(response, rule, request.method == 'HEAD')

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_OPTIONS = do_PATCH = do

    def read_chunked(self):
        pieces = []
        while True:
            size = int(self.rfile.readline().split(b';')[0], 16)
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
            if size == 0:
                return b''.join(pieces)

    def send(self, response, rule, headless):
        action = rule['action'] if rule else None
        if action == 'lost' or is_cut_before(rule):
            return self.cut(action, rule)
        lines = [f'HTTP/1.1 {response.status} {http.client.responses.get(response.status, "Unknown")}']
        response.headers.setdefault('Content-Length', str(response.length))
        if response.status in (204, 304):
            response.headers.pop('Content-Length', None)
        lines += [f'{name}: {value}' for name, value in response.headers.items()]
        head = ('\r\n'.join(lines) + '\r\n\r\n').encode('latin-1')
        pieces = [] if headless else response.pieces
        if action in CUTS:
            body = b''.join(pieces)
            self.connection.sendall(head + (body if rule['at'] == 'after' else body[:len(body) // 2]))
            return self.cut(action, rule)
        if sum(map(len, pieces)) < CHUNK:
            self.connection.sendall(head + b''.join(pieces))
        else:
            self.connection.sendall(head)
            for piece in pieces:
                self.connection.sendall(piece)
        if response.headers.get('Connection') == 'close':
            self.close_connection = True

    def cut(self, action, rule):
        self.close_connection = True
        if action == 'stall':
            time.sleep(rule.get('wait', 3600))
        if action == 'refuse':
            self.server.shut(rule['wait'])
        if action in ('reset', 'refuse'):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            self.connection.close()

    def handle(self):
        try:
            super().handle()
        except (ConnectionError, TimeoutError, ValueError):
            pass  # the client went away, or spoke something that is not HTTP: its own affair

    def finish(self):
        try:
            super().finish()
        except OSError:
            pass

    def log_message(self, *_):
        pass


class Door(http.server.ThreadingHTTPServer):
    """A listening socket before a Service; `port` 0 takes any free one."""
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, service, port=0, host='127.0.0.1', context=None):
        self.service, self.secure, self.context = service, context is not None, context
        super().__init__((host, port), Handler)
        self.host, self.is_shut, self._guard = host, False, threading.Lock()
        self.start()

    def start(self):
        self.thread = threading.Thread(target=self.serve_forever, kwargs={'poll_interval': 0.05}, daemon=True)
        self.thread.start()

    def shut(self, seconds):
        """Nobody listens here for so long; what comes over connections that stand is reset."""
        with self._guard:
            if self.is_shut:
                return
            self.is_shut = True
        self.shutdown()
        self.socket.close()
        threading.Timer(seconds, self.reopen).start()

    def reopen(self):
        end = time.monotonic() + 5
        while True:
            try:
                self.socket = socket.socket(self.address_family, self.socket_type)
                self.server_bind()
                self.server_activate()
                break
            except OSError as wrong:  # somebody else has our port just now
                self.socket.close()
                if time.monotonic() > end:
                    raise RuntimeError(f'{self.url} cannot be opened again') from wrong
                time.sleep(0.05)
        self.is_shut = False
        self.start()

    def finish_request(self, request, client_address):
        if self.context:
            request.settimeout(30)
            try:
                request = self.context.wrap_socket(request, server_side=True)
            except OSError:  # ssl.SSLError too: a client that does not trust us
                return
        super().finish_request(request, client_address)

    def server_bind(self):  # HTTPServer's asks the resolver for our name
        socketserver_bind(self)

    @property
    def url(self):
        return f'{"https" if self.secure else "http"}://{self.host}:{self.server_address[1]}'


def socketserver_bind(server):
    server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.socket.bind(server.server_address)
    server.server_address = server.socket.getsockname()
    server.server_name, server.server_port = server.server_address[0], server.server_address[1]
