"""Signatures agree byte for byte with botocore's, for the same inputs and clock: queries that are
signed for others, RDS tokens among them, and the headers of our own calls, which libcurl signs and a
server in here sees. The keys are made up here; they reach the program over a pipe."""

import calendar
import contextlib
import datetime
import http.server
import json
import os
import subprocess
import sys
import threading
import time
import traceback
import urllib.parse
from unittest import mock

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.session
import botocore.signers

from checks import check, check_equal

SIGNER = os.path.join(os.environ["DAYPASS_BUILD"], "test/unit/aws/aws_signer")
AT_S = 1767225599  # a second before a year ends
TIMES_S = [0, 951782400, AT_S, AT_S + 1, 4102444800]
REGIONS = [
    "us-east-1", "eu-central-1", "ap-southeast-7", "mx-central-1",
    "us-gov-west-1", "cn-north-1", "cn-northwest-1", "us-iso-east-1", "us-isob-east-1",
]
HOSTS = [
    "orders.abcdefghijkl.eu-central-1.rds.amazonaws.com",
    "orders.cluster-ro-abcdefghijkl.cn-north-1.rds.amazonaws.com.cn",
    "localhost", "127.0.0.1",
]
USERS = [
    "app_read", "app read", "a+b", "jane@example.com", "o'brien", 'say "x"', "50%", "a/b", "a&b=c", "~-._",
    "%41", "jürgen", "日本語", "🙂", "*?#[]", "back\\slash", "a" * 256, "tab\there",
]  # fmt: skip
LASTING = {"key_id": "AKEXAMPLELASTING", "key": "made/up+for=this/test"}
PASSING = {**LASTING, "key_id": "ASEXAMPLEPASSING", "session": "Fwo/Gz+IvYXdz" + "/+=Ab09" * 120}
TESTS = []


def test(function):
    TESTS.append(function)
    return function


class Signer:
    """Our code, asked one thing after the other."""

    def __init__(self):
        # pylint: disable-next=consider-using-with
        self.process = subprocess.Popen([SIGNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def make(self, what, **order):
        self.process.stdin.write(json.dumps({"make": what, "at_s": AT_S, **order}) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().rstrip("\n")

    def end(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(30)


SIGNED_BY_US = Signer()
BOTOCORE = botocore.session.get_session()


@contextlib.contextmanager
def botocore_at(at_s):
    """botocore believes that it is then."""
    now = datetime.datetime.fromtimestamp(at_s, datetime.timezone.utc).replace(tzinfo=None)
    with contextlib.ExitStack() as stack:
        if hasattr(botocore.auth, "get_current_datetime"):
            stack.enter_context(mock.patch("botocore.auth.get_current_datetime", lambda *_, **__: now))
        else:
            module = mock.Mock(wraps=datetime)
            module.datetime.utcnow.return_value = now
            stack.enter_context(mock.patch("botocore.auth.datetime", module))
        yield


def credentials(keys):
    return botocore.credentials.Credentials(keys["key_id"], keys["key"], keys.get("session"))


class Stranger:
    """What generate_db_auth_token wants of a client."""

    def __init__(self, region, keys):
        self.meta = mock.Mock(region_name=region)
        hooks = BOTOCORE.get_component("event_emitter")
        # pylint: disable-next=protected-access
        self._request_signer = botocore.signers.RequestSigner(
            mock.Mock(hyphenize=lambda: "rds"), region, "rds", "v4", credentials(keys), hooks
        )


def token_of_botocore(keys, at_s, region, host, port, user):
    with botocore_at(at_s):
        return botocore.signers.generate_db_auth_token(Stranger(region, keys), host, port, user, region)


def compare_token(keys=LASTING, at_s=AT_S, region="eu-central-1", host=HOSTS[0], port=5432, user="app_read"):
    ours = SIGNED_BY_US.make("token", **{**keys, "at_s": at_s}, region=region, host=host, port=port, user=user)
    check_equal(ours, token_of_botocore(keys, at_s, region, host, port, user), f"{region} {host}:{port} {user!r}")


@test
def tokens_of_rds_agree_in_every_region_and_partition():
    for region in REGIONS:
        for keys in (LASTING, PASSING):
            compare_token(keys, region=region)


@test
def tokens_of_rds_agree_on_every_host_and_port():
    for host in HOSTS:
        for port in (5432, 3306, 1, 80, 443, 65535):
            compare_token(host=host, port=port)


@test
def tokens_of_rds_agree_for_every_name_of_a_user():
    for user in USERS:
        compare_token(user=user)
        compare_token(PASSING, user=user)


@test
def tokens_of_rds_agree_at_every_time():
    for at_s in TIMES_S:
        compare_token(at_s=at_s)


@test
def tokens_of_rds_agree_for_odd_keys():
    for key in ("x", "a" * 512, "/+=&%~'\""):
        compare_token({"key_id": "AK+odd=id", "key": key, "session": key})


@test
def tokens_differ_where_an_input_does():
    base = SIGNED_BY_US.make("token", **LASTING, region="eu-central-1", host=HOSTS[0], port=5432, user="a")
    changes = [
        {"region": "eu-central-2"}, {"host": HOSTS[1]}, {"port": 5433}, {"user": "b"}, {"key": "other"},
        {"at_s": AT_S + 1}, {"session": "s"},
    ]  # fmt: skip
    for change in changes:
        order = {**LASTING, "region": "eu-central-1", "host": HOSTS[0], "port": 5432, "user": "a", **change}
        ours = SIGNED_BY_US.make("token", **order)
        check(ours.split("X-Amz-Signature=")[-1] != base.split("X-Amz-Signature=")[-1], f"{change} changes nothing")


@test
def what_is_no_endpoint_or_region_gets_no_token():
    good = {**LASTING, "region": "eu-central-1", "host": HOSTS[0], "port": 5432, "user": "a"}
    changes = [
        {"host": ""}, {"host": "a/b"}, {"host": "a?b"}, {"host": "a b"}, {"host": "a:1"}, {"port": 0},
        {"port": 65536}, {"region": "eu-central-1/x"}, {"region": ""}, {"user": ""}, {"user": "a" * 257},
        {"at_s": -1},
    ]  # fmt: skip
    for change in changes:
        ours = SIGNED_BY_US.make("token", **{**good, **change})
        check(ours.startswith("error bad_"), f"{change} gives {ours}")


@test
def queries_agree_for_other_services_and_parameters():
    parameters = [["b", "2"], ["a", "1"], ["A", "ü /"], ["empty", ""], ["X-Amz-B", "x"]]
    host, path = "sts.eu-central-1.amazonaws.com", "/"
    for keys in (LASTING, PASSING):
        ours = SIGNED_BY_US.make(
            "query", **keys, region="eu-central-1", service="sts", host=host, path=path,
            parameters=parameters, expires_s=60,
        )  # fmt: skip
        query = "&".join(f"{quote(name)}={quote(value)}" for name, value in parameters)
        request = botocore.awsrequest.AWSRequest("GET", f"https://{host}{path}?{query}")
        with botocore_at(AT_S):
            auth = botocore.auth.SigV4QueryAuth(credentials(keys), "sts", "eu-central-1", expires=60)
            auth.add_auth(request)
        # botocore writes the parameters in an order of its own; which they are, and the signature
        # over them, is the same.
        check_equal(pairs(ours), pairs(request.url.removeprefix("https://")), "query")


def quote(text):
    return urllib.parse.quote(text, safe="-_.~")


def pairs(url):
    place, _, query = url.partition("?")
    return place, sorted(query.split("&"))


# Headers


class Listener:
    """A service that keeps what it was sent."""

    def __init__(self):
        self.seen = []
        listener = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # pylint: disable=invalid-name
                body = self.rfile.read(int(self.headers["Content-Length"]))
                listener.seen.append((self.path, self.headers, body))
                answer = b"{}" if "json" in self.headers["Content-Type"] else b"<Answer/>"
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def seconds_of(stamp):
    return calendar.timegm(time.strptime(stamp, "%Y%m%dT%H%M%SZ"))


def compare_call(keys, region, signing_region, service, **order):
    with Listener() as listener:
        ours = SIGNED_BY_US.make("call", **keys, region=region, service=service, endpoint=listener.url, **order)
        check_equal(ours, "ok", "call")
        path, headers, body = listener.seen[0]
    check_equal(len(listener.seen), 1, "calls")
    # libcurl signs with the time it is; botocore is told which that was.
    at_s = seconds_of(headers["X-Amz-Date"])
    check(abs(at_s - time.time()) < 300, f"signed for {headers['X-Amz-Date']}")
    signed = ["Content-Type"] + (["X-Amz-Target"] if service == "ssm" else [])
    request = botocore.awsrequest.AWSRequest(
        "POST", listener.url + path, headers={name: headers[name] for name in signed}, data=body
    )
    with botocore_at(at_s):
        botocore.auth.SigV4Auth(credentials(keys), service, signing_region).add_auth(request)
    for name in ("Authorization", "X-Amz-Date", "X-Amz-Security-Token"):
        check_equal(headers.get_all(name), request.headers.get_all(name), f"{service} {region} {name}")
    check("expect" not in headers["Authorization"], "a header is signed that is not sent")
    return headers, body


@test
def headers_of_calls_agree_for_each_service():
    for service in ("sts", "rds", "ec2", "iam"):
        for keys in (LASTING, PASSING):
            signing_region = "us-east-1" if service == "iam" else "eu-central-1"
            compare_call(keys, "eu-central-1", signing_region, service, action="Describe", parameters=[["A.1", "b c+d"]])


@test
def headers_of_calls_agree_in_every_partition():
    iam = {"cn-northwest-1": "cn-north-1", "us-gov-east-1": "us-gov-west-1", "us-isob-east-1": "us-isob-east-1"}
    for region, signing_region in iam.items():
        compare_call(PASSING, region, signing_region, "iam", action="GetUser", parameters=[["UserName", "jane"]])
        compare_call(PASSING, region, region, "sts", action="GetCallerIdentity", parameters=[])


@test
def headers_of_json_calls_agree():
    for keys in (LASTING, PASSING):
        body = {"State": "Active", "Filters": [{"key": "Owner", "value": "jürgen"}]}
        headers, sent = compare_call(keys, "eu-central-1", "eu-central-1", "ssm", action="DescribeSessions", body=body)
        check_equal(json.loads(sent), body, "body")
        check_equal(headers["X-Amz-Target"], "AmazonSSM.DescribeSessions", "target")


@test
def forms_say_what_was_asked_for():
    document = json.dumps({"Version": "2012-10-17", "Statement": [{"Resource": "arn:aws:x:*:ü 'é' & = + %"}]})
    _, body = compare_call(
        LASTING, "eu-central-1", "us-east-1", "iam", action="PutUserPolicy",
        parameters=[["PolicyDocument", document], ["UserName", "jane+x@example.com"], ["Empty", ""]],
    )  # fmt: skip
    asked = {
        "Action": "PutUserPolicy", "Version": "2010-05-08", "PolicyDocument": document,
        "UserName": "jane+x@example.com", "Empty": "",
    }  # fmt: skip
    check_equal(dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True)), asked, "form")


@test
def large_bodies_are_signed_as_they_are_sent():
    for size in (1000, 70000, 300000):
        compare_call(LASTING, "eu-central-1", "eu-central-1", "ec2", action="A", parameters=[["Blob", "x y" * size]])


# Endpoints


@test
def endpoints_and_partitions_are_those_botocore_knows():
    resolver = BOTOCORE.get_component("endpoint_resolver")
    count = 0
    for partition in BOTOCORE.get_available_partitions():
        for region in BOTOCORE.get_available_regions("ec2", partition):
            for service in ("iam", "sts", "rds", "ec2", "ssm"):
                known = resolver.construct_endpoint(service, region)
                if known is None or (service == "sts" and "hostname" not in known):
                    continue
                scope = known.get("credentialScope", {}).get("region", region)
                ours = SIGNED_BY_US.make("endpoint", service=service, region=region)
                check_equal(ours, f"https://{known['hostname']} {scope} {partition}", f"{service} {region}")
                count += 1
    check(count > 100, f"botocore knew {count} endpoints only")


@test
def the_program_that_signs_ends_well():
    check_equal(SIGNED_BY_US.end(), 0, "its exit status")


def main():
    print(f"1..{len(TESTS)}")
    failed = False
    for number, function in enumerate(TESTS, 1):
        name = function.__name__.replace("_", " ")
        try:
            function()
            print(f"ok {number} - {name}")
        except Exception:  # pylint: disable=broad-except
            failed = True
            print(f"not ok {number} - {name}")
            for line in traceback.format_exc().splitlines():
                print(f"# {line}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
