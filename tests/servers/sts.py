# SPDX-License-Identifier: Apache-2.0
"""STS: AssumeRole and GetCallerIdentity over the Query API, with the rules that AWS has and stand-ins forget.

config: `roles` = {role ARN: {trust: [principal ARNs], external_id, max_duration (3600), ttl}}. `ttl` makes the credentials
die earlier than asked, for tests that cannot wait 15 minutes; `credentials` hands out one fixed pair. Chained roles get one
hour at most.
"""
import re
from urllib.parse import parse_qsl

from .keys import iso, role_of
from .web import Failure, Response, Service, xml_text

NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/'
SESSION_NAME = re.compile(r'[\w+=,.@-]{2,64}', re.ASCII)


class Sts(Service):
    name = 'sts'
    judges = True
    REFUSALS = {
        'missing': (403, 'MissingAuthenticationToken'), 'malformed': (403, 'IncompleteSignature'),
        'unknown': (403, 'InvalidClientTokenId'), 'token': (403, 'InvalidClientTokenId'),
        'expired': (403, 'ExpiredToken'), '': (403, 'SignatureDoesNotMatch')}

    def form(self, request):
        text = request.query if request.method == 'GET' else request.body.decode('utf-8', 'replace')
        return dict(parse_qsl(text, keep_blank_values=True))

    def operation(self, request):
        return self.form(request).get('Action', 'unknown')

    def fail(self, request, failure):
        kind = 'Receiver' if failure.status >= 500 else 'Sender'
        return Response(failure.status, (
            f'<ErrorResponse xmlns="{NAMESPACE}">\n  <Error>\n    <Type>{kind}</Type>\n    <Code>{failure.code}</Code>\n'
            f'    <Message>{xml_text(failure.message)}</Message>\n  </Error>\n  <RequestId>{request.id}</RequestId>\n'
            '</ErrorResponse>\n').encode(), Content_Type='text/xml')

    def answer(self, request):
        caller = self.judge(request)
        form = self.form(request)
        if form.get('Version') != '2011-06-15':
            raise Failure(400, 'InvalidAction', f'Could not find operation for version {form.get("Version")}')
        if form.get('Action') == 'GetCallerIdentity':
            return self.wrap(request, 'GetCallerIdentity', f'<Arn>{caller.arn}</Arn><UserId>AIDA</UserId>'
                             f'<Account>{self.cloud.account}</Account>')
        if form.get('Action') != 'AssumeRole':
            raise Failure(400, 'InvalidAction', f'Could not find operation {form.get("Action")}')
        return self.assume(request, caller, form)

    def assume(self, request, caller, form):
        arn, session, external = form.get('RoleArn', ''), form.get('RoleSessionName', ''), form.get('ExternalId')
        request.note.update(role=arn, session=session, external_id=external, duration=form.get('DurationSeconds'))
        if not SESSION_NAME.fullmatch(session):
            raise Failure(400, 'ValidationError', f"1 validation error detected: Value '{session}' at 'roleSessionName' failed "
                          r'to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*')
        role = self.config.get('roles', {}).get(arn)
        if not role or role_of(caller.arn) not in role.get('trust', []) or role.get('external_id') not in (None, external):
            raise Failure(403, 'AccessDenied', f'User: {caller.arn} is not authorized to perform: sts:AssumeRole on resource: {arn}')
        life = self.duration(form.get('DurationSeconds', '3600'), role, caller)
        name = arn.rsplit('/', 1)[1]
        session_arn = f'{arn.split(":iam:")[0]}:sts::{arn.split(":")[4]}:assumed-role/{name}/{session}'
        key = self.cloud.keys.make_temporary(session_arn, min(life, role.get('ttl', life)))
        fixed = self.config.get('credentials')
        if fixed:
            key = self.cloud.keys.add(fixed['access_key'], fixed['secret_key'], session_arn, key.token, key.expires)
        return self.wrap(request, 'AssumeRole', (
            f'<Credentials>\n      <AccessKeyId>{key.access_key}</AccessKeyId>\n      <SecretAccessKey>{xml_text(key.secret_key)}'
            f'</SecretAccessKey>\n      <SessionToken>{xml_text(key.token)}</SessionToken>\n      <Expiration>{iso(key.expires)}'
            f'</Expiration>\n    </Credentials>\n    <AssumedRoleUser>\n      <AssumedRoleId>AROA3XFRBF23:{session}'
            f'</AssumedRoleId>\n      <Arn>{session_arn}</Arn>\n    </AssumedRoleUser>'))

    def duration(self, text, role, caller):
        if not text.isdigit() or not 900 <= int(text) <= 43200:
            raise Failure(400, 'ValidationError', f"1 validation error detected: Value '{text}' at 'durationSeconds' failed to "
                          'satisfy constraint: Member must have value between 900 and 43200')
        if role_of(caller.arn) != caller.arn and int(text) > 3600:
            raise Failure(400, 'ValidationError', 'The requested DurationSeconds exceeds the 1 hour session limit for roles '
                          'assumed by role chaining.')
        if int(text) > role.get('max_duration', 3600):
            raise Failure(400, 'ValidationError', 'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.')
        return int(text)

    def wrap(self, request, action, inner):
        return Response(200, (
            f'<{action}Response xmlns="{NAMESPACE}">\n  <{action}Result>\n    {inner}\n  </{action}Result>\n  <ResponseMetadata>\n'
            f'    <RequestId>{request.id}</RequestId>\n  </ResponseMetadata>\n</{action}Response>\n').encode(),
            Content_Type='text/xml')
