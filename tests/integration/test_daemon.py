# SPDX-License-Identifier: Apache-2.0
"""The daemon's own life: timers, reload, stop, cancel, the control socket, what systemd and CloudWatch hear of it."""
import fcntl
import json
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import termios
import time

import pytest
from backups import Backup, all_keys, nothing_left, uploads
from conftest import ROLE
from daemon import BUILD, WRAP
from items import assert_same_plain, assert_same_typed

SLOWLY = {'wait': 0.5}


@pytest.mark.core
def test_the_timer_fires(setup, cloud, s3, small_table):
    one = setup(credentials='imds')
    one.job('small', Job={'Schedule': '*/3 * * * * *', 'TimeZone': 'Asia/Ho_Chi_Minh'}, Credentials={'RoleArn': ROLE},
            Destination={'Format': 'dynamodb-json json'})
    one.start()
    one.wait(lambda: any(key.endswith('backup.json') for key in all_keys(s3, 'student-backup', 'backups/small/')), 'a backup')
    assert one.notify.has('STATUS')
    assert one.stop() == 0
    assert one.notify.has('STOPPING', '1')


def test_status_list_and_show_answer_in_json(setup, s3, small_table):
    one = setup()
    one.job('small', Job={'Schedule': '0 2 * * *'})
    one.start()
    one.run('small', local=False)
    backup = Backup(s3, 'student-backup', 'backups/small/')
    assert 'small' in json.dumps(one.json('status'))
    assert backup.id in json.dumps(one.json('list'))
    assert one.json('show', backup.id)['items'] == len(small_table)
    assert backup.id in one.ctl('show', 'small@latest').stdout
    assert 'small' in one.ctl('status').stdout


def test_the_socket_speaks_varlink(setup):
    one = setup()
    one.job('small')
    one.start()
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(str(one.root / 'run/control.sock'))
        link.sendall(b'{"method":"org.varlink.service.GetInfo"}\0')
        answer = b''
        while not answer.endswith(b'\0'):
            answer += link.recv(65536)
    info = json.loads(answer[:-1])['parameters']
    assert info['product'] == 'dynamodb-backupd' and 'org.varlink.service' in info['interfaces']


def call(one, method, **parameters):
    """One call of the control socket, as any Varlink client makes it: the reply's parameters, or its error and parameters."""
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(str(one.root / 'run/control.sock'))
        link.sendall(json.dumps({'method': f'io.dynamodb_backup.{method}', 'parameters': parameters}).encode() + b'\0')
        answer = b''
        while not answer.endswith(b'\0'):
            answer += link.recv(65536)
    reply = json.loads(answer[:-1])
    return (reply['error'].rpartition('.')[2], reply['parameters']) if 'error' in reply else reply['parameters']


def test_the_next_times_are_told_over_the_socket(setup):
    one = setup()
    one.job('daily', Job={'Schedule': '0 2 * * *', 'TimeZone': 'Asia/Ho_Chi_Minh'})
    one.job('never')
    one.job('off', Job={'Schedule': '0 2 * * *', 'Enabled': 'no'})
    one.start()
    jobs = {job['name']: job for job in call(one, 'Next', count=3)['jobs']}
    assert [time[10:] for time in jobs['daily']['next']] == ['T19:00:00Z'] * 3 and jobs['daily']['timezone'] == 'Asia/Ho_Chi_Minh'
    assert jobs['never']['next'] == jobs['off']['next'] == []
    assert len(call(one, 'Next')['jobs'][0]['next']) == 5
    assert len(call(one, 'Next', count=-7)['jobs'][0]['next']) == 1
    assert len(call(one, 'Next', count=10**15)['jobs'][0]['next']) == 100


def test_a_reload_over_the_socket_says_what_came_of_it(setup, small_table):
    one = setup()
    one.job('small')
    one.start()
    one.job('second', Job={'Table': 'small'})
    assert call(one, 'Reload') == {'jobs': 2}
    (one.root / 'jobs.d/broken.conf').write_text('[Job]\nTable=t\nSchedul=0 2 * * *\n')
    error, parameters = call(one, 'Reload')
    assert error == 'ConfigInvalid' and any('broken.conf:3: Schedul' in problem for problem in parameters['problems'])
    assert {job['name'] for job in call(one, 'Status')['jobs']} == {'small', 'second'}


def test_a_job_that_is_not_there_is_refused_by_name(setup):
    one = setup()
    one.job('small')
    one.start()
    for method in ('Run', 'Cancel', 'Status'):
        error, parameters = call(one, method, job='smal')
        assert error == 'NoSuchJob' and parameters['job'] == 'smal', method


def test_the_daemon_says_its_version_and_refuses_other_words(setup):
    one = setup()

    def daemon(*words):
        return subprocess.run([*WRAP, BUILD / 'dynamodb-backupd', *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              env=one.environment, timeout=60, check=False)
    assert daemon('--version').stdout.startswith('dynamodb-backupd ')
    assert '--config' in daemon('--help').stdout
    for words in (['--verbose'], ['serve'], ['--config']):
        done = daemon(*words)
        assert done.returncode == 2 and '--config' in done.stderr and not done.stdout, words
    done = daemon('--config', one.root / 'nowhere.conf')
    assert done.returncode == 1 and 'nowhere.conf' in done.stderr


def test_no_daemon_is_exit_status_3_and_wrong_words_are_2(setup):
    one = setup()
    one.job('small')
    assert 'control.sock' in one.ctl('status', status=3).stderr
    one.ctl('no-such-command', status=2)
    one.ctl('run', status=2)
    one.start()
    assert 'smal' in one.ctl('run', 'smal', status=1).stderr


def test_check_prints_the_next_times_and_names_what_is_wrong(setup):
    one = setup()
    one.job('small', Job={'Schedule': '0 2 * * *', 'TimeZone': 'Asia/Ho_Chi_Minh'})
    done = one.ctl('check')
    assert done.stdout.count('02:00') == 5
    path = one.root / 'jobs.d/small.conf'
    path.write_text(path.read_text() + '[Destination]\nFromat=json\n')
    done = one.ctl('check', status=1)
    assert re.search(r'small\.conf:\d+: Fromat: .*Format', done.stdout + done.stderr)
    path.write_text('[Job]\nTable=small\nRegion=us-east-1\n[Destination]\nBucket=b\n[Link]\nVia=s3\n')
    done = one.ctl('check', status=1)
    assert 'not supported yet' in done.stdout + done.stderr


def test_next_without_a_configuration(setup):
    one = setup()
    out = one.ctl('next', '0 2 * * mon-fri', '--timezone', 'Asia/Ho_Chi_Minh', '--count', '3', '--from', '2026-11-20T00:00:00Z').stdout
    assert len(re.findall(r'2026-11-2[345].02:00', out)) == 3, out


def on_a_terminal(one, columns, *words):
    """What the tool draws on stderr, a terminal, until it ends; its stdout; its exit status."""
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))
    with subprocess.Popen([*WRAP, BUILD / 'dynamodb-backupctl', *words, '--config', one.conf], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=end, env=one.environment, cwd=one.root) as child:
        os.close(end)
        drawn = b''
        try:
            while piece := os.read(terminal, 4096):
                drawn += piece
        except OSError:  # the last of the other end has closed it
            pass
        out = child.stdout.read()
    os.close(terminal)
    return drawn.decode(), out.decode(), child.returncode


def test_a_terminal_shows_how_far_a_run_is_and_nothing_of_it_stays(setup, cloud, small_table):
    one = setup()
    one.job('small', Scan={'Segments': 1})
    cloud.fault('dynamodb', 'delay', 'Scan', wait=1.5)
    one.start()
    drawn, out, status = on_a_terminal(one, 60, 'run', 'small', '--wait')
    lines = [line.removesuffix('\x1b[K') for line in drawn.split('\r') if line]
    assert status == 0 and 'small: success: 500 items' in out and '\r' not in out
    assert any(line.startswith('small') and 'items' in line for line in lines), drawn
    assert all(len(line) < 60 for line in lines), 'a line as wide as the terminal would wrap, and stay'
    assert drawn.endswith('\r\x1b[K') and '\n' not in drawn


# Reload.
def test_reload_takes_new_changed_and_removed_jobs(setup, cloud, s3, small_table):
    one = setup()
    one.job('changed', Job={'Table': 'no-such-table'})
    one.job('removed', Job={'Table': 'small'})
    one.start()
    one.job('changed', Job={'Table': 'small'})
    one.job('added', Job={'Table': 'small'})
    one.remove_job('removed')
    one.reload()
    assert one.notify.has('RELOADING', '1') and one.notify.has('MONOTONIC_USEC')
    one.run('changed', local=False)
    one.run('added', local=False)
    one.run('removed', local=False, status=1)


def test_a_broken_file_keeps_the_old_configuration_and_says_why(setup, small_table):
    one = setup()
    one.job('small')
    one.start()
    (one.root / 'jobs.d/broken.conf').write_text('[Job]\nTable=t\nSchedul=0 2 * * *\n')
    one.reload()
    one.wait_journal(r'broken\.conf:3: Schedul: .*Schedule')
    assert 'broken.conf' in one.ctl('status').stdout
    one.run('small', local=False)
    (one.root / 'jobs.d/broken.conf').unlink()
    one.reload()
    assert 'broken.conf' not in one.ctl('status').stdout


def test_a_reload_while_the_folder_of_jobs_is_gone_drops_no_job(setup, small_table):
    one = setup()
    one.job('small')
    one.start()
    (one.root / 'jobs.d').rename(one.root / 'away')
    one.reload()
    one.wait_journal(r'jobs\.d: the folder is gone, and with it the files of all 1 jobs')
    assert 'the folder is gone' in one.ctl('status').stdout
    one.run('small', local=False)
    (one.root / 'away').rename(one.root / 'jobs.d')
    one.reload()
    assert 'the folder is gone' not in one.ctl('status').stdout
    one.remove_job('small')
    one.reload()
    one.run('small', local=False, status=1)


def test_a_running_job_finishes_under_its_old_settings(setup, cloud, s3, small_table):
    one = setup()
    one.job('small', Scan={'Segments': 1})
    cloud.fault('dynamodb', 'delay', 'Scan', wait=2)
    one.start()
    one.ctl('run', 'small')
    one.wait(lambda: cloud.count('dynamodb', 'Scan') >= 1, 'a scan')
    one.job('small', Destination={'Prefix': 'elsewhere/'})
    one.reload()
    one.wait(lambda: any(key.endswith('backup.json') for key in all_keys(s3, 'student-backup', 'backups/small/')), 'the backup')
    assert all_keys(s3, 'student-backup', 'elsewhere/') == []


def test_many_reloads_at_once(setup, small_table):
    one = setup()
    one.job('small')
    one.start()
    for _ in range(50):
        one.signal(signal.SIGHUP)
    time.sleep(1)
    one.reload()
    one.run('small', local=False)


# Stop and cancel.
def start_large(one, cloud, name, **sections):
    cloud.fault('dynamodb', 'delay', 'Scan', wait=0.3)
    one.job(name, Job={'Table': 'medium'}, Destination={'Format': 'dynamodb-json json'}, Scan={'Segments': 1}, **sections)
    one.start()
    one.ctl('run', name)
    one.wait(lambda: cloud.count('s3', 'UploadPart') >= 1, 'a part')


@pytest.mark.core
def test_cancel_leaves_nothing(setup, cloud, s3, medium_table):
    one = setup()
    start_large(one, cloud, 'cancelled')
    one.ctl('cancel', 'cancelled')
    one.wait(lambda: not all_keys(s3, 'student-backup', 'backups/cancelled/'), 'nothing left')
    nothing_left(s3, 'student-backup', 'backups/cancelled/')
    deleted = [row['target'] for row in cloud.seen('s3') if row['operation'] in ('DeleteObject', 'DeleteObjects')]
    assert deleted


def test_sigterm_during_a_run_keeps_it_and_it_goes_on(setup, cloud, s3, medium_table):
    one = setup()
    start_large(one, cloud, 'stopped')
    assert one.stop(40) == 0
    read = cloud.count('dynamodb', 'Scan')
    assert not any(key.endswith('backup.json') for key in all_keys(s3, 'student-backup', 'backups/stopped/'))
    cloud.reset()
    one.start()
    one.wait(lambda: '"running"' not in one.ctl('status', '--json').stdout, 'the end of what goes on', 60)
    backup = Backup(s3, 'student-backup', 'backups/stopped/')
    assert_same_typed(medium_table, backup.typed())
    assert_same_plain(medium_table, backup.plain())
    assert backup.record['resumed'] == 1 and cloud.count('dynamodb', 'Scan') <= backup.record['pages'] and read
    assert uploads(s3, 'student-backup', 'backups/stopped/') == []
    history = json.loads(one.ctl('history', 'stopped', '--json').stdout)['runs']
    assert [(row['result'], row['resumed']) for row in history] == [('success', 1)], history


def test_run_wait_ends_with_the_runs_own_result(setup, cloud, medium_table):
    one = setup()
    start_large(one, cloud, 'waited')
    one.ctl('cancel', 'waited')
    one.wait(lambda: 'cancel' in one.ctl('status', 'waited').stdout.lower(), 'cancelled in status')


def test_a_second_run_of_a_job_is_not_started_twice(setup, cloud, s3, small_table):
    one = setup()
    one.job('small')
    cloud.fault('dynamodb', 'delay', 'Scan', wait=2)
    one.start()
    one.ctl('run', 'small')
    said = one.ctl('run', 'small', status=None)
    assert 'small' in said.stdout + said.stderr
    one.wait(lambda: '"running"' not in one.ctl('status', '--json').stdout, 'the end of what runs')
    time.sleep(1)
    homes = {key.split('/AWSDynamoDB/')[1].split('/')[0] for key in all_keys(s3, 'student-backup', 'backups/small/AWSDynamoDB/')}
    assert len(homes) == 1, said


# The journal, systemd and CloudWatch.
def test_the_watchdog_is_fed(setup):
    one = setup(environment={'WATCHDOG_USEC': '2000000'})
    one.job('small')
    one.start()
    one.wait(lambda: one.notify.count('WATCHDOG') >= 3, 'three feedings')


def events(cloud, group):
    streams = cloud.ask('/logs').get(group, {'streams': {}})['streams']
    return {name: [event['message'] for event in lines] for name, lines in streams.items()}


def test_cloudwatch_hears_what_the_journal_hears(setup, cloud, small_table):
    one = setup()
    one.job('small', CloudWatch={'LogGroup': '/backup/small', 'RetentionDays': 30})
    one.start()
    one.run('small', local=False)
    one.wait(lambda: any(events(cloud, '/backup/small').values()), 'events')
    (stream, lines), = events(cloud, '/backup/small').items()
    assert stream.endswith('/small') and any('small' in line for line in lines)
    assert cloud.ask('/logs')['/backup/small']['retention'] == 30
    one.run('small', local=False)
    one.stop()
    assert len(events(cloud, '/backup/small')[stream]) > len(lines)
    assert cloud.count('logs', 'CreateLogGroup') <= 1


@pytest.mark.alone
@pytest.mark.parametrize('fault', ['deny', 'stall', 'close', '500'])
def test_a_cloudwatch_outage_never_fails_a_backup(setup, cloud, small_table, fault):
    action, more = {'500': ('error', {'status': 500, 'code': 'ServiceUnavailableException'}), 'stall': ('stall', {'wait': 20})}.get(fault, (fault, {}))
    cloud.fault('logs', action, **more)
    one = setup(daemon={'StopTimeout': '2s'})
    one.job('small', CloudWatch={'LogGroup': f'/backup/{fault}'})
    one.start()
    began = time.monotonic()
    for _ in range(3):
        one.run('small', local=False)
    assert time.monotonic() - began < 15
    one.stop()
    said = [line for line in one.journal().splitlines() if 'CloudWatch' in line or '/backup/' in line]
    assert len(said) <= 2, said


@pytest.mark.alone
def test_the_loop_never_stalls_over_a_large_run(setup, cloud, medium_table):
    one = setup()
    one.job('medium', Destination={'Format': 'dynamodb-json json'}, Scan={'Segments': 4})
    one.start()
    one.ctl('run', 'medium')
    worst = longest_answer(one, lambda: cloud.count('s3', 'CompleteMultipartUpload') == 0, 30)
    print(f'\nlongest answer of the control socket during a run, waits for a processor aside: {worst * 1000:.1f} ms')
    assert worst < 0.1 * float(os.environ.get('SLOW', '1')) * (20 if os.environ.get('WRAP') else 1)


def waited_for_a_processor(task):
    """Seconds that a thread was ready to run and others ran instead: a busy machine is no fault of the loop's."""
    with open(f'/proc/{task}/schedstat', encoding='ascii') as file:
        return int(file.read().split()[1]) / 1e9


def longest_answer(one, more, seconds):
    """The control socket asked again and again: the longest time that the loop took to answer."""
    def waited():
        return waited_for_a_processor(f'{one.child.pid}/task/{one.child.pid}') + waited_for_a_processor('thread-self')
    worst, end = 0.0, time.monotonic() + seconds
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(str(one.root / 'run/control.sock'))
        while time.monotonic() < end and more():
            began = time.monotonic() - waited()
            link.sendall(b'{"method":"org.varlink.service.GetInfo"}\0')
            while not link.recv(65536).endswith(b'\0'):
                pass
            worst = max(worst, time.monotonic() - waited() - began)
            time.sleep(0.005)
    return worst
