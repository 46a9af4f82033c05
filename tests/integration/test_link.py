# SPDX-License-Identifier: Apache-2.0
"""The link: it works until the end that the mail states, and not after, whoever's life is the shorter."""
import datetime
import re
import subprocess
import time

import pytest
from backups import Backup, all_keys, parse
from conftest import role
from items import assert_same_plain
from mail import box, fetch, links

MAIL = {'From': 'backup@example.edu.vn'}


def one_mail(one, cloud, to):
    one.wait(lambda: box(cloud, to), f'a mail to {to}')
    return box(cloud, to)[-1]


def stated_ends(text):
    """Every time of day with a date that a text states, in seconds since 1970 (UTC and ISO 8601 alike)."""
    found = re.findall(r'(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d)?)(?:\.\d+)?\s*(Z|UTC|[+-]\d\d:?\d\d)?', text)
    out = []
    for day, clock, zone in found:
        zone = '+00:00' if zone in ('', 'Z', 'UTC') else zone
        out.append(datetime.datetime.fromisoformat(f'{day}T{clock if len(clock) > 5 else clock + ":00"}{zone}').timestamp())
    return out


@pytest.mark.core
def test_the_mailed_link_downloads_the_backup(setup, cloud, small_table, tmp_path):
    one = setup()
    one.job('small', Destination={'Format': 'json'}, Email={**MAIL, 'To': 'link@example.edu.vn', 'LinkExpires': '1h'})
    one.start()
    one.run('small', local=False)
    mail = one_mail(one, cloud, 'link@example.edu.vn')
    link, = links(mail)
    subprocess.run(['curl', '-sfo', tmp_path / 'got.json', link], check=True)
    assert_same_plain(small_table, parse((tmp_path / 'got.json').read_bytes()))
    assert str(len(small_table)) in mail['body']['text'] and 's3://student-backup/backups/small/' in mail['body']['text']
    ends = stated_ends(mail['body']['text'])
    assert any(abs(end - time.time() - 3600) < 60 for end in ends), mail['body']['text']


def test_the_link_dies_when_it_says(setup, cloud, small_table):
    one = setup()
    one.job('small', Destination={'Format': 'json'}, Email={**MAIL, 'To': 'brief@example.edu.vn', 'LinkExpires': '6s'})
    one.start()
    one.run('small', local=False)
    link, = links(one_mail(one, cloud, 'brief@example.edu.vn'))
    assert fetch(link)[0] == 200
    time.sleep(6.5)
    assert fetch(link)[0] == 403


def test_the_mail_states_the_earlier_end_when_credentials_die_first(setup, cloud, small_table):
    one = setup(credentials='imds')
    one.job('small', Destination={'Format': 'json'}, Credentials={'RoleArn': role('ShortLived')},
            Email={**MAIL, 'To': 'early@example.edu.vn', 'LinkExpires': '1h'})
    one.start()
    one.run('small', local=False)
    mail = one_mail(one, cloud, 'early@example.edu.vn')
    link, = links(mail)
    assert fetch(link)[0] == 200
    ends = stated_ends(mail['body']['text'])
    assert any(abs(end - time.time()) < 10 for end in ends), mail['body']['text']
    assert not any(end - time.time() > 600 for end in ends)
    time.sleep(8.5)
    assert fetch(link)[0] in (400, 403)


def test_ctl_makes_fresh_links(setup, s3, small_table):
    one = setup()
    one.job('small', Destination={'Format': 'dynamodb-json json'})
    one.run('small')
    backup = Backup(s3, 'student-backup', 'backups/small/')
    for name in (backup.id, 'small@latest'):
        out = one.ctl('link', name, local=True).stdout
        found = re.findall(r'https?://\S+X-Amz-Signature=[0-9a-f]{64}\S*', out)
        assert found and all(fetch(link)[0] == 200 for link in found)
    done = one.ctl('link', f's3://student-backup/{backup.home}', '--region', 'us-east-1', local=True)
    assert 'X-Amz-Signature=' in done.stdout


def test_a_backup_that_was_copied_elsewhere_is_linked_and_verified_where_it_stands(setup, s3, small_table):
    one = setup()
    one.job('small', Destination={'Format': 'dynamodb-json json', 'Prefix': 'from/here/'})
    one.run('small')
    backup = Backup(s3, 'student-backup', 'from/here/')
    for key in all_keys(s3, 'student-backup', 'from/here/'):
        body = s3.get_object(Bucket='student-backup', Key=key)['Body'].read()
        s3.put_object(Bucket='student-backup', Key=key.replace('from/here/', 'to/'), Body=body)
        s3.delete_object(Bucket='student-backup', Key=key)
    copy = f's3://student-backup/to/AWSDynamoDB/{backup.id}/'
    link, = one.json('link', copy, '--region', 'us-east-1', local=True)['links']
    assert link['key'].startswith('to/backup-')
    assert_same_plain(small_table, parse(fetch(link['url'])[1]))
    assert one.json('verify', copy, '--region', 'us-east-1', local=True)['result'] == 'good'


def test_odd_keys_can_be_linked(setup, cloud, s3, small_table):
    prefix = "sao lưu/a+b &=@'()!~*,;$ 100%/"
    one = setup()
    one.job('small', Destination={'Format': 'json', 'Prefix': prefix}, Email={**MAIL, 'To': 'odd@example.edu.vn'})
    one.start()
    one.run('small', local=False)
    link, = links(one_mail(one, cloud, 'odd@example.edu.vn'))
    status, body, _ = fetch(link)
    assert status == 200
    assert_same_plain(small_table, parse(body))


def test_data_files_are_linked_where_there_is_no_plain_object(setup, cloud, small_table):
    one = setup()
    one.job('small', Email={**MAIL, 'To': 'files@example.edu.vn'})
    one.start()
    one.run('small', local=False)
    found = links(one_mail(one, cloud, 'files@example.edu.vn'))
    assert len(found) == 1 and '/data/' in found[0] and fetch(found[0])[0] == 200


def test_no_secret_in_any_log(setup, cloud, small_table):
    """Setup.close looks for them in the journal; here the loudest log is turned on."""
    one = setup(credentials='imds', daemon={'LogLevel': 'debug'})
    one.job('small', Destination={'Format': 'json'}, Email={**MAIL, 'To': 'quiet@example.edu.vn'}, CloudWatch={'LogGroup': '/backup/quiet'})
    one.start()
    one.run('small', local=False)
    one_mail(one, cloud, 'quiet@example.edu.vn')
    assert 'X-Amz-Signature' not in str(cloud.ask('/logs'))
