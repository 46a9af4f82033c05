# SPDX-License-Identifier: Apache-2.0
"""Stories of one kind each, beside the runs of kill.py that are killed again and again. Each is told on a Stage of kill.py's."""
from world import BUCKET, Wrong

import items  # noqa: E402
from backups import Backup, all_keys  # noqa: E402
from mail import box  # noqa: E402

BOTH = 'dynamodb-json json'


class Shrinking:
    """Items are deleted between a death and the return, so that fewer files follow than there were."""

    def __init__(self, formats):
        self.name, self.formats = f'shrink-{len(formats)}', formats

    def title(self):
        return f'a table that shrinks, {self.formats}'

    def tell(self, stage):
        source = items.sized(6000, 8000, seed=len(self.formats))
        table = f'shrinking-{len(self.formats)}'
        items.fill(stage.world.dynamo, table, source)
        stage.prepare()
        stage.job(self.name, formats=self.formats, table=table)
        stage.cloud.fault('dynamodb', 'delay', 'Scan', wait=0.03)
        stage.setup.start()
        know = stage.begin(self.name)
        stage.hold('PutObject', '/data/00004', 'before')  # so that there is a file behind the last cut
        stage.wait(lambda: know.outcome() or self.stray(stage), 'a file behind the one that is held')
        stage.must_run(know)
        stage.setup.kill()
        stage.cloud.release(drop=True)
        stray = self.stray(stage)
        read = Shrinking.scan(stage.world.dynamo, table)
        gone = read[len(read) // 2:]  # in the scan's order: what it had not come to
        for at in range(0, len(gone), 25):
            stage.world.dynamo.batch_write_item(RequestItems={table: [{'DeleteRequest': {'Key': {'id': one['id']}}} for one in gone[at:at + 25]]})
        stage.setup.start()
        outcome, error = stage.wait_end(know)
        if outcome != 'success':
            raise Wrong(f'the run ended as {outcome}: {error}')
        backup = Backup(stage.s3, BUCKET, f'backups/{self.name}/')
        if stray in backup.keys:
            raise Wrong(f'{stray}, which no cut held, is still there')
        self.must_fit(backup, source, {one['id']['S'] for one in gone})

    def stray(self, stage):
        return next((key for key in all_keys(stage.s3, BUCKET, f'backups/{self.name}/') if '/data/00005.' in key), None)

    @staticmethod
    def scan(dynamo, table):
        return [one for page in dynamo.get_paginator('scan').paginate(TableName=table, ProjectionExpression='id') for one in page['Items']]

    def must_fit(self, backup, source, gone):
        """typed_lines() holds data/ to the manifest: each file once, and no other."""
        wanted = {one['id']['S']: one for one in source}
        for name, found in (('dynamodb-json', [line['id']['S'] for line in backup.typed()]),
                            *((('json', [one['id'] for one in backup.plain()]),) if 'json' in backup.formats else ())):
            if len(set(found)) != len(found):
                raise Wrong(f'{name}: {len(found) - len(set(found))} keys stand twice')
            missing = set(wanted) - gone - set(found)
            if missing:
                raise Wrong(f'{name}: {len(missing)} items that never went are missing')
        for line in backup.typed():
            if items.python_of({name: items.from_wire(value) for name, value in line.items()}) != items.python_of(wanted[line['id']['S']]):
                raise Wrong(f'{line["id"]} came back changed')


class Deadly:
    """The daemon dies three times at the same point of one job's run; that one has failed then, and another job's has not."""
    name = 'deadly'

    def title(self):
        return 'a run that kills the daemon each time'

    def tell(self, stage):
        stage.prepare(daemon={'MaxConcurrentJobs': 2})
        place = stage.job('deadly', Email={'From': 'b@example.edu', 'To': 'deadly@example.edu'})
        good = stage.job('good', table='other')
        stage.setup.start()
        stage.cloud.fault('dynamodb', 'hold', 'Scan', target='small', skip=2)
        know = stage.begin('deadly')
        beside = stage.begin('good')
        for death in range(3):
            stage.wait(lambda: stage.is_held() or know.outcome(), 'the deadly page')
            stage.must_run(know)
            stage.setup.kill()
            stage.cloud.release(drop=True)
            if death < 2:
                stage.cloud.fault('dynamodb', 'hold', 'Scan', target='small')
            stage.setup.start()
        outcome, error = stage.wait_end(know)
        if outcome == 'success':
            raise Wrong('a run under which the daemon has died three times without a new cut was resumed again')
        place.must_be_empty()
        if stage.wait_end(beside)[0] != 'success':
            raise Wrong(f'the other job: {beside.outcome()}')
        good.must_hold(stage.sources['other'])
        stage.wait(lambda: box(stage.cloud, 'deadly@example.edu'), 'the mail of the failure')
        if stage.setup.json('list', 'deadly')['backups']:
            raise Wrong('`list` shows the run that failed')
        print(f'   three deaths: {error}', flush=True)


class Stopping:
    """SIGTERM in the middle, and a start: the run is resumed, and nowhere stands that it had failed."""
    name = 'stopping'

    def __init__(self, segments):
        self.segments = segments

    def title(self):
        return f'SIGTERM, {self.segments} segment{"s" if self.segments > 1 else ""}'

    def tell(self, stage):
        stage.prepare(daemon={'StopTimeout': '1s'})
        place = stage.job(self.name, segments=self.segments, Email={'From': 'b@example.edu', 'To': 'stopping@example.edu', 'On': 'failure'})
        stage.cloud.fault('dynamodb', 'delay', 'Scan', wait=0.03 * min(self.segments, 4))
        stage.setup.start()
        know = stage.begin(self.name)
        for _ in range(2):
            stage.wait_cuts(know, know.cuts() + 1)
            stage.stop()
            row = know.row()
            if not row or not row['stopped'] or row['deaths']:
                raise Wrong(f'after SIGTERM the state says {row}, {know.outcome()}')
            stage.setup.start()
            self.must_not_have_failed(stage)
        outcome, error = stage.wait_end(know)
        if outcome != 'success':
            raise Wrong(f'the run ended as {outcome}: {error}')
        place.must_hold(stage.sources['small'])
        self.must_not_have_failed(stage)
        rows = know.ask('SELECT run, outcome FROM runs WHERE job = ?', self.name)
        if rows != [(know.run, 'success')]:
            raise Wrong(f'the history has {rows}')
        if box(stage.cloud, 'stopping@example.edu'):
            raise Wrong('a stop was mailed as a failure')

    def must_not_have_failed(self, stage):
        job, = stage.setup.json('status', self.name)['jobs']
        if (job.get('last') or {}).get('result') not in (None, 'success'):
            raise Wrong(f'`status` says {job["last"]}')
