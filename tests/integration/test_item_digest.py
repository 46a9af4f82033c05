# SPDX-License-Identifier: Apache-2.0
"""The digest of a set of items, judged by another implementation: written from daemon/stream/canonical.h alone, with Python's own
JSON, decimal and base64, on thousands of items of every type, each in several spellings.
"""
import base64
import decimal
import hashlib
import json
import os
import pathlib
import random
import subprocess

import pytest

import items

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get('BUILD', ROOT / 'build'))
KEY = bytes(range(32))
EXACT = decimal.Context(prec=1000, Emax=999999, Emin=-999999)


@pytest.fixture(scope='module')
def program():
    subprocess.run(['ninja', '-C', BUILD, 'tests/digest/digest-lines'], check=True, stdout=subprocess.DEVNULL)
    return BUILD / 'tests' / 'digest' / 'digest-lines'


def ask(program, lines):
    said = subprocess.run([program, KEY.hex()], input='\n'.join(lines).encode() + b'\n', stdout=subprocess.PIPE, check=True)
    answers = said.stdout.decode().splitlines()
    assert len(answers) == len(lines)
    return answers


# The judge.
def sized(raw):
    return len(raw).to_bytes(4, 'little') + raw


def scalar(kind, inner):
    if kind == 'S':
        return sized(inner.encode('utf-8', 'surrogatepass'))
    if kind == 'B':
        return sized(base64.b64decode(inner, validate=True))
    sign, digits, power = decimal.Decimal(inner).normalize(EXACT).as_tuple()
    if not any(digits):
        return bytes(3)
    return bytes([0x80 * sign | len(digits)]) + power.to_bytes(2, 'little', signed=True) + ''.join(map(str, digits)).encode()


def canonical(typed):
    (kind, inner), = typed.items()
    count = len(inner).to_bytes(4, 'little') if hasattr(inner, '__len__') else b''
    if kind == 'M':
        return b'M' + count + b''.join(sorted(sized(name.encode('utf-8', 'surrogatepass')) + canonical(one) for name, one in inner.items()))
    if kind == 'L':
        return b'L' + count + b''.join(map(canonical, inner))
    if kind in ('SS', 'NS', 'BS'):
        return kind[0].lower().encode() + count + b''.join(sorted(scalar(kind[0], one) for one in inner))
    if kind == 'BOOL':
        return b'T' if inner else b'F'
    return b'0' if kind == 'NULL' else kind.encode() + scalar(kind, inner)


def judged(item):
    return int.from_bytes(hashlib.sha256(KEY + canonical({'M': item})).digest(), 'little')


# Spellings.
def wire(typed):
    """As boto3 has it, to as it stands in JSON."""
    (kind, inner), = typed.items()
    if kind == 'B':
        return {kind: base64.b64encode(inner).decode()}
    if kind == 'BS':
        return {kind: [base64.b64encode(one).decode() for one in inner]}
    if kind == 'M':
        return {kind: {name: wire(one) for name, one in inner.items()}}
    return {kind: [wire(one) for one in inner]} if kind == 'L' else typed


def respelt_number(rng, text):
    sign, digits, power = decimal.Decimal(text).as_tuple()
    if rng.random() < 0.3 and power <= 0:
        text = format(decimal.Decimal(text), 'f')
        return text + ('' if '.' in text else '.') + '0' * rng.randint(1, 5)
    zeros = rng.randint(0, 5)
    digits = ''.join(map(str, digits)) + '0' * zeros
    cut = rng.randint(1, len(digits))
    shift = power - zeros + len(digits) - cut
    return ('-' if sign else '') + digits[:cut] + ('.' + digits[cut:] if cut < len(digits) else '') + rng.choice('eE') + f'{shift:+}'


def respelt(rng, typed):
    """The same value to a table, written otherwise."""
    (kind, inner), = typed.items()
    if kind == 'N':
        return {kind: respelt_number(rng, inner)}
    if kind == 'M':
        return {kind: {name: respelt(rng, inner[name]) for name in rng.sample(list(inner), len(inner))}}
    if kind == 'L':
        return {kind: [respelt(rng, one) for one in inner]}
    if kind in ('SS', 'NS', 'BS'):
        inner = rng.sample(inner, len(inner))
        return {kind: [respelt_number(rng, one) for one in inner] if kind == 'NS' else inner}
    return typed


def spelt(rng, item):
    blank = rng.choice(['', ' ', '\t \t'])
    return json.dumps(item, ensure_ascii=rng.random() < 0.5, separators=(blank + ',' + blank, blank + ':' + blank))


def number_of(answer):
    assert not answer.startswith('!'), answer
    return int(answer, 16)


@pytest.mark.core
def test_every_spelling_of_an_item_has_the_judges_digest(program):
    rng = random.Random(11)
    made = items.make(6000, seed=11)
    lines, expected = [], []
    for item in made:
        plain = {name: wire(typed) for name, typed in item.items()}
        once = spelt(rng, plain)
        again = spelt(rng, respelt(rng, {'M': plain})['M'])
        lines += [once, again]
        expected.append(judged(plain))
    answers = ask(program, lines + ['='])
    for place, item in enumerate(made):
        once, again = map(number_of, answers[2 * place:2 * place + 2])
        assert once == expected[place], f'{item} has another digest'
        assert again == expected[place], f'{lines[2 * place + 1]} has another digest than {lines[2 * place]}'
    assert len(set(expected)) == len(expected)
    assert number_of(answers[-1]) == 2 * sum(expected) % 2 ** 256


def changed(rng, typed):
    """One value of it another, by the least that a table can tell apart."""
    (kind, inner), = typed.items()
    if kind == 'S':
        place = rng.randrange(len(inner) + 1)
        return {kind: inner[:place] + rng.choice('ax\x00é') + inner[place:]}
    if kind == 'N':
        value = decimal.Decimal(inner)
        return {kind: str(EXACT.add(value, decimal.Decimal((0, (1,), value.as_tuple().exponent))))}
    if kind == 'B':
        raw = bytearray(base64.b64decode(inner) or b'\x00\x00')
        raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
        return {kind: base64.b64encode(raw).decode()}
    if kind in ('SS', 'NS', 'BS'):
        less = list(inner)
        less.pop(rng.randrange(len(less)))
        return {kind: less} if less else {'NULL': True}
    if kind == 'BOOL':
        return {kind: not inner}
    if kind == 'NULL':
        return {'BOOL': True}
    if not inner:
        return {kind: [{'L': []}] if kind == 'L' else {'': {'M': {}}}}
    if kind == 'L':
        place = rng.randrange(len(inner))
        return {kind: inner[:place] + [changed(rng, inner[place])] + inner[place + 1:]}
    name = rng.choice(list(inner))
    if rng.random() < 0.2:
        return {kind: {one if one != name else name + ' ': value for one, value in inner.items()}}
    return {kind: {**inner, name: changed(rng, inner[name])}}


@pytest.mark.core
def test_the_least_change_shows(program):
    rng = random.Random(12)
    lines = []
    for item in items.make(3000, seed=12, specials=False):
        plain = {name: wire(typed) for name, typed in item.items()}
        lines += [spelt(rng, plain), spelt(rng, changed(rng, {'M': plain})['M'])]
    answers = list(map(number_of, ask(program, lines)))
    for place in range(0, len(lines), 2):
        assert answers[place] != answers[place + 1], f'{lines[place]} and {lines[place + 1]} have one digest'


def test_damage_is_refused_or_shows(program):
    """A byte of the text is another: it is no item any more, or, by the judge too, another one."""
    rng = random.Random(13)
    lines, sources = [], []
    for item in items.make(3000, seed=13, specials=False):
        text = json.dumps({name: wire(typed) for name, typed in item.items()})
        place = rng.randrange(len(text))
        damaged = text[:place] + chr(rng.choice([ord(text[place]) ^ 1 << rng.randrange(5), rng.randrange(0x20, 0x7f)])) + text[place + 1:]
        if '\n' not in damaged and damaged != text and damaged != '=':
            lines += [text, damaged]
            sources.append(damaged)
    answers = ask(program, lines)
    refused = 0
    for place, damaged in enumerate(sources):
        good, answer = answers[2 * place:2 * place + 2]
        if answer.startswith('!'):
            refused += 1
        else:
            assert number_of(answer) == judged(json.loads(damaged)), damaged
    assert len(sources) > 2900 and 500 < refused < len(sources)
