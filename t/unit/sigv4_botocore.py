"""Signs with botocore what test_sigv4.c signed, and says where they differ.

    sigv4_botocore.py FILE COUNT    exit code 0: all COUNT of FILE are alike
"""

import datetime
import json
import sys
import types
from urllib.parse import parse_qsl, urlsplit

import botocore.auth
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.utils import percent_encode


def set_clock(seconds):
    """Lets botocore's signer see this time and no other."""
    now = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).replace(tzinfo=None)

    class Clock(datetime.datetime):
        @classmethod
        def utcnow(cls):
            return now

    botocore.auth.datetime = types.SimpleNamespace(datetime=Clock)
    if hasattr(botocore.auth, "get_current_datetime"):      # newer than Debian 12's
        botocore.auth.get_current_datetime = lambda *_, **__: now


def request_of(case):
    unsigned = case["sha256"] == "UNSIGNED-PAYLOAD"
    request = AWSRequest(
        method=case["method"],
        url="https://" + case["host"] + percent_encode(case["path"], safe="/~"),
        params=[tuple(pair) for pair in case["query"]],
        data=case["body"].encode() if case["kind"] == "sign" else b"",
    )
    for name, value in case["headers"]:
        request.headers[name] = value
    config = types.SimpleNamespace(s3={"payload_signing_enabled": not unsigned})
    request.context["client_config"] = config
    return request


def differs(case):
    set_clock(case["now"])
    keys = Credentials(case["access"], case["secret"], case["token"])
    request = request_of(case)
    path, _, query = case["target"].partition("?")

    if path != urlsplit(request.url).path:
        return "path %r, not %r" % (path, urlsplit(request.url).path)

    if case["kind"] == "sign":
        signer = S3SigV4Auth(keys, "s3", case["region"])
        signer.add_auth(request)
        if request.headers["Authorization"] != case["authorization"]:
            return "%s, not %s" % (case["authorization"], request.headers["Authorization"])
        if query != signer.canonical_query_string(request):
            return "query %r" % query
        return None

    request.params = dict(case["query"])
    S3SigV4QueryAuth(keys, "s3", case["region"], expires=case["expires"]).add_auth(request)
    want = urlsplit(request.url).query
    ours, theirs = (sorted(parse_qsl(q, keep_blank_values=True, strict_parsing=True))
                    for q in (query, want))
    return None if ours == theirs else "%r, not %r" % (ours, theirs)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        cases = json.load(file)

    wrong = 0
    for case in cases:
        text = differs(case)
        if text is not None:
            wrong += 1
            if wrong <= 3:
                print("differs:", json.dumps(case), text, sep="\n  ", file=sys.stderr)

    print("%d requests, %d differ" % (len(cases), wrong))
    sys.exit(0 if wrong == 0 and len(cases) == int(sys.argv[2]) else 1)


main()
