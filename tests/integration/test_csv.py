# SPDX-License-Identifier: Apache-2.0
"""Format=csv: Python's csv module reads it back, and every cell is what a converter written here, from product.md alone, makes of the item
in the table; json and dynamodb-json come from the same Scan."""
import csv
import io
import re
import subprocess

import pytest
from backups import Backup, all_keys, parse, uploads
from items import assert_same_plain, assert_same_typed, create_table, difference, fill, leaf, make
from mail import box, links

ALL = 'dynamodb-json json csv'
csv.field_size_limit(1 << 30)


@pytest.fixture(scope='module')
def table(dynamo):
    """2,000 items of every type, those at the limits among them; their source."""
    return fill(dynamo, 'csv-mixed', make(2000, seed=77))


# The judge.
def quotes(text):
    """For each row, which of its cells stand in quotes: what Python's reader does not tell."""
    rows, row = [], []
    for found in re.finditer(r'("(?:[^"]|"")*"|[^",\r\n]*)(,|\r\n)', text):
        row.append(found[1].startswith('"'))
        if found[2] == '\r\n':
            rows.append(row)
            row = []
    return rows


def read(backup):
    """The header, and [{column: (text, was it in quotes)}] of all objects."""
    header, out = None, []
    for entry, data in backup.plain_texts('csv'):
        text = data.decode('utf-8')
        assert not text.startswith('\ufeff') and text.endswith('\r\n')
        rows = list(csv.reader(io.StringIO(text, newline=''), strict=True))
        quoted = quotes(text)
        assert header in (None, rows[0]), 'the objects have different headers'
        header = rows[0]
        assert len(set(header)) == len(header) and header[-1] == '_more'
        assert {len(row) for row in rows} == {len(header)} and [len(row) for row in quoted] == [len(row) for row in rows]
        assert len(rows) - 1 == entry['items']
        out += [dict(zip(header, zip(row, marks))) for row, marks in zip(rows[1:], quoted[1:])]
    assert backup.output('csv')['columns'] == header and len(out) == backup.record['items']
    return header, out


def wrong_cell(typed, text, quoted):
    """Why the cell is not what the value says; None where it is."""
    (kind, inner), = typed.items() if typed else (('absent', None),)
    if kind in ('M', 'L', 'SS', 'NS', 'BS'):
        return difference(typed, parse(text))
    if kind == 'N':
        return None if not quoted and leaf('N', inner) == leaf('N', text) else 'another number'
    wanted = {'absent': lambda: '', 'NULL': lambda: 'null', 'BOOL': lambda: str(inner).lower(), 'S': lambda: inner,
              'B': lambda: leaf('B', inner)}[kind]()
    if text != wanted:
        return f'{text[:80]!r} is not {wanted[:80]!r}'
    mistaken = kind in ('S', 'B') and wanted in ('', 'null')
    if quoted != mistaken and (mistaken or kind not in ('S', 'B')):
        return f'{kind}: {"no quotes" if mistaken else "quotes"} around {text!r}'
    return None


def assert_same_rows(source, header, rows):
    got = {row['id'][0]: row for row in rows} if 'id' in header else {parse(row['_more'][0])['id']: row for row in rows}
    assert len(got) == len(rows) == len(source)
    for item in source:
        row, key = got[item['id']['S']], item['id']['S']
        for name in header[:-1]:
            wrong = wrong_cell(item.get(name), *row[name])
            assert not wrong, f'{key!r}.{name!r}: {wrong}'
        more = {name: typed for name, typed in item.items() if name not in header[:-1]}
        wrong = difference({'M': more}, parse(row['_more'][0])) if more else row['_more'][0]
        assert not wrong, f'{key!r}: _more: {wrong}'


def names_of(dynamo, table):
    """The attributes of the first page, in order of appearance."""
    page = dynamo.scan(TableName=table)['Items']
    return list(dict.fromkeys(['id'] + [name for item in page for name in item]))


# What comes back.
@pytest.mark.parametrize('columns', [None, 'id, name, "full name", điểm, "q""uote", 🎓, absent', 'name S'])
@pytest.mark.parametrize('segments, compression', [(1, 'none'), (1, 'gzip'), (4, 'zstd'), (4, None)])
def test_every_type_stands_in_its_cell(setup, s3, dynamo, table, segments, compression, columns):
    one = setup()
    more = {**({'Compression': compression} if compression else {}), **({'Columns': columns} if columns else {})}
    one.job('rows', Job={'Table': 'csv-mixed'}, Scan={'Segments': segments}, Destination={'Format': 'csv', **more})
    one.run('rows')
    backup = Backup(s3, 'student-backup', 'backups/rows/')
    header, rows = read(backup)
    if columns:
        assert header == next(csv.reader([columns], skipinitialspace=True)) + ['_more'] or header == columns.split() + ['_more']
    elif segments == 1:
        assert header == names_of(dynamo, 'csv-mixed') + ['_more']
    else:
        assert header[0] == 'id' and len(header) > 10
    assert_same_rows(table, header, rows)
    key, = (entry['key'] for entry in backup.output('csv')['objects'])
    assert key.endswith({'gzip': '.csv.gz', 'zstd': '.csv.zst'}.get(compression, '.csv'))
    assert backup.record['types']['SS'] > 0 and not any('/data/' in key for key in backup.keys)


def test_one_scan_feeds_all_three(setup, cloud, s3, table, medium_table):
    one = setup()
    one.job('three', Job={'Table': 'csv-mixed'}, Destination={'Format': ALL})
    one.run('three')
    scans, count = cloud.count('dynamodb', 'Scan'), len(table)
    backup = Backup(s3, 'student-backup', 'backups/three/')
    assert backup.record['formats'] == ALL.split() and backup.record['items'] == count and scans == backup.record['pages']
    assert_same_typed(table, backup.typed())
    assert_same_plain(table, backup.plain())
    assert_same_rows(table, *read(backup))
    one.job('medium', Destination={'Format': ALL}, Scan={'Segments': 3})
    one.run('medium')
    backup = Backup(s3, 'student-backup', 'backups/medium/')
    assert_same_rows(medium_table, *read(backup))
    parts = {name: backup.parts_items(name) for name in ALL.split()}
    assert len(parts['csv']) >= 3 and len(backup.record['cuts']) >= 2
    for cut in backup.record['cuts']:
        before = [sorted(one for part in parts[name][:cut['parts'][name]] for one in part) for name in parts]
        assert len(before[0]) == cut['items'] and before[0] == before[1] == before[2]
    assert uploads(s3, 'student-backup', 'backups/medium/') == []


def test_an_empty_table_is_a_header(setup, s3, dynamo):
    create_table(dynamo, 'csv-empty', KeySchema=[{'AttributeName': 'id', 'KeyType': 'HASH'}, {'AttributeName': 'range key', 'KeyType': 'RANGE'}],
                 AttributeDefinitions=[{'AttributeName': 'id', 'AttributeType': 'S'}, {'AttributeName': 'range key', 'AttributeType': 'N'}])
    one = setup()
    for name, columns, header in (('keys', {}, 'id,range key,_more'), ('asked', {'Columns': 'b "a,b"'}, 'b,"a,b",_more')):
        for compression in ('none', 'gzip', 'zstd'):
            one.job(name, Job={'Table': 'csv-empty'}, Destination={'Format': 'csv', 'Compression': compression, **columns})
            one.run(name)
            (_, text), = Backup(s3, 'student-backup', f'backups/{name}/').plain_texts('csv')
            assert text == header.encode() + b'\r\n'
            assert one.json('verify', f'{name}@latest', local=True)['items'] == 0


def test_what_looks_like_a_formula_or_a_column_is_kept_as_it_is(setup, s3, dynamo):
    source = [{'id': {'S': f'{n}'}, 'cell': {'S': text}, '_more': {'S': 'mine'}} for n, text in
              enumerate(['=1+1', '+1', '-1', '@x', ' x ', 'null', '', 'a,b', '"', "'", 'a\r\nb', '\r', '\x00', '\ufeffx', '1;2'])]
    fill(dynamo, 'csv-odd', source)
    one = setup()
    one.job('odd', Job={'Table': 'csv-odd'}, Destination={'Format': 'csv'})
    one.run('odd')
    header, rows = read(Backup(s3, 'student-backup', 'backups/odd/'))
    assert sorted(header) == ['_more', 'cell', 'id'] and {row['_more'][0] for row in rows} == {'{"_more":"mine"}'}
    assert_same_rows(source, header, rows)


# What is made of it.
@pytest.mark.parametrize('compression', ['none', 'gzip', 'zstd'])
def test_verify_reads_the_rows_back(setup, s3, medium_table, compression):
    one = setup()
    one.job('medium', Destination={'Format': 'csv', 'Compression': compression})
    one.run('medium')
    good = one.json('verify', 'medium@latest', local=True)
    assert good['result'] == 'good' and good['items'] == len(medium_table) and not good['damages']
    backup = Backup(s3, 'student-backup', 'backups/medium/')
    key = backup.output('csv')['objects'][0]['key']
    whole, meta = backup.body(key), s3.head_object(Bucket='student-backup', Key=key)['Metadata']
    places = [0, len(whole) // 3, len(whole) - 1] if compression != 'none' else [0, whole.index(b'\r\n'), len(whole) // 3, len(whole) - 1]
    for place in places:
        changed = bytearray(whole)
        changed[place] ^= 1
        s3.put_object(Bucket='student-backup', Key=key, Body=bytes(changed), Metadata=meta)
        bad = one.json('verify', 'medium@latest', local=True, status=1)
        assert bad['result'] == 'damaged' and {damage['object'] for damage in bad['damages']} == {key}
    s3.put_object(Bucket='student-backup', Key=key, Body=whole[:-2], Metadata=meta)
    assert one.json('verify', 'medium@latest', local=True, status=1)['damages'][0]['object'] == key


def test_csv_alone_does_not_restore_and_says_so(setup, s3, small_table):
    one = setup()
    one.job('small', Destination={'Format': 'csv'})
    one.run('small')
    said = one.ctl('restore', 'small@latest', '--table', 'never', local=True, status=1).stderr
    assert 'csv alone' in said and 'Format=dynamodb-json' in said
    key = Backup(s3, 'student-backup', 'backups/small/').output('csv')['objects'][0]['key']
    said = one.ctl('restore', f's3://student-backup/{key}', '--table', 'never', '--assume-plain', '--region', 'us-east-1', local=True, status=1).stderr
    assert 'is csv' in said
    assert 'csv' in one.ctl('list', 'small', local=True).stdout and key in one.ctl('show', 'small@latest', local=True).stdout


def test_links_lead_to_what_a_person_opens(setup, cloud, s3, small_table, tmp_path):
    one = setup()
    for name, formats in (('small', 'dynamodb-json csv'), ('both', 'csv json')):
        one.job(name, Job={'Table': 'small'}, Destination={'Format': formats},
                Email={'From': 'backup@example.edu.vn', 'To': f'csv-{name}@example.edu.vn'})
    one.start()
    for name, kinds in (('small', ['csv']), ('both', ['json', 'csv'])):
        one.run(name, local=False)
        one.wait(lambda: box(cloud, f'csv-{name}@example.edu.vn'), 'a mail')
        found = links(box(cloud, f'csv-{name}@example.edu.vn')[-1])
        assert [link.split('?')[0].rsplit('.', 1)[1] for link in found] == kinds
        assert [link['key'].rsplit('.', 1)[1] for link in one.json('link', f'{name}@latest')['links']] == kinds
        subprocess.run(['curl', '-sfo', tmp_path / 'got.csv', found[-1]], check=True)
        with open(tmp_path / 'got.csv', encoding='utf-8', newline='') as file:
            assert sum(1 for _ in csv.reader(file, strict=True)) == len(small_table) + 1
    key = Backup(s3, 'student-backup', 'backups/small/').output('csv')['objects'][0]['key']
    assert s3.head_object(Bucket='student-backup', Key=key)['ContentType'] == 'text/csv; charset=utf-8'


@pytest.mark.parametrize('operation, fault', [('CreateMultipartUpload', 'close'), ('UploadPart', '503'), ('CompleteMultipartUpload', 'lost')])
def test_an_upload_of_rows_recovers(setup, cloud, s3, medium_table, operation, fault):
    one = setup()
    one.job('medium', Destination={'Format': 'json csv'})
    action, more = {'503': ('error', {'status': 503, 'code': 'SlowDown'})}.get(fault, (fault, {}))
    cloud.fault('s3', action, operation, count=1, **more)
    one.run('medium')
    backup = Backup(s3, 'student-backup', 'backups/medium/')
    assert_same_rows(medium_table, *read(backup))
    assert_same_plain(medium_table, backup.plain())
    assert uploads(s3, 'student-backup', 'backups/medium/') == []
    assert len([key for key in all_keys(s3, 'student-backup', 'backups/medium/') if not key.startswith(backup.home)]) == 2


def test_columns_that_are_none_are_refused(setup):
    one = setup()
    for more, words in (({'Format': 'json', 'Columns': 'a'}, 'does nothing without csv'), ({'Format': 'csv', 'Columns': 'a,,b'}, 'empty'),
                        ({'Format': 'csv', 'Columns': 'a b a'}, 'twice'), ({'Format': 'csv', 'Columns': 'a,_more'}, '_more')):
        one.job('refused', Job={'Table': 'small'}, Destination=more)
        said = one.ctl('check', status=1)
        assert 'Columns' in said.stdout + said.stderr and words in said.stdout + said.stderr
