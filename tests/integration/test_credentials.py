# SPDX-License-Identifier: Apache-2.0
"""Who signs: each source of credentials, the role on top, and credentials that die in the middle of a scan."""
import time

import pytest
from backups import Backup
from conftest import HOST, INSTANCE_ROLE, ROLE, role
from items import assert_same_typed
from servers.keys import role_of


def signers(cloud, service, operation):
    """The roles or users that signed this operation."""
    return {role_of(row['by']) for row in cloud.seen(service) if row['operation'] == operation and row['by']}


@pytest.mark.core
def test_the_instance_role_alone(setup, cloud, s3, small_table):
    one = setup(credentials='imds')
    one.job('small')
    one.run('small')
    assert signers(cloud, 'dynamodb', 'Scan') == {INSTANCE_ROLE}
    assert_same_typed(small_table, Backup(s3, 'student-backup', 'backups/small/').typed())


def test_the_region_comes_from_the_instance(setup, small_table):
    one = setup(credentials='imds')
    one.job('small')
    path = one.root / 'jobs.d/small.conf'
    path.write_text(path.read_text().replace('Region=us-east-1\n', ''))
    one.run('small')


def test_credentials_die_in_the_middle_of_the_scan(setup, cloud, s3, medium_table):
    """IMDSv2 -> AssumeRole -> use; the role's credentials live 8 s, the instance's 10 s, the scan some 20 s."""
    cloud.configure('imds', ttl=10, rotate=2)
    one = setup(credentials='imds')
    one.job('short', Job={'Table': 'medium'}, Credentials={'RoleArn': role('ShortLived')}, Scan={'Segments': 1},
            Destination={'Format': 'dynamodb-json json'})
    cloud.fault('dynamodb', 'delay', 'Scan', wait=0.8)
    began = time.monotonic()
    one.run('short')
    took = time.monotonic() - began
    keys = {row['access_key'] for row in cloud.seen('dynamodb') if row['operation'] == 'Scan'}
    print(f'\nthe run took {took:.1f} s with {len(keys)} sets of credentials of 8 s each')
    assert took > 12 and len(keys) >= 2 and signers(cloud, 'dynamodb', 'Scan') == {role('ShortLived')}
    assert cloud.count('sts', 'AssumeRole') <= took / 3
    assert_same_typed(medium_table, Backup(s3, 'student-backup', 'backups/short/').typed())


def test_an_expired_answer_brings_one_refresh(setup, cloud, small_table):
    one = setup(credentials='imds')
    one.job('small', Credentials={'RoleArn': ROLE}, Scan={'Segments': 4})
    cloud.fault('dynamodb', 'expired', 'Scan', count=1)
    one.run('small')
    assert cloud.count('sts', 'AssumeRole') == 2


@pytest.mark.alone
def test_the_old_credentials_serve_while_a_refresh_fails(setup, cloud, small_table):
    """The role's credentials live 12 s, so they are due when 3 s remain; then STS fails, and a run still succeeds."""
    one = setup()
    one.job('small', Credentials={'RoleArn': role('TwelveSeconds')})
    one.start()
    began = time.monotonic()
    one.run('small', local=False)
    cloud.fault('sts', 'error', status=500, code='InternalFailure')
    time.sleep(max(0.0, 9.3 - (time.monotonic() - began)))
    one.run('small', local=False)
    assert cloud.count('sts', 'AssumeRole') >= 2


def test_jobs_share_no_credentials(setup, cloud, small_table):
    one = setup(credentials='imds')
    one.job('plain', Job={'Table': 'small'})
    one.job('assumed', Job={'Table': 'small'}, Credentials={'RoleArn': ROLE})
    one.job('writer', Job={'Table': 'small'}, Destination={'RoleArn': role('BucketWriter')})
    one.start()
    for name, scans, puts in (('plain', INSTANCE_ROLE, INSTANCE_ROLE), ('assumed', ROLE, ROLE),
                              ('writer', INSTANCE_ROLE, role('BucketWriter'))):
        cloud.reset()
        one.run(name, local=False)
        assert signers(cloud, 'dynamodb', 'Scan') == {scans}, name
        assert signers(cloud, 's3', 'PutObject') == {puts}, name


def test_one_refresh_however_many_jobs_wait(setup, cloud, small_table):
    one = setup(credentials='imds', daemon={'MaxConcurrentJobs': 8})
    names = [f'job{n}' for n in range(8)]
    for name in names:
        one.job(name, Job={'Table': 'small'})
    cloud.fault('imds', 'delay', 'credentials', wait=1)
    one.start()
    for name in names:
        one.ctl('run', name)
    one.wait(lambda: cloud.count('dynamodb', 'Scan') >= 8, 'eight scans')
    assert cloud.count('imds', 'credentials') == 1


def test_external_id(setup, small_table):
    one = setup()
    one.job('small', Credentials={'RoleArn': role('Outside'), 'ExternalId': 'student-42'})
    one.run('small')
    one.job('small', Credentials={'RoleArn': role('Outside'), 'ExternalId': 'another'})
    done = one.run('small', status=1)
    assert 'AccessDenied' in done.stderr and 'Outside' in done.stderr


def test_the_session_is_named_after_the_job(setup, cloud, small_table):
    one = setup()
    one.job('small', Credentials={'RoleArn': ROLE})
    one.run('small')
    one.job('n' * 150, Job={'Table': 'small'}, Credentials={'RoleArn': ROLE, 'Duration': '2h'})
    one.run('n' * 150)
    calls = [row for row in cloud.seen('sts') if row['operation'] == 'AssumeRole']
    assert calls[0]['session'] == 'dynamodb-backupd-small' and calls[0]['duration'] in (None, '3600')
    assert len(calls[1]['session']) == 64 and calls[1]['session'][-9] == '-' and calls[1]['duration'] == '7200'


def test_chaining_falls_back_to_an_hour_with_a_warning(setup, cloud, small_table):
    one = setup(credentials='imds')
    one.job('small', Credentials={'RoleArn': ROLE, 'Duration': '4h'})
    done = one.run('small')
    assert 'hour' in done.stderr or '1h' in done.stderr
    assert [row['duration'] for row in cloud.seen('sts') if row['operation'] == 'AssumeRole'][-1] in (None, '3600')


def write_profiles(folder):
    (folder / 'aws-credentials').write_text(f'[school]\naws_access_key_id = {HOST["access_key"]}\n'
                                            f'aws_secret_access_key = {HOST["secret_key"]}\n')
    (folder / 'aws-config').write_text(f'[profile school]\nregion = us-east-1\n\n[profile backup]\nrole_arn = {ROLE}\n'
                                       'source_profile = school\nrole_session_name = from-profile\n')


def test_profiles_from_the_credentials_directory(setup, cloud, small_table):
    one = setup(credentials='none')
    write_profiles(one.root)
    one.environment['CREDENTIALS_DIRECTORY'] = str(one.root)
    one.job('small', Credentials={'Source': 'profile', 'Profile': 'school'})
    one.run('small')
    one.job('small', Credentials={'Source': 'profile', 'Profile': 'backup'})
    one.run('small')
    assert signers(cloud, 'dynamodb', 'Scan') == {'arn:aws:iam::123456789012:user/host', ROLE}


def test_profiles_from_the_files_that_the_environment_names(setup, small_table):
    one = setup(credentials='none')
    write_profiles(one.root)
    one.environment.update(AWS_SHARED_CREDENTIALS_FILE=str(one.root / 'aws-credentials'), AWS_CONFIG_FILE=str(one.root / 'aws-config'))
    one.job('small', Credentials={'Profile': 'school'})
    one.run('small')


def test_no_credentials_anywhere_is_one_clear_error(setup, cloud, small_table):
    one = setup(credentials='none', environment={'AWS_EC2_METADATA_DISABLED': 'true'})
    one.job('small')
    done = one.run('small', status=1)
    assert 'credentials' in done.stderr.lower()
