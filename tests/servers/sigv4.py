# SPDX-License-Identifier: Apache-2.0
"""The judge of signatures: rebuilds each request's SigV4 signature with botocore's signer and compares.

botocore is an implementation not ours, so a request that passes here is one that AWS would take. The path and the query are
decoded from the wire and encoded again as AWS does it, so signing what one happened to send is not enough. Headers and
pre-signed queries alike; `verify` returns the Principal or raises Refused with a reason that each service puts in its own
words.
"""
import calendar
import hashlib
import hmac
import re
import time
from urllib.parse import quote, unquote_to_bytes

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

AUTHORIZATION = re.compile(r'AWS4-HMAC-SHA256 Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})')
UNSIGNED = 'UNSIGNED-PAYLOAD'
SAFE = '-_.~'
LINK_LIFE = 7 * 24 * 3600


class Refused(Exception):
    """reason: missing malformed unknown token expired signature skew scope payload unsigned-header link-expired."""

    def __init__(self, reason, message):
        super().__init__(message)
        self.reason = reason
        self.message = message


class Proof:
    """What one request says of its signer, from the header or from the query, before any of it is believed."""

    def __init__(self, credential, signed, signature, date, token, expires=None):
        parts = credential.split('/')
        if len(parts) != 5 or parts[4] != 'aws4_request':
            raise Refused('malformed', f'Credential {credential!r} is not KEY/DATE/REGION/SERVICE/aws4_request')
        self.access_key, self.day, self.region, self.service = parts[:4]
        self.signed = signed.split(';')
        self.signature, self.date, self.token, self.expires = signature, date, token, expires
        if self.signed != sorted(self.signed) or any(name != name.lower() for name in self.signed):
            raise Refused('malformed', f'SignedHeaders {signed!r} must be lower-case and sorted')
        if not re.fullmatch(r'\d{8}T\d{6}Z', date or ''):
            raise Refused('malformed', f'X-Amz-Date {date!r} is not YYYYMMDDTHHMMSSZ')
        if date[:8] != self.day:
            raise Refused('signature', f'Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date: {date}')
        self.when = calendar.timegm(time.strptime(date, '%Y%m%dT%H%M%SZ'))


def proof_of(request):
    query = dict(request.query_pairs)
    header = request.header('authorization')
    if 'X-Amz-Signature' in query:
        if header:
            raise Refused('malformed', 'Only one auth mechanism allowed')
        if query.get('X-Amz-Algorithm') != 'AWS4-HMAC-SHA256':
            raise Refused('malformed', 'X-Amz-Algorithm only supports AWS4-HMAC-SHA256')
        life = query.get('X-Amz-Expires', '')
        if not life.isdigit() or not 0 < int(life) <= LINK_LIFE:
            raise Refused('malformed', 'X-Amz-Expires must be between 1 and 604800 seconds')
        return Proof(query.get('X-Amz-Credential', ''), query.get('X-Amz-SignedHeaders', ''), query['X-Amz-Signature'],
                     query.get('X-Amz-Date'), query.get('X-Amz-Security-Token', ''), int(life))
    if not header:
        raise Refused('missing', 'Missing Authentication Token')
    match = AUTHORIZATION.fullmatch(header)
    if not match:
        raise Refused('malformed', f'Authorization header is not well formed: {header!r}')
    return Proof(*match.groups(), request.header('x-amz-date'), request.header('x-amz-security-token') or '')


def canonical_url(request, service, presigned):
    """The URL with path and query decoded and encoded anew; botocore's signer takes it from there."""
    path = request.path
    if service == 's3':
        path = quote(unquote_to_bytes(path), safe='/' + SAFE)
    pairs = []
    for piece in filter(None, request.query.split('&')):
        name, _, value = piece.partition('=')
        if presigned and name == 'X-Amz-Signature':
            continue
        pairs.append(quote(unquote_to_bytes(name), safe=SAFE) + '=' + quote(unquote_to_bytes(value), safe=SAFE))
    return f'http://{request.header("host")}{path}?{"&".join(pairs)}'


def signature(request, proof, key):
    presigned = proof.expires is not None
    copy = AWSRequest(method=request.method, url=canonical_url(request, proof.service, presigned), data=request.body)
    for name in proof.signed:
        values = request.header_values(name)
        if not values:
            raise Refused('signature', f'The signed header {name} is not in the request')
        for value in values:
            copy.headers[name] = value
    copy.context['timestamp'] = proof.date
    kind = S3SigV4QueryAuth if presigned else S3SigV4Auth if proof.service == 's3' else SigV4Auth
    credentials = Credentials(key.access_key, key.secret_key, key.token or None)
    signer = kind(credentials, proof.service, proof.region)
    canonical = signer.canonical_request(copy)
    return signer.signature(signer.string_to_sign(copy, canonical), copy), canonical


def check_headers(request, proof):
    if 'host' not in proof.signed:
        raise Refused('signature', 'host must be a signed header')
    for name, _ in request.headers:
        if name.startswith('x-amz-') and name not in proof.signed:
            raise Refused('unsigned-header', f'There were headers present in the request which were not signed: {name}')


def check_payload(request, proof):
    said = request.header('x-amz-content-sha256')
    if proof.service == 's3' and proof.expires is None and said is None:
        raise Refused('payload', 'Missing required header for this request: x-amz-content-sha256')
    if said is None:
        return
    if said == UNSIGNED:
        if proof.service != 's3' or not request.secure:
            raise Refused('payload', 'UNSIGNED-PAYLOAD is taken by S3 alone, and over TLS only')
    elif said != hashlib.sha256(request.body).hexdigest():
        raise Refused('payload', "The provided 'x-amz-content-sha256' header does not match what was computed.")


def check_time(proof, key, now, skew):
    if proof.expires is not None:
        if proof.when - now > skew:
            raise Refused('skew', 'Request is not yet valid')
        if now >= proof.when + proof.expires:
            raise Refused('link-expired', 'Request has expired')
    elif abs(now - proof.when) > skew:
        word = 'expired' if proof.when < now else 'not yet current'
        raise Refused('skew', f'Signature {word}: {proof.date} is more than {skew} s from the server time')
    if key.expires and now >= key.expires:
        raise Refused('expired', 'The security token included in the request is expired')


def verify(request, keys, service, region=None):
    """The Key that signed `request` for `service` (in `region`, unless None)."""
    proof = proof_of(request)
    key = keys.get(proof.access_key)
    if not key:
        raise Refused('unknown', 'The security token included in the request is invalid.')
    if not hmac.compare_digest(proof.token.encode('latin-1'), key.token.encode('latin-1')):
        raise Refused('token', 'The security token included in the request is invalid.')
    if proof.service != service:
        raise Refused('signature', f'Credential should be scoped to correct service: {service!r}, not {proof.service!r}')
    check_headers(request, proof)
    expected, canonical = signature(request, proof, key)
    if not hmac.compare_digest(expected, proof.signature):
        raise Refused('signature', 'The request signature we calculated does not match the signature you provided. '
                                   f'The canonical string should have been: {canonical!r}')
    if region and proof.region != region:
        raise Refused('scope', f"the region '{proof.region}' is wrong; expecting '{region}'")
    check_payload(request, proof)
    check_time(proof, key, keys.now(), 900 if service == 's3' else 300)
    return key
