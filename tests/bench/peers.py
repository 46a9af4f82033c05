# SPDX-License-Identifier: Apache-2.0
"""What others run: the well-known Lambda with pagination, by boto3; `aws dynamodb scan` and `aws s3 cp`; a careful Node program
(AWS SDK v3, segments in parallel, a stream through gzip into lib-storage), where node and npm are at hand. Each is one whole
process on a small table; a peer that dies says so."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

LAMBDA = '''
import decimal, json, sys, boto3
url, name = sys.argv[1:]
def plain(value):
    return int(value) if value % 1 == 0 else float(value) if isinstance(value, decimal.Decimal) else list(value)
table = boto3.resource("dynamodb", endpoint_url=url).Table(name)
answer = table.scan()
items = answer["Items"]
while "LastEvaluatedKey" in answer:
    answer = table.scan(ExclusiveStartKey=answer["LastEvaluatedKey"])
    items.extend(answer["Items"])
boto3.client("s3", endpoint_url=url).put_object(Bucket="bench", Key="data/lambda.json", Body=json.dumps(items, default=plain))
'''

COMMAND_LINE = '''set -e
aws dynamodb scan --endpoint-url "$1" --table-name "$2" --output json > "$3/scan.json"
aws s3 cp --no-progress --endpoint-url "$1" "$3/scan.json" s3://bench/data/scan.json
'''

NODE = '''
const { DynamoDBClient, ScanCommand } = require("@aws-sdk/client-dynamodb");
const { S3Client } = require("@aws-sdk/client-s3");
const { Upload } = require("@aws-sdk/lib-storage");
const { createGzip } = require("node:zlib");
const { once } = require("node:events");
const [endpoint, table] = process.argv.slice(2), segments = 4;
const dynamo = new DynamoDBClient({ endpoint }), s3 = new S3Client({ endpoint, forcePathStyle: true });
const gzip = createGzip({ level: 6 });
// In JSON DynamoDB writes bytes as base64; the SDK hands them out as arrays, which would not restore.
const bytes = (name, value) => value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value;
async function segment(number) {
    let key;
    do {
        const page = await dynamo.send(new ScanCommand({
            TableName: table, Segment: number, TotalSegments: segments, ExclusiveStartKey: key }));
        const lines = page.Items.map(item => JSON.stringify({ Item: item }, bytes) + "\\n").join("");
        if (lines && !gzip.write(lines)) await once(gzip, "drain");
        key = page.LastEvaluatedKey;
    } while (key);
}
async function main() {
    const upload = new Upload({ client: s3, params: { Bucket: "bench", Key: "data/node.json.gz", Body: gzip } }).done();
    gzip.setMaxListeners(100);
    await Promise.all(Array.from({ length: segments }, (_, number) => segment(number)));
    gzip.end();
    await upload;
}
main().catch(error => { console.error(String(error)); process.exit(1); });
'''
PACKAGES = ['@aws-sdk/client-dynamodb', '@aws-sdk/client-s3', '@aws-sdk/lib-storage']


def node_modules():
    """The SDK, fetched once; None without node, npm or a registry."""
    cache = pathlib.Path(os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache') / 'dynamodb-backupd-bench'
    if not shutil.which('node') or not shutil.which('npm'):
        return None
    if not (cache / 'node_modules/@aws-sdk/lib-storage').exists():
        cache.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(['npm', 'install', '--no-audit', '--no-fund', '--silent', '--prefix', cache, *PACKAGES], check=False)
        if done.returncode:
            return None
    return cache / 'node_modules'


def commands(url, table, root):
    """(name, command, environment) of each peer."""
    yield 'peer: Lambda, boto3', ['/usr/bin/python3', '-c', LAMBDA, url, table], {}
    if os.path.exists('/usr/bin/aws'):
        yield 'peer: aws scan, s3 cp', ['/bin/bash', '-c', COMMAND_LINE, 'peer', url, table, root], {'PATH': '/usr/bin:/bin'}
    modules = node_modules()
    if modules:
        program = pathlib.Path(root) / 'peer.js'
        program.write_text(NODE)
        yield 'peer: Node SDK v3, gzip', ['node', program, url, table], {'NODE_PATH': str(modules), 'AWS_REGION': 'us-east-1'}
    else:
        print('no Node, or no SDK for it: left out', file=sys.stderr)


def measure_all(megabytes, stand_in, add, measure):
    """`measure` runs a command, `add` takes a row: both the bench's own."""
    for kind in ('small', 'mixed'):
        with tempfile.TemporaryDirectory(prefix='bench-') as root:
            for name, command, environment in commands(stand_in.url, f'{kind}-{megabytes}', root):
                add(name, kind, megabytes, *measure(stand_in, command, environment))
