# SPDX-License-Identifier: Apache-2.0
"""Items of every DynamoDB type, made from a seed, and the judges of what came back: boto3's own deserializer for typed JSON,
and a converter written here, from product.md alone, for plain JSON.

An item is as boto3's low-level client takes it: {'name': {'S': 'text'}, 'raw': {'B': b'...'}, ...}.
"""
import base64
import concurrent.futures
import decimal
import random

from boto3.dynamodb.types import TypeDeserializer

TEXTS = ['', 'Nguyễn Thị Ánh', 'He said "no"', 'back\\slash\\', "it's", '</script>&amp;', 'tab\tnew\nline\rend', '\x00\x01\x1f\x7f',
         '🎓👩‍🎓 emoji', '\u2028\u2029', '\ufeff', 'ﷺ', '}{][,:"', '{"Item":{}}', 'e\u0301', '\U0010ffff', '\\u0041', '\\"', ' ', 'null']
NUMBERS = ['0', '-0', '1', '-1', '3.14', '1E3', '1e-7', '12345678901234567890123456789012345678', '0.1', '-17.50',
           '9.9999999999999999999999999999999999999E+125', '1E-130', '-9.9999999999999999999999999999999999999E+125', '1E+20',
           '0.00000000000000000000000000000000000001', '100', '1.10']
NAMES = ['name', 'full name', 'điểm', 'a.b', 'q"uote', 'back\\slash', 'new\nline', '🎓', ' ', 'Item', 'S', 'L', 'e\u0301', '#n', '}']


def number(rng):
    if rng.random() < 0.4:
        return rng.choice(NUMBERS)
    digits = str(rng.randrange(1, 10 ** rng.randint(1, 38)))
    return rng.choice(['', '-']) + digits + (f'E{rng.randint(-80, 80)}' if rng.random() < 0.3 else '')


def text(rng):
    if rng.random() < 0.5:
        return rng.choice(TEXTS)
    return ''.join(chr(rng.choice([rng.randrange(0x20, 0x7f), rng.randrange(0, 0x20), rng.randrange(0x80, 0xd800),
                                   rng.randrange(0x1f300, 0x1f700)])) for _ in range(rng.randint(1, 40)))


def distinct(make, rng):
    return list(dict.fromkeys(make(rng) for _ in range(rng.randint(1, 6))))


def distinct_numbers(rng):
    return list({decimal.Decimal(value): value for value in distinct(number, rng)}.values())


def value(rng, depth=0):
    kind = rng.choice(['S', 'N', 'B', 'BOOL', 'NULL', 'SS', 'NS', 'BS'] + ['M', 'L'] * (2 if depth < 4 else 0))
    if kind == 'M':
        return {'M': {rng.choice(NAMES): value(rng, depth + 1) for _ in range(rng.randint(0, 4))}}
    if kind == 'L':
        return {'L': [value(rng, depth + 1) for _ in range(rng.randint(0, 4))]}
    if kind == 'BS':
        return {kind: distinct(lambda r: r.randbytes(r.randint(1, 30)), rng)}
    make = {'S': lambda: text(rng), 'N': lambda: number(rng), 'B': lambda: rng.randbytes(rng.randint(0, 60)),
            'BOOL': lambda: rng.random() < 0.5, 'NULL': lambda: True, 'SS': lambda: distinct(text, rng),
            'NS': lambda: distinct_numbers(rng)}[kind]
    return {kind: make()}


def nested(levels):
    """A value that is `levels` deep: 32 is DynamoDB's own limit."""
    inner = {'S': 'the bottom } of "it"'}
    for level in range(levels - 1):
        inner = {'L': [inner]} if level % 2 else {'M': {'deeper': inner}}
    return inner


def special(count):
    """The items at the limits, one of each; as many as are asked for."""
    return [{'deep': nested(32)}, {'large': {'S': 'x' * 390000}}, {'control': {'S': '\x01' * 200000}}, {'raw': {'B': bytes(range(256)) * 1400}},
            {'quotes': {'S': '"\\' * 190000}}, {'wide': {'M': {f'attribute {n}': {'NULL': True} for n in range(5000)}}},
            {'list': {'L': [{'N': str(n)} for n in range(20000)]}}, {'viet': {'S': 'Đặng Thị Ngọc ' * 12000}},
            {name: {'S': name} for name in NAMES}, {'n' * 60000: {'BOOL': True}}, {}][:count]


def make(count, seed=1, specials=True):
    """`count` items with distinct keys {'id': S}; the ones at the limits first."""
    rng = random.Random(seed)
    out = []
    limits = special(count) if specials else []
    for n in range(count):
        item = limits[n] if n < len(limits) else {rng.choice(NAMES) + (str(rng.randrange(9)) if rng.random() < 0.5 else ''): value(rng)
                                                  for _ in range(rng.randint(1, 7))}
        out.append({'id': {'S': f'{n:06}-{rng.choice(TEXTS)}'}, **item})
    return out


def sized(count, size, seed=1):
    """Items of `size` bytes of hardly compressible text, for tests that need volume."""
    rng = random.Random(seed)
    return [{'id': {'S': f'{n:08}'}, 'n': {'N': str(n)}, 'body': {'S': base64.b64encode(rng.randbytes(size * 3 // 4)).decode()}}
            for n in range(count)]


def create_table(dynamo, name, **more):
    dynamo.create_table(TableName=name, BillingMode='PAY_PER_REQUEST', **{
        'KeySchema': [{'AttributeName': 'id', 'KeyType': 'HASH'}],
        'AttributeDefinitions': [{'AttributeName': 'id', 'AttributeType': 'S'}], **more})


def drop(dynamo, *tables):
    for table in tables:
        try:
            dynamo.delete_table(TableName=table)
        except dynamo.exceptions.ResourceNotFoundException:
            pass


def fill(dynamo, name, items):
    """Create the table and write the items, in batches that BatchWriteItem takes."""
    create_table(dynamo, name)
    batches, batch, weight = [], [], 0
    for item in items:
        size = weigh(item)
        if batch and (len(batch) == 25 or weight + size > 4_000_000):
            batches.append(batch)
            batch, weight = [], 0
        batch.append({'PutRequest': {'Item': item}})
        weight += size
    if batch:
        batches.append(batch)

    def write(one):
        left = {name: one}
        while left:
            left = dynamo.batch_write_item(RequestItems=left)['UnprocessedItems']
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(write, batches))
    return items


def weigh(typed):
    """Roughly the bytes of a value, to fill batches."""
    if isinstance(typed, dict):
        return sum(len(name) + weigh(inner) for name, inner in typed.items()) + 4
    if isinstance(typed, list):
        return sum(map(weigh, typed)) + 4
    return len(typed) if isinstance(typed, (str, bytes)) else 8


# Typed JSON, judged by boto3.
def from_wire(typed):
    """A value as it stands in typed JSON, with base64 where boto3 has bytes."""
    (kind, inner), = typed.items()
    if kind == 'B':
        return {'B': base64.b64decode(inner, validate=True)}
    if kind == 'BS':
        return {'BS': [base64.b64decode(one, validate=True) for one in inner]}
    if kind == 'M':
        return {'M': {name: from_wire(one) for name, one in inner.items()}}
    if kind == 'L':
        return {'L': [from_wire(one) for one in inner]}
    return typed


class Deserializer(TypeDeserializer):
    """boto3's, but for numbers: DynamoDB writes 1E+125 out as 126 digits, at which boto3's own 38-digit context raises."""

    def _deserialize_n(self, value):
        return decimal.Decimal(value)


_deserialize = Deserializer().deserialize


def python_of(item):
    """An item as boto3 gives it to Python programs: numbers Decimal, sets set; comparable with ==."""
    return {name: _deserialize(typed) for name, typed in item.items()}


def assert_same_typed(source, wire_items):
    """The parsed {"Item": ...} lines hold exactly the source items."""
    got = {}
    for wire in wire_items:
        item = python_of({name: from_wire(typed) for name, typed in wire.items()})
        assert item['id'] not in got, f'{item["id"]!r} came twice'
        got[item['id']] = item
    assert len(got) == len(source), f'{len(got)} items came back of {len(source)}'
    for item in source:
        assert got[item['id']['S']] == python_of(item), f'{item["id"]["S"]!r} came back changed'


# Plain JSON, judged by product.md: numbers verbatim, binary base64, sets as arrays.
def difference(typed, plain, path=''):
    """Where `plain` is not what `typed` says, or None. Numbers were parsed as Decimal; the order in sets is free."""
    (kind, inner), = typed.items()
    if kind == 'M':
        if not isinstance(plain, dict) or plain.keys() != inner.keys():
            return f'{path}: {str(plain)[:80]!r} is not the map'
        return next(filter(None, (difference(inner[name], plain[name], f'{path}.{name}') for name in inner)), None)
    if kind == 'L':
        if not isinstance(plain, list) or len(plain) != len(inner):
            return f'{path}: not a list of {len(inner)}'
        return next(filter(None, (difference(one, got, f'{path}[{n}]') for n, (one, got) in enumerate(zip(inner, plain)))), None)
    if kind in ('SS', 'NS', 'BS'):
        if not isinstance(plain, list) or any(isinstance(one, bool) for one in plain):
            return f'{path}: not an array'
        wanted = [leaf(kind[0], one) for one in inner]
        return None if sorted(map(repr_of, wanted)) == sorted(map(repr_of, plain)) else f'{path}: the set differs: {str(plain)[:80]}'
    wanted = leaf(kind, inner)
    same = type(wanted) is type(plain) and wanted == plain
    return None if same else f'{path}: {str(plain)[:80]!r} is not {kind} {str(wanted)[:80]!r}'


def leaf(kind, inner):
    if kind == 'N':
        return decimal.Decimal(inner)
    if kind == 'B':
        return base64.b64encode(inner).decode()
    return None if kind == 'NULL' else inner


def repr_of(value):
    return str((value + 0).normalize()) if isinstance(value, decimal.Decimal) else f's{value}'  # -0 is 0


def assert_same_plain(source, plain_items):
    got = {}
    for plain in plain_items:
        assert plain['id'] not in got, f'{plain["id"]!r} came twice'
        got[plain['id']] = plain
    assert len(got) == len(source), f'{len(got)} items came back of {len(source)}'
    with decimal.localcontext(decimal.Context(prec=60)):
        for item in source:
            wrong = difference({'M': item}, got[item['id']['S']])
            assert not wrong, f'{item["id"]["S"]!r}{wrong}'
