# SPDX-License-Identifier: Apache-2.0
"""The play behind tests/demo: stage, students, daemon, timer, backup, mail, link. Each scene prints what a person would look
at, and the last one compares what came through the link with what was put into the table."""
import datetime
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
import zoneinfo

import boto3
import botocore.config

from cloud import Cloud, DynamoDBLocal, SesLocal, die_with_parent, remove, scratch, wait_for
from daemon import BUILD, ini

ACCOUNT, REGION, ZONE = '123456789012', 'us-east-1', 'Asia/Ho_Chi_Minh'
ROLE = f'arn:aws:iam::{ACCOUNT}:role/DynamoDBBackupRole'
BUCKET, TABLE, STUDENTS = 'student-backup-20250706', 'studentData', 1000
USER = {'aws_access_key_id': 'AKIAFILLER0000000000', 'aws_secret_access_key': 'filler-secret'}
FAMILY = ['Nguyễn', 'Trần', 'Lê', 'Phạm', 'Hoàng', 'Huỳnh', 'Phan', 'Vũ', 'Võ', 'Đặng', 'Bùi', 'Đỗ', 'Hồ', 'Ngô', 'Dương', 'Lý']
MIDDLE = ['Thị', 'Văn', 'Ngọc', 'Minh', 'Đức', 'Hữu', 'Thanh', 'Quốc', 'Thùy', 'Xuân']
GIVEN = ['Ánh', 'Bảo', 'Châu', 'Dũng', 'Giang', 'Hằng', 'Khánh', 'Lan', 'Mỹ', 'Nghĩa', 'Oanh', 'Phúc', 'Quỳnh', 'Sơn', 'Thảo', 'Uyên', 'Vỹ', 'Yến']
TITLES = ['Giải tích', 'Đại số tuyến tính', 'Cấu trúc dữ liệu', 'Hệ điều hành', 'Mạng máy tính', 'Trí tuệ nhân tạo', 'Cơ sở dữ liệu "nâng cao"']
NOTES = ['học bổng "xuất sắc"', 'thư mục C:\\sinhvien\\', '🎓 tốt nghiệp', 'nghỉ học\ntừ tháng 3', '', 'điểm {10}', '👩‍🎓👨‍🎓']
BOLD, DIM, PLAIN = ('\033[1m', '\033[2m', '\033[0m') if sys.stdout.isatty() else ('', '', '')
BEGAN = time.monotonic()


def scene(text):
    print(f'\n{BOLD}== {text}{PLAIN} {DIM}({time.monotonic() - BEGAN:.1f} s){PLAIN}', flush=True)


def show(text):
    for line in text.rstrip().splitlines():
        print(f'   {line}', flush=True)


def students():
    rng = random.Random(20250706)
    for n in range(1, STUDENTS + 1):
        yield {'studentid': {'S': f'SV{n}'}, 'name': {'S': ' '.join(map(rng.choice, (FAMILY, MIDDLE, GIVEN)))},
               'class': {'S': f'K{rng.randint(60, 69)}-{rng.choice("ABC")}'}, 'gpa': {'N': f'{rng.randint(0, 400) / 100:.2f}'},
               'note': {'S': rng.choice(NOTES)}, 'active': {'BOOL': rng.random() < 0.9},
               'courses': {'L': [course(rng) for _ in range(rng.randint(20, 40))]}}


def course(rng):
    return {'M': {'code': {'S': f'IT{rng.randint(1000, 4999)}'}, 'title': {'S': rng.choice(TITLES)}, 'term': {'S': f'20{rng.randint(20, 25)}-{rng.randint(1, 3)}'},
                  'lecturer': {'S': ' '.join(map(rng.choice, (FAMILY, MIDDLE, GIVEN)))}, 'grade': {'N': f'{rng.randint(0, 100) / 10:.1f}'}}}


class Stage:
    """Everything that runs; `strike` ends it all."""

    def __init__(self):
        self.root, self.running = scratch('demo-'), []
        self.daemon = None

    def build(self):
        dynamodb, ses = DynamoDBLocal(self.root), SesLocal(self.root)
        self.running += [dynamodb, ses]
        self.cloud = Cloud({
            'region': REGION, 'account': ACCOUNT,
            'keys': [{'access_key': USER['aws_access_key_id'], 'secret_key': USER['aws_secret_access_key'],
                      'arn': f'arn:aws:iam::{ACCOUNT}:user/registrar'}],
            'services': {'imds': {'role': 'backup-host'}, 'logs': {}, 's3': {'buckets': {BUCKET: {}}},
                         'sts': {'roles': {ROLE: {'trust': [f'arn:aws:iam::{ACCOUNT}:role/backup-host']}}},
                         'dynamodb': {'proxy': dynamodb.url}, 'ses': {'proxy': ses.url}}})
        self.running.append(self.cloud)
        dynamodb.until_listening(dynamodb.port)
        ses.until_listening(ses.port)
        self.mailbox, self.dynamodb = ses.url, dynamodb.url

    def client(self, service, url):
        config = botocore.config.Config(s3={'addressing_style': 'path'}) if service == 's3' else None
        return boto3.client(service, endpoint_url=url, region_name=REGION, config=config, **USER)

    def configure(self, when):
        for name in ('jobs.d', 'state', 'run'):
            (self.root / name).mkdir()
        url = self.cloud.url
        self.conf = self.root / 'dynamodb-backupd.conf'
        self.conf.write_text(ini({
            'Daemon': {'StateDirectory': self.root / 'state', 'RuntimeDirectory': self.root / 'run'},
            'Endpoints': {'DynamoDB': url['dynamodb'], 'S3': url['s3'], 'SES': url['ses'], 'STS': url['sts'], 'Logs': url['logs'],
                          'IMDS': url['imds']}}))
        job = ini({
            'Job': {'Table': TABLE, 'Region': REGION, 'Schedule': f'{when.second} {when.minute} {when.hour} * * *', 'TimeZone': ZONE},
            'Credentials': {'RoleArn': ROLE},
            'Destination': {'Bucket': BUCKET, 'Prefix': 'backups/', 'Format': 'dynamodb-json json'},
            'Email': {'From': 'backup@example.edu.vn', 'To': 'registrar@example.edu.vn', 'LinkExpires': '1h'},
            'CloudWatch': {'LogGroup': '/dynamodb-backupd/studentData'}})
        (self.root / 'jobs.d/studentData.conf').write_text(job)
        return job

    def start_daemon(self):
        environment = {name: os.environ[name] for name in ('PATH', 'LANG') if name in os.environ}
        self.daemon = subprocess.Popen([BUILD / 'dynamodb-backupd', '--config', self.conf], stdin=subprocess.DEVNULL,
                                       stderr=subprocess.PIPE, text=True, errors='replace', env=environment, preexec_fn=die_with_parent)
        self.reader = threading.Thread(target=self.read_journal, daemon=True)
        self.reader.start()

    def read_journal(self):
        for line in self.daemon.stderr:
            print(f'   {DIM}journal:{PLAIN} {re.sub("^<[0-7]>", "", line.rstrip())}', flush=True)

    def ctl(self, *words):
        done = subprocess.run([BUILD / 'dynamodb-backupctl', *words, '--config', self.conf], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise RuntimeError(f'dynamodb-backupctl {" ".join(words)} ended with {done.returncode}: {done.stderr}')
        return done.stdout

    def alive(self):
        if self.daemon.poll() is not None:
            raise RuntimeError(f'the daemon ended with {self.daemon.returncode}')
        return True

    def mails(self):
        with urllib.request.urlopen(self.mailbox + '/store', timeout=10) as answer:
            return json.load(answer)['emails']

    def strike(self):
        """Stop everything; the daemon's exit status."""
        status = 0
        if self.daemon and self.daemon.poll() is None:
            self.daemon.terminate()
            try:
                status = self.daemon.wait(60)
            except subprocess.TimeoutExpired:
                self.daemon.kill()
                status = self.daemon.wait()
            self.reader.join(5)
        for one in reversed(self.running):
            one.stop()
        remove(self.root)
        return status


def fill(dynamo):
    dynamo.create_table(TableName=TABLE, BillingMode='PAY_PER_REQUEST', KeySchema=[{'AttributeName': 'studentid', 'KeyType': 'HASH'}],
                        AttributeDefinitions=[{'AttributeName': 'studentid', 'AttributeType': 'S'}])
    source = list(students())
    for at in range(0, len(source), 25):
        dynamo.batch_write_item(RequestItems={TABLE: [{'PutRequest': {'Item': item}} for item in source[at:at + 25]]})
    return source


def compare(source, downloaded):
    """How many students came back as they were."""
    got = {item['studentid']: item for item in downloaded}
    same = 0
    for item in source:
        plain = got.get(item['studentid']['S'], {})
        same += all(plain.get(name) == item[name]['S'] for name in ('name', 'class', 'note')) and \
            float(plain.get('gpa', -1)) == float(item['gpa']['N']) and plain.get('active') == item['active']['BOOL'] and \
            plain.get('courses') == [{name: float(value['N']) if 'N' in value else value['S'] for name, value in one['M'].items()}
                                     for one in item['courses']['L']]
    return same if len(downloaded) == len(source) else 0


def watch(stage):
    """The run from its start to its end, by what `status` says of it; a line for each page."""
    said = None

    def over():
        nonlocal said
        job, = json.loads(stage.ctl('status', '--json'))['jobs']
        progress = job.get('progress') or {}
        if progress and (progress['state'], progress['items']) != said:
            said = progress['state'], progress['items']
            show(f'{DIM}progress:{PLAIN} ' + stage.ctl('status').rstrip().splitlines()[-1])
        return stage.alive() and job.get('last') and not progress
    wait_for(over, 'the backup', 60)


def play(stage):
    scene('The stage: local servers, each on loopback')
    stage.build()
    show('\n'.join(f'{name:9} {url}' for name, url in sorted(stage.cloud.url.items())) + f'\nmailbox   {stage.mailbox}')
    scene(f'{STUDENTS} students into the table {TABLE}')
    source = fill(stage.client('dynamodb', stage.dynamodb))
    show('\n'.join(json.dumps(item, ensure_ascii=False)[:300] + ' ...' for item in source[:2]))
    stage.cloud.fault('dynamodb', 'delay', 'Scan', wait=0.4)  # each page as if from far away, so that there is progress to see
    when = datetime.datetime.now(zoneinfo.ZoneInfo(ZONE)) + datetime.timedelta(seconds=4)
    scene('The job, and the daemon under it')
    show(stage.configure(when))
    stage.start_daemon()
    wait_for(lambda: stage.alive() and (stage.root / 'run/control.sock').exists(), 'the control socket', 15)
    show(stage.ctl('status'))
    scene('The timer fires')
    watch(stage)
    wait_for(lambda: stage.alive() and stage.mails(), 'the mail', 60)
    objects = stage.client('s3', stage.cloud.url['s3']).list_objects_v2(Bucket=BUCKET).get('Contents', [])
    scene('dynamodb-backupctl status, list')
    show(stage.ctl('status') + stage.ctl('list'))
    scene(f'What stands in s3://{BUCKET}')
    show('\n'.join(f'{one["Size"]:>9}  {one["Key"]}' for one in objects))
    return source


def look_at_the_mail(stage, source):
    scene('The mail that came')
    mail = stage.mails()[-1]
    link = re.search(r'https?://\S+X-Amz-Signature=[0-9a-f]{64}\S*', mail['body']['text'])[0]
    show(f'To: {", ".join(mail["destination"]["to"])}\nSubject: {mail["subject"]}\n\n{mail["body"]["text"]}')
    scene('Its link, by curl')
    done = subprocess.run(['curl', '-sf', link], capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f'curl ended with {done.returncode}')
    same = compare(source, json.loads(done.stdout))
    show(f'{len(done.stdout)} bytes, {same} of {len(source)} students exactly as they stand in the table')
    return same == len(source)


def look_at_cloudwatch(stage):
    scene('What CloudWatch Logs has')
    for group, what in stage.cloud.ask('/logs').items():
        for stream, events in what['streams'].items():
            show(f'{group} {stream}:\n' + '\n'.join(f'  {event["message"]}' for event in events))
    who = {row['by'].split(':')[-1] for row in stage.cloud.seen('dynamodb') if row['operation'] == 'Scan'}
    scene('Who scanned, as the server saw the signature')
    show(', '.join(sorted(who)))


def end_once(*_):
    """A second Ctrl-C must not end what takes the stage down."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def main():
    sys.stdout.reconfigure(line_buffering=True)
    stage, fine = Stage(), False
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.signal(signal.SIGINT, end_once)
    try:
        fine = look_at_the_mail(stage, play(stage))
        wait_for(lambda: 'mail-sent' in json.dumps(stage.cloud.ask('/logs')), 'CloudWatch lines', 20)
        look_at_cloudwatch(stage)
        if '--keep' in sys.argv:
            scene('All is left up; Ctrl-C ends it')
            show(f'mailbox        {stage.mailbox}\n' + '\n'.join(f'{name:14} {url}' for name, url in sorted(stage.cloud.url.items())) +
                 f'\nconfiguration  {stage.conf}\ntool           {BUILD}/dynamodb-backupctl --config {stage.conf} status')
            signal.pause()
    except KeyboardInterrupt:
        print()
    except (RuntimeError, TimeoutError, OSError) as wrong:
        print(f'\nthe demo failed: {wrong}', file=sys.stderr)
    finally:
        status = stage.strike()
    if fine and status == 0:
        print(f'\n{BOLD}Done in {time.monotonic() - BEGAN:.0f} s; nothing is left running.{PLAIN}')
    return 0 if fine and status == 0 else 1


if __name__ == '__main__':
    sys.exit(main())
