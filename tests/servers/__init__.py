# SPDX-License-Identifier: Apache-2.0
"""The cloud that the tests stand the daemon in: small servers, each stricter than a stand-in, all in one process.

`python3 -m servers CONFIG.json` (see __main__.py) starts a chosen set. They share one table of credentials (keys.py), one
judge of signatures (sigv4.py, which is botocore's signer) and one engine of faults (faults.py).
"""
