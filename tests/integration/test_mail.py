# SPDX-License-Identifier: Apache-2.0
"""The mail: what it says, whom it reaches, and that it never fails a backup."""
import pytest
from backups import Backup, all_keys
from mail import box

FROM = 'backup@example.edu.vn'


def test_a_success_mail_says_what_was_done(setup, cloud, s3, small_table):
    one = setup()
    one.job('small', Destination={'Format': 'dynamodb-json json'}, Email={
        'From': FROM, 'To': ['a1@example.edu.vn', 'a2@example.edu.vn'], 'Cc': 'c@example.edu.vn', 'ReplyTo': 'r@example.edu.vn'})
    one.start()
    one.run('small', local=False)
    one.wait(lambda: box(cloud, 'a1@example.edu.vn'), 'a mail')
    mail, = box(cloud, 'a1@example.edu.vn')
    assert mail['destination']['to'] == ['a1@example.edu.vn', 'a2@example.edu.vn'] and mail['destination']['cc'] == ['c@example.edu.vn']
    assert mail['replyTo'] == ['r@example.edu.vn'] and mail['from'] == FROM and 'small' in mail['subject']
    backup = Backup(s3, 'student-backup', 'backups/small/')
    for part in ('text', 'html'):
        for word in ('small', str(len(small_table)), f's3://student-backup/{backup.home}', 'restore'):
            assert word in mail['body'][part], (part, word)


def test_a_failure_mail_says_what_failed_and_what_to_do(setup, cloud, small_table):
    one = setup()
    one.job('small', Email={'From': FROM, 'To': 'fail@example.edu.vn'})
    cloud.fault('dynamodb', 'deny', 'Scan')
    one.start()
    one.run('small', status=1, local=False)
    one.wait(lambda: box(cloud, 'fail@example.edu.vn'), 'a mail')
    mail, = box(cloud, 'fail@example.edu.vn')
    assert 'AccessDeniedException' in mail['body']['text'] and 'small' in mail['subject']
    assert 'dynamodb:Scan' in mail['body']['text'] or 'doctor' in mail['body']['text']


@pytest.mark.parametrize('on, mails', [('success', 1), ('failure', 0), ('success failure', 1)])
def test_mails_only_when_asked(setup, cloud, small_table, on, mails):
    to = on.replace(' ', '-') + '@example.edu.vn'
    one = setup()
    one.job('small', Email={'From': FROM, 'To': to, 'On': on})
    one.start()
    one.run('small', local=False)
    if mails:
        one.wait(lambda: box(cloud, to), 'a mail')
    one.stop()
    assert len(box(cloud, to)) == mails


@pytest.mark.parametrize('fault', ['500', 'close', 'expired'])
def test_a_mail_is_tried_again(setup, cloud, s3, small_table, fault):
    to = f'retry-{fault}@example.edu.vn'
    one = setup()
    one.job('small', Job={'RetryFor': '3s'}, Email={'From': FROM, 'To': to})
    action, more = {'500': ('error', {'status': 500, 'code': 'InternalFailure'})}.get(fault, (fault, {}))
    cloud.fault('ses', action, 'SendEmail', count=2 if fault != 'expired' else 1, **more)
    one.start()
    one.run('small', local=False)
    one.wait(lambda: box(cloud, to), 'the mail at last', 90)
    assert len(box(cloud, to)) == 1


def test_an_unverified_mail_address(setup, cloud, s3, small_table):
    """The backup stands, the refusal is logged and shown in status."""
    cloud.fault('ses', 'error', 'SendEmail', status=400, code='MessageRejected',
                message='Email address is not verified. The following identities failed the check in region US-EAST-1: x@example.edu.vn')
    one = setup()
    one.job('small', Email={'From': FROM, 'To': 'x@example.edu.vn'})
    one.start()
    one.run('small', local=False)
    assert Backup(s3, 'student-backup', 'backups/small/').record['items'] == len(small_table)
    one.wait_journal('not verified')
    assert 'not verified' in one.ctl('status', 'small').stdout or 'mail' in one.ctl('status', 'small').stdout.lower()


def test_an_own_template_folder(setup, cloud, small_table):
    one = setup()
    folder = one.root / 'templates'
    folder.mkdir()
    for name in ('success', 'failure'):
        (folder / f'{name}.txt').write_text('Subject: Bản sao {{job}}\nxong {{items}}\n')
        (folder / f'{name}.html').write_text('<p>xong &amp; {{items}}</p>\n')
    one.job('small', Email={'From': FROM, 'To': 'template@example.edu.vn', 'Template': folder})
    one.start()
    one.run('small', local=False)
    one.wait(lambda: box(cloud, 'template@example.edu.vn'), 'a mail')
    mail, = box(cloud, 'template@example.edu.vn')
    assert mail['subject'] == 'Bản sao small' and f'xong {len(small_table)}' in mail['body']['text']


def test_no_mail_section_no_mail(setup, cloud, s3, small_table):
    before = len(box(cloud))
    one = setup()
    one.job('small')
    one.run('small')
    assert len(box(cloud)) == before and all_keys(s3, 'student-backup', 'backups/small/')
