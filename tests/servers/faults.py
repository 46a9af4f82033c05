# SPDX-License-Identifier: Apache-2.0
"""Faults on demand: rules that a test sets over the admin port, tried in order against every request.

A rule is a dict: `service` and `operation` (absent = any), `action`, `skip` (let so many matching requests pass first),
`count` (how many to hit; absent = all) or `seconds` (for how long, from the first hit), and what its action takes:

    error      status, code, message        the service's own error shape (throttle, deny, expired, slowdown: short for one)
    raw        status, headers, body        exactly this answer
    close      at = upload | before | mid | after   the connection is closed half-way through the request's body, before the
                                            answer, half-way through its body, or behind it
    reset      at                           the same with a TCP reset
    stall      at, wait                     nothing is read or sent for `wait` seconds; then the connection is closed
    refuse     wait                         this connection is reset, and new ones are refused for `wait` seconds
    hold       at = before | after          the request waits, not yet carried out or not yet answered, for POST /release
    delay      wait                         the true answer, later
    corrupt                                 the true answer with a byte of its body changed (x-amz-crc32 stays the old one)
    crc                                     the true answer with a wrong x-amz-crc32
    truncate                                the true answer's first half, with lengths and checksums that fit it
    malformed                               the true answer with a body that is no JSON and no XML
    lost                                    the request is carried out, and its answer never sent
    expire                                  the key that signed the request ends now, for good
    clock      offset                       the servers' clock leaps by so many seconds, for good
    move       region                       S3: the bucket is in this region from now on
    empty-page, same-key                    Scan only, see proxy.py
    unprocessed  share, seed                BatchWriteItem only: so many of a call's puts are given back, see proxy.py
    forgets, taken                          BatchWriteItem, CreateTable: see proxy.py
"""
import threading
import time

SHORT = {
    'throttle': {'dynamodb': (400, 'ProvisionedThroughputExceededException', 'The level of configured provisioned throughput '
                              'for the table was exceeded.'),
                 's3': (503, 'SlowDown', 'Please reduce your request rate.'),
                 '': (400, 'ThrottlingException', 'Rate exceeded')},
    'deny': {'s3': (403, 'AccessDenied', 'Access Denied'), 'sts': (403, 'AccessDenied', 'User is not authorized to perform: '
             'sts:AssumeRole'), '': (400, 'AccessDeniedException', 'User is not authorized to perform this operation')},
    'expired': {'s3': (400, 'ExpiredToken', 'The provided token has expired.'), 'sts': (403, 'ExpiredToken', 'The security '
                'token included in the request is expired'), '': (400, 'ExpiredTokenException', 'The security token included '
                'in the request is expired')},
}


class Faults:
    def __init__(self):
        self._lock = threading.Lock()
        self._rules = []
        self._let_go = threading.Event()
        self._dropped = False

    def add(self, rule):
        rule = dict(rule)
        if rule['action'] in SHORT:
            row = SHORT[rule['action']]
            status, code, message = row.get(rule.get('service', ''), row[''])
            rule = {'status': status, 'code': code, 'message': message, **rule, 'action': 'error'}
        rule.setdefault('skip', 0)
        rule['hits'] = 0
        with self._lock:
            self._rules.append(rule)

    def clear(self):
        with self._lock:
            self._rules.clear()
        self.release(False)

    def all(self):
        with self._lock:
            return [dict(rule) for rule in self._rules]

    def cuts_uploads(self):
        with self._lock:
            return any(rule.get('at') == 'upload' for rule in self._rules)

    def hold(self):
        """Waits for release(); true: what was held shall not be carried out."""
        with self._lock:
            event = self._let_go
        event.wait(600)
        return self._dropped

    def release(self, drop):
        """All that is held goes on, or is dropped; whatever comes later passes."""
        with self._lock:
            self._rules = [rule for rule in self._rules if rule['action'] != 'hold']
            self._dropped, event, self._let_go = drop, self._let_go, threading.Event()
        event.set()

    def match(self, service, operation, target='', early=False):
        """The rule that this request falls under, its turn taken; or None. `early`: its body has not been read yet."""
        with self._lock:
            for rule in self._rules:
                if (rule.get('at') == 'upload') != early:
                    continue
                if rule.get('service', service) != service or rule.get('operation', operation) != operation:
                    continue
                if rule.get('target', '') not in target:
                    continue
                if 'until' in rule and time.monotonic() > rule['until']:
                    continue
                if 'count' in rule and rule['hits'] >= rule['count']:
                    continue
                if rule['skip'] > 0:
                    rule['skip'] -= 1
                    continue
                if 'seconds' in rule:
                    rule.setdefault('until', time.monotonic() + rule['seconds'])
                rule['hits'] += 1
                return rule
        return None
