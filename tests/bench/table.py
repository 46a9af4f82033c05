# SPDX-License-Identifier: Apache-2.0
"""The bench's one table: a row a process, its ratio to the floor beside it."""
import collections
import sys

Row = collections.namedtuple('Row', 'what kind megabytes cost seen ratio')


class Table:
    HEAD = ('what', 'items', 'MB', 'CPU s/GB', 'user', 'sys', 'wall s', 'peak MiB', 'in flight', 'of the floor', 'note')

    def __init__(self):
        self.rows = []

    def add(self, what, kind, megabytes, cost, seen, base=None):
        self.rows.append(Row(what, kind, megabytes, cost, seen, cost.per_gb / base.per_gb if base else None))
        if sys.stderr.isatty():
            print('  '.join(self.cells(self.rows[-1])), file=sys.stderr)

    def find(self, what, kind=None):
        """The rows called so, in the order of their tables' sizes."""
        found = [row for row in self.rows if row.what == what and kind in (None, row.kind)]
        return sorted(found, key=lambda row: row.megabytes)

    @staticmethod
    def cells(row):
        cost = row.cost
        return (row.what, row.kind, str(row.megabytes), f'{cost.per_gb:.2f}', f'{cost.user:.2f}', f'{cost.system:.2f}',
                f'{cost.wall:.2f}', f'{cost.peak:.0f}', str(row.seen['most_scanning']),
                '' if row.ratio is None else f'{row.ratio:.2f}', cost.note)

    def text(self):
        rows = [self.HEAD, *map(self.cells, self.rows)]
        widths = [max(len(row[i]) for row in rows) for i in range(len(self.HEAD))]
        return '\n'.join('  '.join(cell.ljust(width) if i in (0, 1, len(row) - 1) else cell.rjust(width)
                                   for i, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in rows) + '\n'
