# SPDX-License-Identifier: Apache-2.0
"""What was asked of the daemon, each figure beside its bound. Nothing here fails: a figure over its bound says "missed", one that
this run did not take says so, with the option that takes it."""

WIDTH = 80
# What ours does, and the most that it may cost of its floor, small and mixed items alike; csv has no bound, nor have huge items.
RATIOS = [('dynamodb-json gzip', 1.5), ('dynamodb-json zstd', 1.5), ('json none', 2.5), ('csv gzip', None), ('csv none', None)]
OURS = 'dynamodb-json gzip'  # held against the peers
LAMBDA, LAMBDA_TIMES, PEER_TIMES = 'peer: Lambda, boto3', 100, {'small': 50, 'mixed': 25}
BOUND = ('small', 'mixed')  # the items that the bounds are for
FLAT, WIDE = 'gzip, BufferMemory=32M', 'gzip, 32M, 8 segments'  # rows of memory


def line(what, figure, text, most=None, least=None):
    """`figure` as `text`, and whether it is within its bound."""
    if most is not None:
        bound, missed = f'  (at most {most:g})', figure > most
    elif least is not None:
        bound, missed = f'  (at least {least:g})', figure < least
    else:
        bound, missed = '', False
    return f'{what:<{WIDTH}} {text:<9}{bound}{"  missed" if missed else ""}'


def absent(what, option):
    return f'{what:<{WIDTH}} {"-":<9}  (not measured: {option})'


def ratios(table):
    for tls in ('', ', TLS'):
        if tls and not table.find(OURS + tls):
            yield absent('CPU over TLS / the floor over TLS', '--tls')
        for name, most in RATIOS:
            rows = table.find(name + tls)
            for size in sorted({row.megabytes for row in rows}):
                alike = [row for row in rows if row.megabytes == size and not row.cost.note]
                told = ', '.join(f'{row.kind} {row.ratio:.2f}' for row in alike)
                bound = [row.ratio for row in alike if row.kind in BOUND]
                yield line(f'CPU, {name}{tls}, {size} MB / the floor', max(bound, default=0), told, most=most if bound else None)
            yield from (f'{row.what}, {row.kind} {row.megabytes} MB: {row.cost.note}' for row in rows if row.cost.note)


def against_peers(table):
    measured = [row for row in table.rows if row.what.startswith('peer:')]
    if not measured:
        yield absent('CPU of the peers / ours', '--peers')
        return
    for kind, times in PEER_TIMES.items():
        ours = table.find(OURS, kind)
        alive = [row for row in measured if row.kind == kind and not row.cost.note]
        if not ours or not alive:
            yield absent(f'CPU of the peers / ours, {kind}', f'--kinds {kind}, and a peer that lives')
            continue
        for row in alive:
            if row.what == LAMBDA:
                ratio = row.cost.per_gb / ours[0].cost.per_gb
                yield line(f'CPU, the Lambda / ours, {kind}', ratio, f'{ratio:.0f}', least=LAMBDA_TIMES)
        best = min(alive, key=lambda row: row.cost.per_gb)
        ratio = best.cost.per_gb / ours[0].cost.per_gb
        yield line(f'CPU, the best peer ({best.what[6:]}) / ours, {kind}', ratio, f'{ratio:.0f}', least=times)
    for row in measured:
        if row.cost.note:
            yield f'{row.what[6:]} died on {row.kind} items'


def memory(table):
    flat, wide = table.find(FLAT), table.find(WIDE)
    if not flat:
        yield absent('peak RSS', 'leave out --no-memory')
        return
    sizes = ' and '.join(f'{row.megabytes} MB' for row in flat)
    peaks = [row.cost.peak for row in flat]
    yield line(f'peak RSS in MiB, {FLAT}, {sizes}: {", ".join(f"{peak:.1f}" for peak in peaks)}', max(peaks), f'{max(peaks):.1f}', most=64)
    yield line(f'peak RSS, {flat[-1].megabytes} MB / {flat[0].megabytes} MB', peaks[-1] / peaks[0], f'{peaks[-1] / peaks[0]:.2f}', most=1.1)
    for row in wide:
        most = row.seen['most_scanning']
        yield line(f'segments in flight at once, of 8, {row.kind} {row.megabytes} MB', most, str(most), least=6)


def idle(found):
    if 'alone' not in found:
        yield absent('idle', 'leave out --no-memory')
        return
    (floor, _), ten, many = found['alone'], found['idle 10'], found['idle 10000']
    rss, dirty = ten['used']
    yield line('10 jobs after one run over TLS: Private_Dirty in MiB', dirty, f'{dirty:.1f}', most=6)
    yield line(f'10 jobs after one run over TLS: RSS ({rss:.1f} MiB) above the libraries alone ({floor:.1f})', rss - floor,
               f'{rss - floor:.1f}', most=4)
    yield line('10,000 jobs: start in s', many['up'], f'{many["up"]:.2f}', most=1)
    yield line('10,000 jobs: reload in s', many['reload'], f'{many["reload"]:.2f}', most=0.5)


def punctual(found):
    if 'woke' in found:
        yield line('10,000 jobs: wake-ups of all threads in an idle minute', found['woke'], str(found['woke']), most=0)
    else:
        yield absent('10,000 jobs: wake-ups of all threads in an idle minute', '--full or --many')
    for most, late in found.get('late', {}).items():
        yield line(f'1,000 jobs in one second, {most} at once: late by p99, ms', late, f'{late:.0f}', most=50)
    if 'late' not in found:
        yield absent('1,000 jobs in one second: late by p99, ms', '--many')


def slicers(found):
    if 'twins' not in found:
        return absent('slicers: differences', '--full')
    inputs, differences = found['twins']
    return line(f'slicers: differences between SIMD and portable on {inputs:,} inputs', differences, str(differences), most=0)


def text(table, found):
    """`found`: what is no row of the table, by the names that idle.py, many.py and run give it."""
    lines = [*ratios(table), *against_peers(table), *memory(table), *idle(found), *punctual(found), slicers(found),
             'resume and faults, read units: tests/run integration fault kill']
    return 'What was asked, and what this run saw:\n' + '\n'.join(lines)
