# SPDX-License-Identifier: Apache-2.0
"""One TLS front that answers to AWS's own names, for tests with no endpoint override: a test CA made on the fly, a
certificate for every name, and a router by Host to the services of this process.

    dynamodb.REGION.amazonaws.com, ACCOUNT.ddb.REGION..., BUCKET.s3.REGION..., email.REGION..., sts.REGION..., logs.REGION...
"""
import pathlib
import ssl
import subprocess

from .web import Failure, Service

PREFIXES = {'dynamodb': 'dynamodb', 'ddb': 'dynamodb', 's3': 's3', 'email': 'ses', 'sts': 'sts', 'logs': 'logs'}


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_ca(folder):
    """ca.pem and ca.key in `folder`, made once."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / 'ca.pem').exists():
        run('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30', '-subj',
            '/CN=dynamodb-backupd test CA', '-keyout', str(folder / 'ca.key'), '-out', str(folder / 'ca.pem'))
    return folder / 'ca.pem'


def make_certificate(folder, name, names, days=30):
    """NAME.pem and NAME.key for DNS names and addresses, signed by the CA of `folder`."""
    folder = pathlib.Path(folder)
    make_ca(folder)
    kinds = ','.join(('IP:' if text.replace('.', '').isdigit() or ':' in text else 'DNS:') + text for text in names)
    extensions = folder / f'{name}.ext'
    extensions.write_text(f'subjectAltName={kinds}\n')
    run('openssl', 'req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', f'/CN={names[0]}'[:64],
        '-keyout', str(folder / f'{name}.key'), '-out', str(folder / f'{name}.csr'))
    run('openssl', 'x509', '-req', '-in', str(folder / f'{name}.csr'), '-CA', str(folder / 'ca.pem'), '-CAkey',
        str(folder / 'ca.key'), '-CAcreateserial', '-days', str(days), '-extfile', str(extensions), '-out',
        str(folder / f'{name}.pem'))
    return folder / f'{name}.pem', folder / f'{name}.key'


def context(folder, name, names):
    pem, key = make_certificate(folder, name, names)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(pem, key)
    return made


def aws_names(region, buckets=()):
    names = [f'{prefix}.{region}.amazonaws.com' for prefix in PREFIXES] + [f'*.s3.{region}.amazonaws.com',
                                                                         f'*.ddb.{region}.amazonaws.com']
    return names + [f'{bucket}.s3.{region}.amazonaws.com' for bucket in buckets] + ['localhost', '127.0.0.1']


class Router(Service):
    """Stands before the services and passes each request on by its Host; counts and faults are theirs."""
    name = 'tls'

    def pick(self, request):
        host = request.header('host', '').split(':')[0]
        for label in host.split('.'):
            if label in PREFIXES and PREFIXES[label] in self.cloud.services:
                return self.cloud.services[PREFIXES[label]]
        return None

    def serve(self, request):
        service = self.pick(request)
        if service:
            return service.serve(request)
        return self.fail(request, Failure(421, 'Misdirected', f'no service answers to {request.header("host")}')), None
