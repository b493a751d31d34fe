"""What stands between a connector and AWS, and has bad days: an HTTPS server that passes calls on.

The signature stays good: a call is passed on with the headers it came with, its Host among them,
and moto takes signatures by the headers that it sees.

    proxy.rule("PutUserPolicy", throttled(), times=2)
    rule = proxy.rule("PutUserPolicy", cut_after())       # once
    rule.await_use()

A rule is asked for calls of its action in the order the rules were made, and is used up after
`times` calls (None: never). What it does is a function of (proxy, call) that gives an Answer, or
None to cut the connection.
"""

import http.client
import http.server
import json
import os
import re
import ssl
import threading
import time
from email.utils import formatdate
from urllib.parse import parse_qs, urlsplit

from aws_ground import CA_FILE, URL
from checks import WAIT_S, Failure

HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding", "content-length")
SUCCESS = (
    "<{0}Response><ResponseMetadata><RequestId>late</RequestId></ResponseMetadata></{0}Response>"
)
ERROR = (
    "<ErrorResponse><Error><Type>Sender</Type><Code>{}</Code><Message>{}</Message></Error>"
    "<RequestId>r</RequestId></ErrorResponse>"
)
ERROR_OF_EC2 = (
    "<Response><Errors><Error><Code>{}</Code><Message>{}</Message></Error></Errors>"
    "<RequestID>r</RequestID></Response>"
)


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body


class Call:
    """One call of AWS's API."""

    def __init__(self, method, path, headers, body):
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        text = body.decode("utf-8", "replace")
        target = headers.get("X-Amz-Target")
        self.is_json = target is not None
        if self.is_json:
            self.action = target.rsplit(".", 1)[1]
            self.parameters = json.loads(text or "{}")
        else:
            query = parse_qs(text or urlsplit(path).query)
            self.parameters = {name: values[0] for name, values in query.items()}
            self.action = self.parameters.get("Action", "")
        scope = re.search(r"Credential=([^,]+)", headers.get("Authorization", ""))
        pieces = scope[1].split("/") if scope else ["", "", "", ""]
        self.key_id, _, self.region, self.service = pieces[:4]
        self.status = None  # of the answer, once there is one

    def __repr__(self):
        return f"{self.service}:{self.action} {self.status}"


# What the JSON protocol calls the same; its status is 400 then.
JSON_CODES = {
    "AccessDenied": "AccessDeniedException",
    "ExpiredToken": "ExpiredTokenException",
    "Throttling": "ThrottlingException",
}


def error(call, status, code, message, headers=None):
    """As AWS writes errors in the protocol of the call."""
    if call.is_json:
        status = 400 if code in JSON_CODES else status
        body = json.dumps({"__type": JSON_CODES.get(code, code), "message": message})
        kind = "application/x-amz-json-1.1"
    elif call.service == "ec2":
        body = ERROR_OF_EC2.format(code, message)
        kind = "text/xml"
    else:
        body = ERROR.format(code, message)
        kind = "text/xml"
    return Answer(status, {"Content-Type": kind, **(headers or {})}, body.encode())


# ---- What can happen ------------------------------------------------------------------------------


def fails_with(status, code, message, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda proxy, call: error(call, status, code, message, named)


def throttled():
    return fails_with(400, "Throttling", "Rate exceeded")


def too_many(retry_after_s):
    return fails_with(429, "TooManyRequestsException", "Slow down", Retry_After=str(retry_after_s))


def broken(status=500):
    return fails_with(
        status, "ServiceFailure" if status == 500 else "ServiceUnavailable", "Not now"
    )


def denied():
    return fails_with(403, "AccessDenied", "User is not authorized to perform this")


def expired():
    return fails_with(403, "ExpiredToken", "The security token included in the request is expired")


def full():
    return fails_with(409, "LimitExceeded", "Maximum policy size of 2048 bytes exceeded")


def cut_before():
    """Nothing was done, and there is no answer."""
    return lambda proxy, call: None


def cut_after():
    """It was done, and there is no answer."""

    def happen(proxy, call):
        proxy.pass_on(call)

    return happen


def silent_after(released):
    """It was done, and the connection stays open without a word until the event `released`."""

    def happen(proxy, call):
        proxy.pass_on(call)
        released.wait()

    return happen


def broken_after(status=500):
    """It was done, and the answer says that it failed."""

    def happen(proxy, call):
        proxy.pass_on(call)
        return error(call, status, "ServiceFailure", "Not now")

    return happen


def meanwhile(do):
    """`do()` happens just before the call arrives."""

    def happen(proxy, call):
        do()
        return proxy.pass_on(call)

    return happen


def late(calls):
    """AWS says that it is done, and does it once `calls` others have been answered: what they read
    is from before."""

    def happen(proxy, call):
        proxy.hold_back(call, calls)
        return Answer(200, {"Content-Type": "text/xml"}, SUCCESS.format(call.action).encode())

    return happen


# ---- The proxy ------------------------------------------------------------------------------------


class Rule:
    def __init__(self, action, happen, times, where):
        self.action = action
        self.happen = happen
        self.left = times
        self.where = where
        self.used = 0
        self.changed = threading.Condition()

    def takes(self, call):
        """Whether it is this rule's turn; counts the call when it is."""
        if call.action not in self.action or not self.where(call):
            return False
        with self.changed:
            if self.left == 0:
                return False
            self.left = None if self.left is None else self.left - 1
            self.used += 1
            self.changed.notify_all()
        return True

    def await_use(self, times=1):
        with self.changed:
            if not self.changed.wait_for(lambda: self.used >= times, WAIT_S):
                raise Failure(f"{self.action}: {self.used} calls, not {times} within {WAIT_S} s")

    def stop(self):
        with self.changed:
            self.left = 0


class Proxy:
    """Use as a context manager; `url` is an endpoint for every service."""

    def __init__(self):
        self.rules = []
        self.calls = []
        self.changed = threading.Condition()
        self.held = []  # [call, answers still to be given before it is done]
        self.clock_ahead_s = 0  # of AWS's clock, as its answers tell it
        self.aws = urlsplit(URL)
        self.trusted = ssl.create_default_context(cafile=CA_FILE)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.proxy = self
        own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        own.load_cert_chain(
            os.environ["DAYPASS_TEST_CERT_FILE"], os.environ["DAYPASS_TEST_KEY_FILE"]
        )
        self.server.socket = own.wrap_socket(
            self.server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.url = f"https://localhost:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.settle()
        self.server.shutdown()
        self.server.server_close()

    def rule(self, action, happen, times=1, where=lambda call: True):
        """`action`: a name, or several."""
        rule = Rule((action,) if isinstance(action, str) else action, happen, times, where)
        self.rules.append(rule)
        return rule

    def handle(self, call):
        """An Answer, or None: the connection is cut."""
        rule = next((each for each in self.rules if each.takes(call)), None)
        answer = rule.happen(self, call) if rule else self.pass_on(call)
        call.status = answer.status if answer else 0
        if not (rule and any(held is call for held, _ in self.held)):
            self.count_answer()
        with self.changed:
            self.calls.append(call)
            self.changed.notify_all()
        return answer

    def pass_on(self, call):
        connection = http.client.HTTPSConnection(
            self.aws.hostname, self.aws.port, timeout=WAIT_S, context=self.trusted
        )
        try:
            connection.putrequest(call.method, call.path, skip_host=True, skip_accept_encoding=True)
            for name, value in call.headers.items():
                if name.lower() not in HOP_BY_HOP:
                    connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(call.body)))
            connection.endheaders(call.body)
            got = connection.getresponse()
            return Answer(got.status, dict(got.getheaders()), got.read())
        finally:
            connection.close()

    # ---- What is done late -----------------------------------------------------------------------

    def hold_back(self, call, answers):
        with self.changed:
            self.held.append([call, answers])

    def count_answer(self):
        with self.changed:
            for entry in self.held:
                entry[1] -= 1
        self.settle(lambda left: left <= 0)

    def settle(self, when=lambda left: True):
        """What was held back is done now, in its order."""
        with self.changed:
            due = [call for call, left in self.held if when(left)]
            self.held = [entry for entry in self.held if not when(entry[1])]
        for call in due:
            self.pass_on(call)

    # ---- What has happened -------------------------------------------------------------------------

    def of(self, *actions):
        with self.changed:
            return [call for call in self.calls if call.action in actions]

    def await_call(self, action, times=1, where=lambda call: True):
        """The last of so many calls of the action."""
        with self.changed:

            def found():
                return [call for call in self.calls if call.action == action and where(call)]

            if not self.changed.wait_for(lambda: len(found()) >= times, WAIT_S):
                raise Failure(
                    f"{action}: {len(found())} calls, not {times}, within {WAIT_S} s: {self.calls}"
                )
            return found()[-1]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one_call(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        call = Call(self.command, self.path, self.headers, body)
        proxy = self.server.proxy
        try:
            answer = proxy.handle(call)
        except OSError:  # moto has gone
            answer = None
        if answer is None:
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        self.send_header("Date", formatdate(time.time() + proxy.clock_ahead_s, usegmt=True))
        for name, value in answer.headers.items():
            if name.lower() not in (*HOP_BY_HOP, "date"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_POST = handle_one_call

    def handle(self):
        try:
            super().handle()
        except OSError:  # of whoever called: gone, or no TLS
            pass

    def log_message(self, *_):
        pass
