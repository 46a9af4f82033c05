# SPDX-License-Identifier: Apache-2.0
"""Runs inside the container of tests/systemd/run, under its systemd: servers on loopback under AWS's true names, the service
from the staged files, scene after scene. Each scene is one line of /out/results: ok, FAIL or skip, what, why.

There is no endpoint override anywhere: /etc/hosts leads the names to a TLS server whose CA stands in the system's store, and
IMDS answers at 169.254.169.254, as on EC2.
"""
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time
import traceback
import urllib.request

TREE = pathlib.Path('/tree/tests')
sys.path[:0] = [str(TREE), str(TREE / 'lib')]

from cloud import Cloud, DynamoDBLocal, SesLocal, wait_for  # noqa: E402
from daemon import ini  # noqa: E402

OUT = pathlib.Path('/out')
ACCOUNT, REGION, BUCKET, TABLE, ITEMS = '123456789012', 'us-east-1', 'student-backup-20250706', 'studentData', 1000
ROLE = f'arn:aws:iam::{ACCOUNT}:role/DynamoDBBackupRole'
UNIT, ETC = 'dynamodb-backupd.service', pathlib.Path('/etc/dynamodb-backupd')
CA = pathlib.Path('/usr/local/share/ca-certificates/dynamodb-backupd-test.crt')
DROP_IN = pathlib.Path(f'/run/systemd/system/{UNIT}.d/test.conf')
SCENES = []


def scene(function):
    SCENES.append(function)
    return function


def sh(*command, status=0, timeout=120, **options):
    """Run; its standard output. `status` None: any, and then the CompletedProcess."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors='replace', timeout=timeout, **options)
    if status is None:
        return done
    assert done.returncode == status, f'{" ".join(map(str, command))} ended with {done.returncode}: {done.stdout}{done.stderr}'
    return done.stdout


def ctl(*words, status=0, user=None, timeout=120):
    command = ['dynamodb-backupctl', *words]
    if user:
        command = ['setpriv', f'--reuid={user}', f'--regid={user}', '--init-groups', *command]
    return sh(*command, status=status, timeout=timeout)


def show(name):
    return sh('systemctl', 'show', '--value', '-p', name, UNIT).strip()


def main_pid():
    pid = show('MainPID')
    assert int(pid) > 1, 'the service does not run'
    return pid


def state():
    return show('ActiveState')


def journal(*matches):
    out = sh('journalctl', '-o', 'json', '--all', '-u', UNIT, *matches)
    return [json.loads(line) for line in out.splitlines()]


def message_ids():
    """Name -> MESSAGE_ID, from the table of daemon/report/event.c."""
    text = pathlib.Path('/tree/daemon/report/event.c').read_text()
    return dict(re.findall(r'\[EVENT_\w+\] = \{"([\w-]+)", "([0-9a-f]{32})"', text))


IDS = message_ids()


def events(name, *matches):
    return journal('MESSAGE_ID=' + IDS[name], *matches)


def start(**options):
    sh('systemctl', 'start', UNIT, **options)


def job(name='studentData', **sections):
    keys = {'Job': {'Table': TABLE, 'Region': REGION, 'RetryFor': '10s', **sections.get('Job', {})},
            'Credentials': {'RoleArn': ROLE},
            'Destination': {'Bucket': BUCKET, 'Prefix': f'backups/{name}/', 'Format': 'dynamodb-json json'},
            'Email': {'From': 'backup@example.edu.vn', 'To': 'registrar@example.edu.vn', 'LinkExpires': '1h'}}
    path = ETC / f'jobs.d/{name}.conf'
    path.write_text(ini(keys))
    path.chmod(0o644)
    return path


class Stage:
    """What runs in the container besides the service."""

    def __init__(self):
        self.folder = pathlib.Path('/tmp/stage')
        self.folder.mkdir()
        self.install()
        sh('ip', 'addr', 'add', '169.254.169.254/32', 'dev', 'lo')
        self.name_hosts()
        self.dynamodb, self.ses = DynamoDBLocal(self.folder), SesLocal(self.folder)
        self.cloud = Cloud({
            'region': REGION, 'account': ACCOUNT, 'keys': [],
            'services': {'imds': {'role': 'backup-host', 'host': '169.254.169.254', 'port': 80}, 'logs': {},
                         's3': {'buckets': {BUCKET: {}}},
                         'sts': {'roles': {ROLE: {'trust': [f'arn:aws:iam::{ACCOUNT}:role/backup-host']}}},
                         'dynamodb': {'proxy': self.dynamodb.url}, 'ses': {'proxy': self.ses.url}},
            'tls': {'host': '127.0.0.1', 'port': 443, 'folder': str(self.folder / 'ca'), 'buckets': [BUCKET]}})
        self.trust(True)
        self.dynamodb.until_listening(self.dynamodb.port)
        self.ses.until_listening(self.ses.port)
        self.fill(TABLE, ITEMS, 200)
        self.fill('large', 1250, 16000)

    def install(self):
        shutil.copytree('/stage', '/', dirs_exist_ok=True, symlinks=True)
        sh('systemd-sysusers')
        sh('journalctl', '--update-catalog')
        (ETC / 'jobs.d').mkdir(parents=True, exist_ok=True)
        (ETC / 'dynamodb-backupd.conf').write_text('[Daemon]\nStopTimeout=10s\n')
        sh('systemctl', 'daemon-reload')
        for name, group in (('member', ['-G', 'dynamodb-backup']), ('outsider', [])):
            sh('useradd', '-M', *group, name)

    def name_hosts(self):
        names = [f'{name}.{REGION}.amazonaws.com' for name in ('dynamodb', 's3', 'email', 'sts', 'logs', f'{BUCKET}.s3')]
        with open('/etc/hosts', 'a', encoding='utf-8') as hosts:
            hosts.write(f'\n127.0.0.1 localhost\n127.0.0.1 {" ".join(names)}\n')

    def trust(self, trusted):
        if trusted:
            CA.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.folder / 'ca/ca.pem', CA)
            CA.chmod(0o644)
        else:
            CA.unlink()
        sh('update-ca-certificates', *([] if trusted else ['--fresh']))

    def fill(self, name, items, size):
        import boto3  # here, because it is slow
        dynamo = boto3.client('dynamodb', endpoint_url=self.dynamodb.url, region_name=REGION, aws_access_key_id='AKIAFILLER',
                              aws_secret_access_key='filler')
        dynamo.create_table(TableName=name, BillingMode='PAY_PER_REQUEST', KeySchema=[{'AttributeName': 'id', 'KeyType': 'HASH'}],
                            AttributeDefinitions=[{'AttributeName': 'id', 'AttributeType': 'S'}])
        for at in range(0, items, 25):
            dynamo.batch_write_item(RequestItems={name: [
                {'PutRequest': {'Item': {'id': {'S': f'SV{n}'}, 'name': {'S': f'Nguyễn Văn {n}'}, 'note': {'S': 'x' * size}}}}
                for n in range(at, at + 25)]})

    def objects(self):
        return self.cloud.ask('/objects/' + BUCKET)

    def uploads(self):
        return self.cloud.ask('/uploads/' + BUCKET)

    def mails(self):
        with urllib.request.urlopen(self.ses.url + '/store', timeout=10) as answer:
            return json.load(answer)['emails']

    def stop(self):
        self.cloud.stop()
        self.dynamodb.stop()
        self.ses.stop()


@scene
def the_group_comes_from_sysusers(_stage):
    assert 'member' in sh('getent', 'group', 'dynamodb-backup')
    assert sh('getent', 'passwd', 'dynamodb-backupd', status=None).returncode == 2, 'a static user of the service\'s name'


@scene
def the_unit_verifies(_stage):
    done = sh('systemd-analyze', 'verify', '--man=no', UNIT, status=None)
    said = [line for line in (done.stdout + done.stderr).splitlines() if 'dynamodb-backup' in line]
    assert done.returncode == 0 and not said, said


SLOW_LISTEN = '''
#include <dlfcn.h>
#include <unistd.h>
int listen(int fd, int backlog) {
    int (*real)(int, int) = (int (*)(int, int))dlsym(RTLD_NEXT, "listen");
    sleep(3);
    return real(fd, backlog);
}
'''


@scene
def starting_is_active_only_after_ready(_stage):
    """Opening the control socket takes three seconds more: until it serves the unit is activating."""
    library = pathlib.Path('/usr/local/lib/slow-listen.so')
    subprocess.run(['gcc', '-D_GNU_SOURCE', '-shared', '-fPIC', '-x', 'c', '-', '-o', library], input=SLOW_LISTEN, text=True, check=True)
    drop_in(f'[Service]\nEnvironment=LD_PRELOAD={library}\n')
    job()
    sh('systemctl', 'start', '--no-block', UNIT)
    wait_for(lambda: show('MainPID') != '0', 'the process', 20)
    end, before = time.monotonic() + 20, 0
    while state() == 'activating':
        assert time.monotonic() < end, 'never active'
        before += not answers()
        time.sleep(0.1)
    assert state() == 'active' and answers() and before >= 10, (state(), before)
    assert len(events('ready')) == 1 and show('StatusText'), 'no STATUS='
    drop_in(None)


def answers():
    with socket.socket(socket.AF_UNIX) as link:
        return link.connect_ex('/run/dynamodb-backupd/control.sock') == 0


def drop_in(text):
    if text:
        DROP_IN.parent.mkdir(parents=True, exist_ok=True)
        DROP_IN.write_text(text)
    else:
        DROP_IN.unlink()
    sh('systemctl', 'daemon-reload')


@scene
def a_broken_configuration_never_gets_active(_stage):
    sh('systemctl', 'stop', UNIT)
    path = ETC / 'jobs.d/broken.conf'
    path.write_text('[Job]\nTabel=x\n')
    try:
        started = sh('systemctl', 'start', UNIT, status=None)
        assert started.returncode != 0 and state() != 'active', state()
        said = sh('journalctl', '-u', UNIT, '-o', 'cat', '-n', '20')
        assert re.search(r'broken\.conf:2: Tabel: .*Table', said), said
    finally:
        path.unlink()
    wait_for(lambda: state() == 'active', 'the restart after RestartSec=', 20)


@scene
def the_process_has_no_rights_it_does_not_need(_stage):
    pid = main_pid()
    status = dict(line.split(':\t', 1) for line in pathlib.Path(f'/proc/{pid}/status').read_text().splitlines() if ':\t' in line)
    assert status['CapEff'].strip('0') == '' and status['CapBnd'].strip('0') == '' and status['NoNewPrivs'] == '1'
    assert status['Seccomp'] == '2' and int(status['Uid'].split()[0]) >= 61184, status['Uid']
    assert oct(os.stat('/var/lib/private/dynamodb-backupd').st_mode)[-3:] == '700'
    score = sh('systemd-analyze', 'security', UNIT, status=None).stdout.strip().splitlines()[-1]
    print(score)


@scene
def a_run_is_in_the_journal_with_its_fields(stage):
    ctl('run', 'studentData', '--wait')
    entry = events('run-succeeded')[-1]
    assert entry['JOB'] == 'studentData' and re.fullmatch('[0-9a-f]{32}', entry['RUN_ID']) and entry['TABLE'] == TABLE, entry
    assert entry['ITEMS'] == str(ITEMS) and int(entry['BYTES']) > 0 and entry['SYSLOG_IDENTIFIER'] == 'dynamodb-backupd', entry
    assert len({one['MESSAGE_ID'] for one in journal('RUN_ID=' + entry['RUN_ID'])}) >= 2
    assert not re.search(r'X-Amz-Signature=[0-9a-f]|IQoJ[A-Za-z0-9+/]{20}', sh('journalctl', '-u', UNIT, '-o', 'verbose', '--all'))
    wait_for(stage.mails, 'the mail', 20)


@scene
def journalctl_x_explains_it(_stage):
    assert 'stands in S3 as it was read' in sh('journalctl', '-x', '-u', UNIT, 'MESSAGE_ID=' + IDS['run-succeeded'])
    for name, message_id in IDS.items():
        assert 'Subject: ' in sh('journalctl', '--dump-catalog', message_id), name


@scene
def a_good_reload_takes_new_jobs(_stage):
    pid, before = main_pid(), len(events('reloaded'))
    job('added')
    sh('systemctl', 'reload', UNIT)
    wait_for(lambda: len(events('reloaded')) > before and state() == 'active', 'the reload', 20)
    assert 'added' in ctl('status') and show('MainPID') == pid


@scene
def a_broken_reload_keeps_the_old_configuration(_stage):
    pid, path = main_pid(), job('added', Job={'Schedule': '61 * * * *'})
    sh('systemctl', 'reload', UNIT)
    wait_for(lambda: events('reload-failed') and state() == 'active', 'the refusal', 20)
    said = events('reload-failed')[-1]['MESSAGE']
    assert re.search(r'added\.conf:\d+: Schedule', said + sh('journalctl', '-u', UNIT, '-o', 'cat', '-n', '30')), said
    assert 'added' in ctl('status') and show('MainPID') == pid
    path.unlink()
    sh('systemctl', 'reload', UNIT)
    wait_for(lambda: state() == 'active' and 'added' not in ctl('status', '--json'), 'a good reload', 20)


@scene
def a_member_of_the_group_uses_the_tool(_stage):
    assert 'studentData' in ctl('status', user='member')
    ctl('run', 'studentData', '--wait', user='member')
    who = re.compile(rf'\bmember\b|\buser {sh("id", "-u", "member").strip()}\b')
    assert any(who.search(one['MESSAGE']) for one in journal('JOB=studentData')), 'the journal does not say who'


@scene
def somebody_else_is_told_why_not(_stage):
    done = ctl('status', user='outsider', status=None)
    assert done.returncode == 1 and 'dynamodb-backup' in done.stderr and 'studentData' not in done.stdout, (done.returncode, done.stderr)


def start_large(stage, name):
    """A run of 20 MB that has an upload with a part, and files, and is far from its end."""
    job(name, Job={'Table': 'large'})
    sh('systemctl', 'reload', UNIT)
    wait_for(lambda: state() == 'active' and name in ctl('status'), 'the job', 20)
    stage.cloud.fault('dynamodb', 'delay', 'Scan', wait=0.5)
    ctl('run', name)
    wait_for(lambda: any(upload['parts'] for upload in stage.uploads()), 'a part', 30)
    assert any(f'/{name}/' in key for key in stage.objects()) and state() == 'active'


@scene
def stopping_during_a_run_keeps_it_and_it_goes_on(stage):
    start_large(stage, 'stopped')
    began = time.monotonic()
    sh('systemctl', 'stop', UNIT)
    took = time.monotonic() - began
    stage.cloud.reset()
    assert [show(name) for name in ('Result', 'ExecMainCode', 'ExecMainStatus')] == ['success', '1', '0'], show('Result')
    assert events('stopped') and events('run-stopped', 'JOB=stopped') and not events('run-failed', 'JOB=stopped')
    assert not any(key.endswith('/backup.json') and '/stopped/' in key for key in stage.objects())
    start()
    wait_for(lambda: events('run-succeeded', 'JOB=stopped'), 'the end of the run that goes on', 60)
    assert events('run-resumed', 'JOB=stopped') and stage.uploads() == [], stage.uploads()
    listed = json.loads(ctl('list', 'stopped', '--json'))
    assert len(listed.get('backups') if isinstance(listed, dict) else listed) == 1, listed
    (ETC / 'jobs.d/stopped.conf').unlink()
    sh('systemctl', 'reload', UNIT)
    print(f'systemctl stop during a run took {took:.1f} s')


@scene
def a_killed_daemon_is_started_again(_stage):
    pid = main_pid()
    sh('kill', '-KILL', pid)
    wait_for(lambda: show('MainPID') not in ('0', pid) and state() == 'active', 'the restart', 20)


HOLD = '''
import ctypes, os, sys
pid, libc = int(sys.argv[1]), ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long] * 4
for request in (0x4206, 0x4207):  # PTRACE_SEIZE, PTRACE_INTERRUPT: of this one thread
    if libc.ptrace(request, pid, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), 'ptrace')
status, said = 0x7f, False
while status & 0xff == 0x7f:  # stopped, in whatever way: it stays so until it is gone
    _, status = os.waitpid(pid, 0x40000000)
    if not said:
        said = print('held', flush=True) is None
'''


@scene
def the_watchdog_kills_a_daemon_whose_loop_alone_is_stuck(_stage):
    drop_in('[Service]\nWatchdogSec=4s\nTimeoutAbortSec=10s\n')
    sh('systemctl', 'restart', UNIT)
    ctl('run', 'studentData', '--wait')  # the workers exist
    pid, restarts = main_pid(), int(show('NRestarts'))
    time.sleep(6)
    assert show('MainPID') == pid, 'the watchdog of a sound daemon has fired'
    holder = subprocess.Popen(['/usr/bin/python3', '-c', HOLD, pid], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == 'held\n'
    states = {task.name: (task / 'stat').read_text().rpartition(')')[2].split()[0] for task in pathlib.Path(f'/proc/{pid}/task').iterdir()}
    assert states.pop(pid) == 't' and states and 't' not in states.values(), states
    wait_for(lambda: int(show('NRestarts')) > restarts, 'the watchdog', 40)
    assert 'watchdog' in sh('journalctl', '-u', UNIT, '-o', 'cat', '-n', '60').lower()
    wait_for(lambda: state() == 'active' and show('MainPID') not in ('0', pid), 'the restart', 20)
    assert holder.wait(20) == 0
    drop_in(None)
    sh('systemctl', 'restart', UNIT)


def wait_for_timed_run(name, event, seconds=40):
    before = len(events(event, 'JOB=' + name))
    wait_for(lambda: len(events(event, 'JOB=' + name)) > before, f'{event} of {name}', seconds)
    return events(event, 'JOB=' + name)[-1]


@scene
def as_in_production_a_timed_run_completes_end_to_end(stage):
    mails = len(stage.mails())
    assert 'Endpoints' not in (ETC / 'dynamodb-backupd.conf').read_text()
    job('timed', Job={'Schedule': '*/5 * * * * *', 'TimeZone': 'Asia/Ho_Chi_Minh'})
    sh('systemctl', 'reload', UNIT)
    entry = wait_for_timed_run('timed', 'run-succeeded')
    assert entry['ITEMS'] == str(ITEMS)
    assert any(re.fullmatch(r'backups/timed/AWSDynamoDB/[^/]+/backup\.json', key) for key in stage.objects())
    wait_for(lambda: len(stage.mails()) > mails, 'the mail', 20)
    text = stage.mails()[-1]['body']['text']
    link = re.search(rf'https://{BUCKET}\.s3\.{REGION}\.amazonaws\.com/\S+X-Amz-Signature=[0-9a-f]{{64}}\S*', text)
    assert link, text
    assert len(json.loads(sh('curl', '-sSf', link[0]))) == ITEMS
    assert stage.cloud.count('imds', 'token') >= 1 and stage.cloud.count('sts', 'AssumeRole') >= 1


@scene
def as_in_production_it_fails_closed_without_the_ca(stage):
    sh('systemctl', 'stop', UNIT)
    stage.trust(False)
    before, asked = set(stage.objects()), stage.cloud.count('dynamodb')
    start()
    entry = wait_for_timed_run('timed', 'run-failed', 60)
    assert 'certificate' in entry['MESSAGE'].lower() or 'tls' in entry['MESSAGE'].lower(), entry['MESSAGE']
    assert set(stage.objects()) == before and stage.cloud.count('dynamodb') == asked
    stage.trust(True)
    sh('systemctl', 'reload', UNIT)  # which drops what is held of the store
    wait_for_timed_run('timed', 'run-succeeded', 60)
    (ETC / 'jobs.d/timed.conf').unlink()
    sh('systemctl', 'reload', UNIT)


def play(stage, function):
    """One scene; its line for the results."""
    name = function.__name__.replace('_', ' ')
    began = time.monotonic()
    try:
        function(stage)
        return f'ok\t{name} ({time.monotonic() - began:.1f} s)\t'
    except Exception as wrong:  # whatever it is, the next scene goes on
        traceback.print_exc()
        return f'FAIL\t{name}\t' + ' '.join(f'{type(wrong).__name__}: {wrong}'.split())[:1500]


def main():
    log = open(OUT / 'log', 'w', buffering=1, encoding='utf-8')  # noqa: SIM115 - for the life of the process
    os.dup2(log.fileno(), 1)
    os.dup2(log.fileno(), 2)
    words = os.environ.get('SCENES', '').split()
    with open(OUT / 'results', 'w', buffering=1, encoding='utf-8') as results:
        stage = None
        try:
            stage = Stage()
            start_needed = words and 'starting_is' not in words[0]
            if start_needed:
                job()
                start()
            for function in SCENES:
                if not words or any(word in function.__name__ for word in words):
                    results.write(play(stage, function) + '\n')
        except Exception as wrong:
            traceback.print_exc()
            results.write(f'FAIL\tthe stage\t{" ".join(str(wrong).split())[:1500]}\n')
        finally:
            journal_text = sh('journalctl', '-b', '-o', 'short-precise', '--no-hostname', '-u', UNIT, '-u', 'init.scope', status=None).stdout
            (OUT / 'journal').write_text(journal_text)
            if stage:
                stage.stop()
    (OUT / 'ended').touch()


main()
