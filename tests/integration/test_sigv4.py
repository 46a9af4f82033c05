# SPDX-License-Identifier: Apache-2.0
"""Two strangers judge the signer: AWS's own test suite, and botocore's signer on thousands of generated requests, S3 and
others, by headers and by query.

Paths and values are odd on purpose: UTF-8, '+', '%', dots, double slashes, repeated and empty query values, white
space in headers. The generator is seeded: a failure comes back.
"""

import json
import os
import pathlib
import random
import subprocess
import time
import types
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build"))
EACH = 900
FIRST, LAST = 1262304000, 2524607999  # 2010 to 2049

REGIONS = ["us-east-1", "ap-southeast-1", "cn-north-1", "us-gov-west-1"]
SERVICES = ["dynamodb", "ses", "sts", "logs", "iam"]
WORDS = ["a", "B", "z9", "Trần Thị Bưởi", "học sinh", "日本", "🎓", "x+y", "100%", "%41", "a b", "~-._", "=", "&", "?", "#",
         "'", '"', "\\", "a:b", "a;b", "(x)", "*", "!", "$1,0", "@", "[0]", "{}", "|", "^", "`", "<>", "e\u0301", "\u00e9"]
SEGMENTS = WORDS + ["", ".", "..", "...", "%2F", "%2e%2e"]


def words(rng, pool, least, most):
    return [rng.choice(pool) for _ in range(rng.randint(least, most))]


def make_path(rng):
    path = "/" + "/".join("".join(words(rng, SEGMENTS, 0, 2)) for _ in range(rng.randint(0, 5)))
    return urllib.parse.quote(path, safe="/~")


def make_query(rng, repeated):
    pairs = []
    for _ in range(rng.choice([0, 0, 1, 2, 3, 6])):
        name = "".join(words(rng, WORDS, 1, 2))
        if not repeated and name in (known for known, _ in pairs):
            continue
        for _ in range(rng.choice([1, 1, 1, 3]) if repeated else 1):
            pairs.append((name, rng.choice([None, "", "".join(words(rng, WORDS, 1, 3))])))
    rng.shuffle(pairs)
    quote = lambda text: urllib.parse.quote(text, safe="-_.~")
    return "&".join(quote(n) if v is None else f"{quote(n)}={quote(v)}" for n, v in pairs)


def make_headers(rng):
    headers = []
    for _ in range(rng.choice([0, 1, 2, 5])):
        name = rng.choice(["X-Amz-Meta-", "x-amz-meta-", "X-AMZ-Target-", "My-"]) + rng.choice("abcABC")
        spaced = "".join(rng.choice(["", " ", "  ", "\t", " \t "]) + w for w in words(rng, WORDS, 0, 4))
        headers.append((name, spaced + rng.choice(["", " ", "   "])))
    if rng.random() < 0.3:
        headers.append(("Range", "bytes=0-9"))
    return headers


class Case:
    """One request, its signature by botocore, and what sign-lines is to be asked."""

    def __init__(self, rng, s3, presigned):
        self.presigned = presigned
        self.region = rng.choice(REGIONS)
        self.service = "s3" if s3 else rng.choice(SERVICES)
        self.time = rng.randint(FIRST, LAST)
        self.expires = rng.choice([1, 60, 3600, 604800]) if presigned else 0
        token = rng.choice([None, "FwoGZXIvYXdzE" + "".join(rng.choices("aZ09+/=", k=40))])
        self.keys = botocore.credentials.Credentials("AKIA" + "".join(rng.choices("ABC234", k=12)),
                                                     "".join(rng.choices("abcXYZ019+/", k=40)), token)
        host = rng.choice(["example.com", "bucket.s3.amazonaws.com", "127.0.0.1:9000", "h.example:8443"])
        self.path, self.query = make_path(rng), make_query(rng, repeated=not presigned)
        body = b"" if presigned else rng.choice([b"", b"{}", "một".encode() * 9])
        self.request = botocore.awsrequest.AWSRequest(
            method=rng.choice(["GET", "PUT", "POST", "DELETE", "HEAD"]), data=body,
            url=f"https://{host}{self.path}" + (f"?{self.query}" if self.query else ""))
        for name, value in make_headers(rng):
            self.request.headers.add_header(name, value)
        self.host = host
        self.unsigned = s3 and (presigned or rng.random() < 0.5)
        self.sign(s3)

    def sign(self, s3):
        kind = {(True, True): botocore.auth.S3SigV4QueryAuth, (True, False): botocore.auth.S3SigV4Auth,
                (False, True): botocore.auth.SigV4QueryAuth, (False, False): botocore.auth.SigV4Auth}[s3, self.presigned]
        auth = kind(self.keys, self.service, self.region, **({"expires": self.expires} if self.presigned else {}))
        request = self.request
        request.context["timestamp"] = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self.time))
        request.context["client_config"] = types.SimpleNamespace(s3={"payload_signing_enabled": not self.unsigned})
        auth._modify_request_before_signing(request)
        self.canonical = auth.canonical_request(request)
        self.payload_hash = self.canonical.rsplit("\n", 1)[1]
        self.sent = [[n, v] for n, v in request.headers.items()] + [["Host", self.host]]
        signature = auth.signature(auth.string_to_sign(request, self.canonical), request)
        auth._inject_signature_to_request(request, signature)
        self.expected = request.url.partition("?")[2] if self.presigned else request.headers["Authorization"]

    def line(self, s3):
        return json.dumps({
            "method": self.request.method, "path": self.path, "query": self.query, "headers": self.sent,
            "payload_hash": self.payload_hash, "region": self.region, "service": self.service, "time": self.time,
            "s3": s3, "expires": self.expires, "access_key": self.keys.access_key,
            "secret_key": self.keys.secret_key, "token": self.keys.token})

    def agrees(self, got):
        if not self.presigned:
            return got == self.expected
        parts = lambda query: sorted(urllib.parse.parse_qsl(query, keep_blank_values=True, strict_parsing=True))
        return parts(whole(got)) == parts(whole(self.expected))


def whole(query):
    """Every parameter with its '=': botocore writes "k=" where the wire had "k"; both are signed alike."""
    return "&".join(p if "=" in p else p + "=" for p in query.split("&"))


def built(target):
    subprocess.run(["ninja", "-C", BUILD, target], check=True, stdout=subprocess.DEVNULL)
    return BUILD / target


def test_aws_suite(capsys):
    suite = os.environ.get("AWS_SIGNING_SUITE", ROOT.parent / "shared/data/aws-signing-test-suite/v4")
    ran = subprocess.run([built("tests/unit/aws/aws-sigv4_suite")], env={**os.environ, "AWS_SIGNING_SUITE": str(suite)},
                         capture_output=True, text=True, timeout=60)
    with capsys.disabled():
        print("\n" + ran.stdout.splitlines()[-1])
    if ran.returncode == 77:
        pytest.skip(ran.stdout.strip())
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("presigned", [False, True], ids=["headers", "query"])
@pytest.mark.parametrize("s3", [False, True], ids=["others", "s3"])
def test_botocore_agrees(s3, presigned, capsys):
    rng = random.Random(f"{s3} {presigned}")
    cases = [Case(rng, s3, presigned) for _ in range(EACH)]
    asked = "".join(case.line(s3) + "\n" for case in cases)
    answer = subprocess.run([built("tests/sigv4/sign-lines")], input=asked, capture_output=True, text=True, check=True, timeout=120)
    got = answer.stdout.splitlines()
    assert len(got) == len(cases)
    wrong = [(case.canonical, case.expected, ours) for case, ours in zip(cases, got) if not case.agrees(ours)]
    with capsys.disabled():
        kind = f"{'S3' if s3 else 'other services'}, by {'query' if presigned else 'headers'}"
        print(f"\nbotocore agrees on {len(cases) - len(wrong)} of {len(cases)} requests ({kind})")
    assert not wrong, "\n".join(wrong[0])
