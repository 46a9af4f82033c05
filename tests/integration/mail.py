# SPDX-License-Identifier: Apache-2.0
"""The mailbox of aws-ses-v2-local, and what tests read in it."""
import html
import json
import re
import urllib.error
import urllib.request


def box(cloud, to=None):
    """The mails sent so far (to one address): dicts with subject, body.text, body.html, destination."""
    with urllib.request.urlopen(cloud.url['ses'] + '/store', timeout=20) as answer:
        mails = json.load(answer)['emails']
    return [mail for mail in mails if to is None or to in str(mail['destination'])]


def links(mail):
    """The https and http links of the text part, and those of the HTML part must be the same."""
    text = re.findall(r'https?://[^\s<>"\']+X-Amz-Signature=[0-9a-f]{64}[^\s<>"\']*', mail['body']['text'])
    page = re.findall(r'href="(https?://[^"]+X-Amz-Signature=[^"]+)"', mail['body']['html'])
    assert set(text) == {html.unescape(link) for link in page}
    return text


def fetch(url, headers=None):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=30) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as wrong:
        return wrong.code, wrong.read(), dict(wrong.headers)
