# SPDX-License-Identifier: Apache-2.0
"""The port by which tests command the cloud, unsigned; see tests/lib/cloud.py for its client.

    GET  /counts /seen/SERVICE /asked (pages) /faults /logs /objects/BUCKET /uploads/BUCKET
    POST /faults {rule}   /reset (faults and counts)   /release {drop}   /clock {offset}   /config/SERVICE {...} (merged)
    POST /keys {access_key, secret_key, arn, token, expires}   /expire {access_key or none}   /bucket {name, ...}   /region {bucket, region}   /empty {keep: prefix}
    POST /bucket_config {bucket, ...} (merged)   POST /age {bucket, prefix, seconds}: its objects were written so much earlier   GET /hidden/BUCKET: keys that a DELETE hid
    POST /rot {bucket, key, at, xor}: one byte of an object changes, and nothing else of it
"""
import json

from .web import Failure, Response, Service, json_error


class Admin(Service):
    name = 'admin'

    def operation(self, request):
        return request.path

    def fail(self, request, failure):
        return json_error(request, failure)

    def answer(self, request):
        first, _, rest = request.path[1:].partition('/')
        call = getattr(self, f'{request.method.lower()}_{first}', None)
        if not call:
            raise Failure(404, 'NotFound', request.path)
        try:
            result = call(rest, request.json() if request.body else {})
        except (KeyError, TypeError, ValueError) as wrong:
            raise Failure(400, 'BadCommand', repr(wrong)) from wrong
        return Response(200, json.dumps(result).encode(), Content_Type='application/json')

    def get_counts(self, _rest, _body):
        return {name: {'counts': dict(service.counts), 'most_at_once': dict(service.most_at_once)}
                for name, service in self.cloud.services.items()}

    def get_seen(self, rest, _body):
        return list(self.cloud.services[rest].seen)

    def get_asked(self, _rest, _body):
        return list(self.cloud.services['dynamodb'].asked)

    def get_faults(self, _rest, _body):
        return self.cloud.faults.all()

    def get_logs(self, _rest, _body):
        return self.cloud.services['logs'].state()

    def get_checked(self, _rest, _body):
        return self.cloud.services['dynamodb'].checked()

    def get_tables(self, rest, _body):
        return self.cloud.services['dynamodb'].settings(rest)

    def post_tables(self, rest, body):
        return self.cloud.services['dynamodb'].settings(rest, body)

    def get_objects(self, rest, _body):
        bucket = self.cloud.services['s3'].buckets[rest]
        return {key: {'size': thing.size, 'etag': thing.etag, 'headers': thing.headers, 'tags': thing.tags,
                      'checksum': thing.checksum} for key, thing in list(bucket.objects.items())}

    def get_uploads(self, rest, _body):
        bucket = self.cloud.services['s3'].buckets[rest]
        return [{'key': upload.key, 'id': upload.id, 'parts': len(upload.parts)} for upload in list(bucket.uploads.values())]

    def get_hidden(self, rest, _body):
        return sorted(self.cloud.services['s3'].buckets[rest].hidden)

    def post_age(self, _rest, body):
        for key, thing in self.cloud.services['s3'].buckets[body['bucket']].objects.items():
            if key.startswith(body['prefix']):
                thing.written -= body['seconds']

    def post_faults(self, _rest, body):
        return self.cloud.faults.add(body)

    def post_reset(self, _rest, _body):
        self.cloud.faults.clear()
        for service in self.cloud.services.values():
            service.reset()

    def post_release(self, _rest, body):
        self.cloud.faults.release(bool(body.get('drop')))

    def post_clock(self, _rest, body):
        self.cloud.keys.offset = float(body['offset'])

    def post_config(self, rest, body):
        service = self.cloud.services[rest]
        service.config.update(body)
        service.configured()

    def post_keys(self, _rest, body):
        return self.cloud.keys.add(**body).as_dict()

    def post_expire(self, _rest, body):
        self.cloud.keys.expire(body.get('access_key'))

    def post_bucket_config(self, _rest, body):
        self.cloud.services['s3'].buckets[body.pop('bucket')].config.update(body)

    def post_bucket(self, _rest, body):
        self.cloud.services['s3'].make_bucket(body.pop('name'), body)

    def post_rot(self, _rest, body):
        thing = self.cloud.services['s3'].buckets[body['bucket']].object(body['key'])
        whole = bytearray(b''.join(thing.pieces))
        whole[body['at']] ^= body['xor']
        thing.pieces = [bytes(whole)]

    def post_region(self, _rest, body):
        self.cloud.services['s3'].buckets[body['bucket']].region = body['region']

    def post_empty(self, _rest, body):
        for bucket in self.cloud.services['s3'].buckets.values():
            bucket.uploads.clear()
            bucket.hidden.clear()
            for key in [key for key in bucket.objects if not key.startswith(body['keep'])]:
                del bucket.objects[key]
