# SPDX-License-Identifier: Apache-2.0
"""CloudWatch Logs: groups, streams, retention and PutLogEvents with every limit of the service.

What came is read by tests through the admin port (`GET /logs`). Outages and denials are faults like any other.
"""
import json

from .web import Failure, Response, Service

DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
DAY_MS = 24 * 3600 * 1000


class Logs(Service):
    name = 'logs'
    judges = True
    PREFIX = 'Logs_20140328.'

    def __init__(self, cloud, config):
        super().__init__(cloud, config)
        self.groups = {}  # name -> {'retention': days or None, 'streams': {name: [events]}}

    def operation(self, request):
        return request.header('x-amz-target', '').replace(self.PREFIX, '') or 'unknown'

    def state(self):
        return self.groups

    def answer(self, request):
        self.judge(request)
        if request.header('content-type') != 'application/x-amz-json-1.1' or request.method != 'POST':
            raise Failure(400, 'SerializationException', 'Content-Type must be application/x-amz-json-1.1')
        call = {'CreateLogGroup': self.create_group, 'CreateLogStream': self.create_stream, 'PutLogEvents': self.put,
                'PutRetentionPolicy': self.retain}.get(self.operation(request))
        if not call:
            raise Failure(400, 'UnknownOperationException', self.operation(request))
        try:
            body = request.json()
        except ValueError as wrong:
            raise Failure(400, 'SerializationException', str(wrong)) from wrong
        with self._lock:
            result = call(body)
        return Response(200, json.dumps(result).encode() if result is not None else b'',
                        Content_Type='application/x-amz-json-1.1')

    def group(self, body):
        group = self.groups.get(body.get('logGroupName'))
        if group is None:
            raise Failure(400, 'ResourceNotFoundException', 'The specified log group does not exist.')
        return group

    def create_group(self, body):
        if body['logGroupName'] in self.groups:
            raise Failure(400, 'ResourceAlreadyExistsException', 'The specified log group already exists')
        self.groups[body['logGroupName']] = {'retention': None, 'streams': {}}

    def create_stream(self, body):
        streams = self.group(body)['streams']
        if ':' in body['logStreamName'] or '*' in body['logStreamName'] or not 1 <= len(body['logStreamName']) <= 512:
            raise Failure(400, 'InvalidParameterException', "Value at 'logStreamName' failed to satisfy constraint")
        if body['logStreamName'] in streams:
            raise Failure(400, 'ResourceAlreadyExistsException', 'The specified log stream already exists')
        streams[body['logStreamName']] = []

    def retain(self, body):
        if body.get('retentionInDays') not in DAYS:
            raise Failure(400, 'InvalidParameterException', f"retentionInDays must be one of {DAYS}")
        self.group(body)['retention'] = body['retentionInDays']

    def put(self, body):
        events = body.get('logEvents') or []
        stream = self.group(body)['streams'].get(body.get('logStreamName'))
        if stream is None:
            raise Failure(400, 'ResourceNotFoundException', 'The specified log stream does not exist.')
        times = [event['timestamp'] for event in events]
        size = sum(len(event['message'].encode()) + 26 for event in events)
        if not 1 <= len(events) <= 10000:
            raise Failure(400, 'InvalidParameterException', f'{len(events)} events; 1 to 10000 are taken')
        if size > 1048576:
            raise Failure(400, 'InvalidParameterException', f'Upload too large: {size} bytes exceeds limit of 1048576')
        if any(not event['message'] for event in events):
            raise Failure(400, 'InvalidParameterException', 'Log event message must not be empty')
        if times != sorted(times):
            raise Failure(400, 'InvalidParameterException', 'Log events in a single PutLogEvents request must be in '
                          'chronological order.')
        if times[-1] - times[0] > DAY_MS:
            raise Failure(400, 'InvalidParameterException', 'The batch of log events in a single PutLogEvents request cannot '
                          'span more than 24 hours.')
        return self.keep(stream, events)

    def keep(self, stream, events):
        now = self.cloud.keys.now() * 1000
        old = sum(1 for event in events if event['timestamp'] < now - 14 * DAY_MS)
        new = next((n for n, event in enumerate(events) if event['timestamp'] > now + 2 * 3600 * 1000), None)
        stream.extend(events[old:new])
        result = {'nextSequenceToken': '49590302952321826246302661567'}
        if old or new is not None:
            result['rejectedLogEventsInfo'] = {**({'tooOldLogEventEndIndex': old} if old else {}),
                                               **({'tooNewLogEventStartIndex': new} if new is not None else {})}
        return result
