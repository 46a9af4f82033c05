# SPDX-License-Identifier: Apache-2.0
"""What DynamoDB Local lacks, in front of it: a strict look at every call's body, by botocore's own model of the service, and the
settings of a table that it does not know: tags, encryption, point-in-time recovery, deletion protection, table class.

Debian's botocore is older than three members; they are added to its model here, from the API reference.
"""
import base64
import binascii
import copy
import json
import threading
import time

import botocore.loaders
import botocore.model
import botocore.validate

from .web import Failure, Response

NEWER = {'CreateTableInput': {'DeletionProtectionEnabled': {'shape': 'DeletionProtectionEnabled'},
                              'OnDemandThroughput': {'shape': 'OnDemandThroughput'}},
         'UpdateTableInput': {'DeletionProtectionEnabled': {'shape': 'DeletionProtectionEnabled'}},
         'GlobalSecondaryIndex': {'OnDemandThroughput': {'shape': 'OnDemandThroughput'}},
         'PointInTimeRecoverySpecification': {'RecoveryPeriodInDays': {'shape': 'RecoveryPeriodInDays'}}}
SHAPES = {'DeletionProtectionEnabled': {'type': 'boolean'}, 'RecoveryPeriodInDays': {'type': 'integer', 'min': 1, 'max': 35},
          'OnDemandThroughput': {'type': 'structure', 'members': {'MaxReadRequestUnits': {'shape': 'LongObject'},
                                                                  'MaxWriteRequestUnits': {'shape': 'LongObject'}}}}
UPDATING_POLLS = 2  # how often a changed table says UPDATING before it is ACTIVE again


class Model:
    """The body of a call, held to botocore's model: members, types, lengths, required ones."""

    def __init__(self):
        raw = copy.deepcopy(botocore.loaders.Loader().load_service_model('dynamodb', 'service-2'))
        raw['shapes'].update({name: shape for name, shape in SHAPES.items() if name not in raw['shapes']})
        for name, members in NEWER.items():
            raw['shapes'][name]['members'] = {**members, **raw['shapes'][name]['members']}
        self.service = botocore.model.ServiceModel(raw, 'dynamodb')
        self.validator = botocore.validate.ParamValidator()
        self.checked = {}

    def check(self, operation, body):
        if operation not in self.service.operation_names:
            raise Failure(400, 'UnknownOperationException', f'{operation} is no operation of DynamoDB')
        shape = self.service.operation_model(operation).input_shape
        report = self.validator.validate(from_wire(body, shape), shape)
        if report.has_errors():
            raise Failure(400, 'ValidationException', f'{operation}: {report.generate_report()}')
        self.checked[operation] = self.checked.get(operation, 0) + 1


def from_wire(value, shape):
    """Blobs are base64 on the wire; a member that the model does not know is refused, which the validator does not do."""
    if shape.type_name == 'structure' and isinstance(value, dict):
        unknown = value.keys() - shape.members.keys()
        if unknown:
            raise Failure(400, 'ValidationException', f'{shape.name} has no member {", ".join(sorted(unknown))}')
        return {name: from_wire(inner, shape.members[name]) for name, inner in value.items()}
    if shape.type_name == 'map' and isinstance(value, dict):
        return {name: from_wire(inner, shape.value) for name, inner in value.items()}
    if shape.type_name == 'list' and isinstance(value, list):
        return [from_wire(inner, shape.member) for inner in value]
    if shape.type_name == 'blob':
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, TypeError) as wrong:
            raise Failure(400, 'SerializationException', f'{shape.name} is not base64') from wrong
    if getattr(shape, 'enum', None) and value not in shape.enum:
        raise Failure(400, 'ValidationException', f'{value!r} is not one of {shape.name}: {", ".join(shape.enum)}')
    return value


class Tables:
    """The settings that DynamoDB Local does not keep, kept here by the table's name."""

    def __init__(self, account, region):
        self.account, self.region = account, region
        self.lock = threading.Lock()
        self.known = {}

    def of(self, name):
        return self.known.setdefault(name, {'tags': {}, 'sse': None, 'pitr': False, 'protected': False, 'class': None, 'busy': 0,
                                            'backups_from': 0})

    def takes(self, operation, call):
        """The answer to a call that DynamoDB Local is not to see; None where it is."""
        method = getattr(self, f'do_{operation}', None)
        with self.lock:
            return method(call) if method else None

    def before(self, operation, call):
        """The call as DynamoDB Local is to see it."""
        if operation == 'CreateTable':
            with self.lock:
                self.known.pop(call['TableName'], None)
                table = self.of(call['TableName'])
                table['backups_from'] = time.monotonic() + 0.3  # AWS enables backups some time after the table is there
                table['tags'] = {tag['Key']: tag['Value'] for tag in call.get('Tags', [])}
                table['class'] = call.get('TableClass')
                table['protected'] = call.get('DeletionProtectionEnabled', False)
                table['sse'] = self.encryption(call.get('SSESpecification'))
            return {name: value for name, value in call.items()
                    if name not in ('Tags', 'TableClass', 'DeletionProtectionEnabled', 'SSESpecification', 'OnDemandThroughput')}
        if operation == 'DeleteTable' and self.of(call['TableName'])['protected']:
            raise Failure(400, 'ValidationException', f'Resource cannot be deleted as it is currently protected against deletion: '
                          f'{call["TableName"]}')
        return call

    def after(self, operation, call, answer):
        """What DynamoDB Local said, with what it does not know."""
        if operation != 'DescribeTable' or 'Table' not in answer:
            return answer
        with self.lock:
            table, said = self.of(call['TableName']), answer['Table']
            said['DeletionProtectionEnabled'] = table['protected']
            if table['class']:
                said['TableClassSummary'] = {'TableClass': table['class']}
            if table['sse']:
                said['SSEDescription'] = table['sse']
            if table['busy'] > 0:
                table['busy'] -= 1
                said['TableStatus'] = 'UPDATING'
        return answer

    def encryption(self, wanted):
        if not wanted or not wanted.get('Enabled'):
            return None
        key = wanted.get('KMSMasterKeyId') or f'arn:aws:kms:{self.region}:{self.account}:key/aws-managed'
        return {'Status': 'ENABLED', 'SSEType': wanted.get('SSEType', 'KMS'), 'KMSMasterKeyArn': key}

    def named_by(self, arn):
        prefix = f':{self.account}:table/'
        name = arn.partition(':table/')[2]
        if not name or (prefix not in arn and ':000000000000:table/' not in arn):  # the latter is DynamoDB Local's own account
            raise Failure(400, 'ValidationException', f'Invalid ResourceArn: {arn}')
        return self.of(name)

    def do_UpdateTable(self, call):
        if not call.keys() & {'SSESpecification', 'DeletionProtectionEnabled', 'TableClass'}:
            return None
        table = self.of(call['TableName'])
        if table['busy'] > 0:
            raise Failure(400, 'ResourceInUseException', f'Attempt to change a resource which is still in use: Table is being '
                          f'updated: {call["TableName"]}')
        if 'SSESpecification' in call:
            table['sse'] = self.encryption(call['SSESpecification'])
        if 'DeletionProtectionEnabled' in call:
            table['protected'] = call['DeletionProtectionEnabled']
        if 'TableClass' in call:
            table['class'] = call['TableClass']
        table['busy'] = UPDATING_POLLS
        return {'TableDescription': {'TableName': call['TableName'], 'TableStatus': 'UPDATING'}}

    def do_TagResource(self, call):
        if any(tag['Key'].startswith('aws:') for tag in call['Tags']):
            raise Failure(400, 'ValidationException', 'aws: prefixed tag key names are not allowed for external use')
        self.named_by(call['ResourceArn'])['tags'].update({tag['Key']: tag['Value'] for tag in call['Tags']})
        return {}

    def do_ListTagsOfResource(self, call):
        return {'Tags': [{'Key': key, 'Value': value} for key, value in self.named_by(call['ResourceArn'])['tags'].items()]}

    def do_UpdateContinuousBackups(self, call):
        table = self.of(call['TableName'])
        if time.monotonic() < table['backups_from']:
            raise Failure(400, 'ContinuousBackupsUnavailableException', 'Backups are being enabled for the table: '
                          f'{call["TableName"]}. Please retry later')
        table['pitr'] = call['PointInTimeRecoverySpecification']['PointInTimeRecoveryEnabled']
        return self.do_DescribeContinuousBackups(call)

    def do_DescribeContinuousBackups(self, call):
        status = 'ENABLED' if self.of(call['TableName'])['pitr'] else 'DISABLED'
        return {'ContinuousBackupsDescription': {'ContinuousBackupsStatus': 'ENABLED', 'PointInTimeRecoveryDescription': {
            'PointInTimeRecoveryStatus': status}}}


def json_response(answer):
    return Response(200, json.dumps(answer).encode(), Content_Type='application/x-amz-json-1.0')
