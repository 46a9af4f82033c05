# SPDX-License-Identifier: Apache-2.0
"""botocore judges the reader of the shared files: the same values, the same refusals, the same roles with the same keys, on
odd files written by hand and on hundreds made up (seeded: a failure comes back)."""

import json
import os
import pathlib
import random
import subprocess

import botocore.configloader
import botocore.credentials
import botocore.exceptions
import botocore.session
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build"))
PROFILES = ["default", "a", "b", "c d", "é"]
ROLE_KEYS = ["role_arn", "source_profile", "credential_source", "external_id", "role_session_name", "duration_seconds"]
KEYS = ["aws_access_key_id", "aws_secret_access_key", "aws_session_token", "region", "s3", "odd", *ROLE_KEYS]
MADE_UP = 200

ODD = [  # a file each, read as credentials and as config
    "", "\n\n", "[a]", "[a]\n", "[a", "[]", "a]", "[[a]]\nregion=1", "[a]]\nregion=1", "[ a ]\nregion=1", "[a]x\nregion=1",
    "[a] # c\nregion=1", "[a]\r\nregion=1\r\n", "[a]\rregion=1\rodd=2", "region=1", "# c\n; d\n[a]\nregion=1",
    "[a]\nregion", "[a]\nregion=", "[a]\nregion:1", "[a]\nregion : 1 = 2", "[a]\nregion = 1 # c", "[a]\nregion=1 ; c",
    "[a]\n=1", "[a]\n = 1", "[a]\nREGION=1", "[a]\nRegion=1\nregion=2", "[a]\n[a]\n", "[a]\nregion=1\n[b]\nregion=2",
    "[a]\nregion=1\n  2\n", "[a]\nregion=1\n\n  2\n\n\nodd=3", "[a]\nregion=1\n# c\n  2", "[a]\nregion=1\n  # c\n  2",
    "[a]\n  region=1\n  odd=2", "[a]\n  region=1\n odd=2", "[a]\n region=1\n  odd=2", "  [a]\n  region=1", "  [a]\nregion=1",
    "[a]\nregion=1\n  [b]\n", "[a]\ns3 =\n  region=1\n  odd = 2\nregion=3", "[a]\ns3 =\n  odd", "[a]\ns3 =\n\n  odd=1\n\n  x=2\n",
    "[a]\ns3=\n# c\n  odd=1", "[a]\n\tregion\t=\t1\t", "[a]\nregion=1\x0b", "[a]\nregion=é", "[é]\nregion=1",
    "[DEFAULT]\nregion=1\n[a]\nodd=2", "[a]\nodd=2\n[DEFAULT]\nregion=1\nodd=3\n[DEFAULT]\ns3=x", "[DEFAULT]\nregion=1\nregion=2",
    "[default]\nregion=1", "[profile default]\nregion=2", "[default]\nregion=1\n[profile default]\nregion=2",
    "[profile a]\nregion=1", "[profile 'a']\nregion=1", '[profile "c d"]\nregion=1', "[profile c d]\nregion=1",
    "[profile c\\ d]\nregion=1", '[profile "a]\nregion=1', "[profile a\\]\nregion=1", "[profilea]\nregion=1",
    "[profilex a]\nregion=1", "[profile\ta]\nregion=1", "[profile a]\nregion=1\n[profile 'a']\nodd=2", "[Profile a]\nregion=1",
    "[profile a #b]\nregion=1", "[profile '']\nregion=1", "[profile a'b']\nregion=1", "[sso-session a]\nregion=1",
    "[a]\nregion=%(odd)s\nodd=1", "[a]\nregion=${odd}", "[a]\nregion='1'", '[a]\nregion="1"', "[a]\nregion=1\\\n2", "[a]\nodd==1",
    "[a]\nrem x=1\nregion=2", "[a]\nregion=1\n ;c\n", "[a]\n;region=1", "[a]\n#region=1\n odd=2\n",
]


@pytest.fixture(scope="module")
def ours():
    subprocess.run(["ninja", "-C", BUILD, "tests/profiles/plan-lines"], check=True, stdout=subprocess.DEVNULL)
    with subprocess.Popen([BUILD / "tests/profiles/plan-lines"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as helper:
        def ask(credentials, config):
            helper.stdin.write(json.dumps({"credentials": credentials, "config": config, "profiles": PROFILES, "keys": KEYS}) + "\n")
            helper.stdin.flush()
            return json.loads(helper.stdout.readline())
        yield ask
        helper.stdin.close()


@pytest.fixture
def files(tmp_path, monkeypatch):
    for name in [n for n in os.environ if n.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))

    def write(credentials, config):
        (tmp_path / "credentials").write_bytes(credentials.encode())
        (tmp_path / "config").write_bytes(config.encode())
    return write


def theirs_values():
    """{profile: {key: value}}, or the exception."""
    try:
        profiles = botocore.session.Session().full_config["profiles"]
    except (botocore.exceptions.ConfigParseError, ValueError) as error:
        return error
    return {name: {k: v for k, v in profiles.get(name, {}).items() if k in KEYS and isinstance(v, str)} for name in PROFILES}


class Trace:
    """Stands in for STS: remembers who assumed what, and hands out keys that name the role."""

    def __init__(self):
        self.roles, self.base = [], None

    def create_client(self, _service, **named):
        if not self.roles:
            self.base = named["aws_access_key_id"]
        return self

    def assume_role(self, **named):
        session = named["RoleSessionName"]
        self.roles.append([named["RoleArn"], named.get("ExternalId"), None if session.startswith("botocore-session-") else session,
                           named.get("DurationSeconds", 0)])
        return {"Credentials": {"AccessKeyId": "ASIA", "SecretAccessKey": "x", "SessionToken": "y",
                                "Expiration": "2099-01-01T00:00:00Z"}}


def theirs_plan(name, monkeypatch):
    """(access key of the base, roles), or None where botocore has no credentials for that profile."""
    monkeypatch.setattr(botocore.credentials.InstanceMetadataProvider, "load",
                        lambda self: botocore.credentials.Credentials("IMDS", "x", "y") if in_role() else None)
    roles = []
    in_role = lambda: bool(roles)
    load = botocore.credentials.CanonicalNameCredentialSourcer.source_credentials

    def source_credentials(self, source):
        roles.append(source)
        return load(self, source)
    monkeypatch.setattr(botocore.credentials.CanonicalNameCredentialSourcer, "source_credentials", source_credentials)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    trace = Trace()
    try:
        session = botocore.session.Session(profile=name)
        session.create_client = trace.create_client
        got = session.get_credentials()
        frozen = got and got.get_frozen_credentials()
    except botocore.exceptions.BotoCoreError:
        return None
    if not frozen:
        return None
    return (trace.base if trace.roles else frozen.access_key), trace.roles


def compare_values(ours, files, credentials, config):
    files(credentials, config)
    expected, got = theirs_values(), ours(credentials, config)
    if isinstance(expected, Exception):
        assert "error" in got, (credentials, config, expected)
        return None
    assert "values" in got, (credentials, config, got)
    assert got["values"] == expected, (credentials, config)
    return got


@pytest.mark.parametrize("text", ODD)
def test_odd_files_read_as_botocore_reads_them(ours, files, text):
    compare_values(ours, files, text, "")
    compare_values(ours, files, "", text)
    compare_values(ours, files, "[a]\nregion=9\n", text)


def made_up_profile(rng, config):
    name = rng.choice(PROFILES)
    header = name if not config or name == "default" else rng.choice([f"profile {name}", f'profile "{name}"'])
    lines = [f"[{header}]"]
    role = ["role_arn", rng.choice(["source_profile", "source_profile", "credential_source"])]
    usual = rng.choice([KEYS[:2], KEYS[:3], role, role, []])  # else hardly any would hold together
    for key in dict.fromkeys(usual + rng.sample(KEYS, rng.choice([0, 0, 1, 2, 5]))):
        value = {"aws_access_key_id": f"AKIA{rng.randint(0, 9)}", "source_profile": rng.choice(PROFILES),
                 "role_arn": f"arn:aws:iam::123456789012:role/r{rng.randint(0, 9)}",
                 "credential_source": rng.choice(["Environment", "Ec2InstanceMetadata", "Moon"]),
                 "duration_seconds": rng.choice(["900", "3600", "x"])}.get(key, f"v{rng.randint(0, 9)}")
        if key == "s3":
            value = "\n  odd = 1\n  region = 2"
        lines.append(rng.choice(["", "", "# c\n", "\n"]) + key + rng.choice(["=", " = ", ": "]) + value)
    return "\n".join(lines) + "\n"


def test_made_up_files_read_as_botocore_reads_them(ours, files, monkeypatch):
    rng, plans, roles = random.Random(20250706), 0, 0
    for _ in range(MADE_UP):
        credentials = "".join(made_up_profile(rng, False) for _ in range(rng.randint(0, 3)))
        config = "".join(made_up_profile(rng, True) for _ in range(rng.randint(0, 4)))
        got = compare_values(ours, files, credentials, config)
        for name in [name for name in PROFILES if got and got["values"][name]]:
            with monkeypatch.context() as patch:
                expected = theirs_plan(name, patch)
            plan = got["plans"][name]
            assert ("error" in plan) == (expected is None), (credentials, config, name, plan, expected)
            if expected is None:
                continue
            base = {"keys": plan.get("access_key"), "environment": "ENV", "imds": "IMDS"}[plan["base"]]
            assert (base, plan["roles"]) == expected, (credentials, config, name)
            plans, roles = plans + 1, roles + len(plan["roles"])
    assert plans > 100 and roles > 30, (plans, roles)
    print(f"profiles: {MADE_UP} pairs of files, {plans} plans with {roles} roles agree with botocore")
