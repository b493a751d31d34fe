"""What the command line is given by servers and people that mean harm: it survives, says what is
wrong, runs nothing, and leaves the terminal alone."""

import http.server
import json
import os
import subprocess
import threading

from world import CLI, World, check, check_equal, main, read_text, test, write_text

TOKEN = "dps_" + "t" * 43
ESCAPES = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202egnp\u2028next\rback\x08"
FORBIDDEN = ("\x1b", "\x07", "\x9b", "\u202e", "\u2028", "\r", "\x08")


class FakeServer:
    """Answers every request with what it was last told to."""

    def __init__(self):
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def respond(self):
                length = int(self.headers.get("Content-Length", 0))
                fake.requests.append((self.path, dict(self.headers), self.rfile.read(length)))
                status, headers, body = fake.reply
                if status == 0:
                    self.wfile.write(body)
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:
                    self.close_connection = True  # whoever asked had enough

            do_GET = do_POST = do_DELETE = respond

            def log_message(self, *_):
                pass

        self.requests = []
        self.reply = (200, {}, b"{}")
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def tell(self, message, status=200, **headers):
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.reply = (status, {"Content-Type": "application/json", **headers}, body)


class Person:
    """Somebody with a session at the fake server."""

    def __init__(self, world, url):
        self.home = world.path("person")
        os.makedirs(self.home + "/daypass", 0o700)
        os.chmod(self.home, 0o700)
        session = {"url": url, "token": TOKEN, "principal": "engineer@example.com"}
        write_text(self.home + "/daypass/session.json", json.dumps(session))

    def run(self, *arguments, stdin=None, **env):
        """(exit code, everything it printed); it must not have crashed."""
        done = subprocess.run(
            [CLI, *arguments], env={**os.environ, "XDG_STATE_HOME": self.home, **env},
            input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
            capture_output=True, timeout=60,
        )  # fmt: skip
        output = (done.stdout + done.stderr).decode("utf-8", "surrogateescape")
        what = f"daypass {' '.join(arguments)[:200]}"
        check(done.returncode >= 0, f"{what}: signal {-done.returncode}: {output[-2000:]}")
        for word in ("Sanitizer", "runtime error"):
            check(word not in output, f"{what}: {output[-3000:]}")
        check(TOKEN not in output, f"{what}: the token is shown")
        return done.returncode, output


COMMANDS = [
    ["whoami"], ["flows"], ["flows", "shop-read"], ["requests"], ["requests", "--all"], ["show", "grt_a"],
    ["request", "shop-read", "--reason", "x"], ["approve", "grt_a"], ["credentials", "grt_a"],
    ["connect", "grt_a"], ["connectors"], ["integrations"], ["integrations", "a"],
    ["integrations", "discover", "a"], ["audit"], ["audit", "verify"], ["export"], ["token", "list"],
    ["token", "create", "a"], ["principal", "list"], ["principal", "create", "a@example.com"],
    ["connector", "create", "a"], ["logout"],
]  # fmt: skip


@test
def no_answer_of_a_server_makes_a_command_crash_or_hang():
    with World() as world, FakeServer() as server:
        person = Person(world, server.url)
        session = read_text(person.home + "/daypass/session.json")
        answers = [
            (200, {}, b""), (200, {}, b"<html>"), (200, {}, b"null"), (200, {}, b"[]"),
            (200, {}, b'{"items":' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
            (200, {}, b'{"items":[null,1,{}]}'), (200, {}, b'{"items":[],"next":1}'),
            (200, {}, b"\xff\xfe"), (500, {}, b"oops"), (302, {"Location": "http://127.0.0.1:1/"}, b""),
            (401, {}, b""), (404, {}, b'{"code":1}'), (429, {"Retry-After": "x" * 5000}, b""),
            (0, {}, b"not http\r\n\r\n"), (204, {}, b""),
        ]  # fmt: skip
        for reply in answers:
            server.reply = reply
            for command in COMMANDS:
                code, output = person.run(*command)
                what = f"{command} answered {reply[0]} {reply[2][:40]}"
                good = command == ["logout"] and reply[0] in (200, 204, 401, 404)
                if reply[0] not in (200, 204):
                    check(good or code not in (0, 1), f"{what}: exit {code}: {output}")
                write_text(person.home + "/daypass/session.json", session)


@test
def pages_without_end_come_to_one():
    with World() as world, FakeServer() as server:
        person = Person(world, server.url)
        server.tell({"items": [], "next": "again"})
        for command in (["flows"], ["connectors"], ["audit", "--limit", "3"], ["principal", "list"]):
            code, output = person.run(*command)
            check(code not in (0, 1), f"{command}: exit {code}: {output}")
        server.tell(b"{" + b" " * 40_000_000 + b"}")
        code, output = person.run("whoami")
        check(code not in (0, 1) and "large" in output, f"40 MB: {code} {output}")


@test
def nothing_that_a_server_says_moves_the_terminal():
    with World() as world, FakeServer() as server:
        person = Person(world, server.url)
        evil = "x" + ESCAPES
        view = {
            "id": evil, "state": "active", "requester": evil, "flow": evil, "integration": evil,
            "target": evil, "kind": evil, "access": [evil], "reason": evil, "note": evil, "account": evil,
            "needs": evil, "waiting": [evil], "trouble": evil, "may": [evil], "ended_by": evil,
            "decisions": [{"principal": evil, "approved": True, "note": evil}],
            "evidence": [{"action_id": evil, "kind": "\x1b[2J\u202eowned", "reported_at": "2026-01-01T00:00:00.000Z", "message": evil, "code": "\x1b[2J\x07", "failure": "\x1b[2J\x07", "instance": evil,
                          "outcome": {"statements": [{"sql": evil, "database": evil}],
                                      "handed_over": [evil], "warnings": [evil],
                                      "obstacles": [{"what": evil, "repair": evil}]}}],
        }  # fmt: skip
        event = {"sequence": 1, "at": "2026-01-01T00:00:00.000Z", "event": evil, "actor": evil,
                 "actor_kind": evil, "person": evil, "grant": evil, "detail": {evil: evil},
                 "previous": "0" * 64, "hash": "0" * 64, "signature": "x", "key": "x"}  # fmt: skip
        flow = {"name": evil, "description": evil, "integration": evil, "target": evil, "access": [evil],
                "default": "1h", "max": "1h", "approval": [evil]}  # fmt: skip
        connector = {"name": evil, "health": evil, "integrations": [evil],
                     "instances": [{"id": evil, "host": evil, "version": evil, "health": evil}]}  # fmt: skip
        integration = {"name": evil, "kind": evil, "target": evil, "connector": evil, "health": evil,
                       "message": evil, "flows": [evil],
                       "checks": [{"name": evil, "result": "failed", "found": evil, "repair": evil}]}  # fmt: skip
        token = {"id": evil, "kind": evil, "principal": evil, "label": evil, "scopes": [evil]}
        person_view = {"name": evil, "role": evil, "groups": [evil]}
        whoami = {"principal": evil, "role": evil, "groups": [evil], "token": evil, "token_kind": evil,
                  "deployment": evil, "server_version": evil}  # fmt: skip
        discovery = {"schemas": [{"name": evil, "tables": [{"name": evil}]}], "roles": [evil]}
        problem = {"type": "about:blank", "title": evil, "status": 400, "kind": "invalid",
                   "code": "bad_value", "detail": evil, "pointer": evil, "request_id": evil}  # fmt: skip
        cases = [
            (view, ["show", "grt_a"]), ({"items": [view]}, ["requests", "--all"]),
            ({"items": [event]}, ["audit"]), ({"items": [flow]}, ["flows"]), (flow, ["flows", "a"]),
            ({"items": [connector]}, ["connectors"]), ({"items": [integration]}, ["integrations"]),
            (integration, ["integrations", "a"]), ({"items": [token]}, ["token", "list"]),
            ({"items": [person_view]}, ["principal", "list"]), (whoami, ["whoami"]),
            (discovery, ["integrations", "discover", "a"]),
        ]  # fmt: skip
        shown = 0
        for reply, command in cases:
            server.tell(reply)
            shown += check_plain(person, *command)
        server.tell(problem, status=400)
        for command in COMMANDS:
            check_plain(person, *command)
        check(shown >= 8, f"replies that were shown: {shown}")


def check_plain(person, *command):
    """Whether it worked; what it printed moves nothing, as text and as JSON."""
    code, output = person.run(*command)
    for arguments in (command, (*command, "--json")):
        _, printed = person.run(*arguments)
        for character in FORBIDDEN:
            if character in ("\u202e", "\u2028", "\x9b") and "--json" in arguments:
                continue  # JSON for programs holds what was said
            check(character not in printed, f"{arguments}: {character!r} in {printed!r}")
    return code == 0 and "owned" in output


@test
def a_token_goes_to_no_other_server():
    with World() as world, FakeServer() as server, FakeServer() as other:
        person = Person(world, server.url)
        server.reply = (302, {"Location": other.url + "/v1/whoami"}, b"")
        person.run("whoami")
        check_equal(other.requests, [], "a redirection is not followed")
        code, _ = person.run("whoami", DAYPASS_URL=other.url)
        check(code not in (0, 1), "another server without a token of its own")
        check_equal(other.requests, [], "requests to another server")
        proxied = {"http_proxy": other.url, "HTTP_PROXY": other.url, "ALL_PROXY": other.url}
        person.run("whoami", **proxied)
        check_equal(other.requests, [], "loopback goes through no proxy")
        code, output = person.run("login", "http://192.0.2.1:8443", "--principal", "a", stdin=b"x" * 12)
        check(code not in (0, 1) and "https" in output, f"plain http elsewhere: {output}")


@test
def no_argument_makes_a_command_crash():
    with World() as world, FakeServer() as server:
        person = Person(world, server.url)
        server.tell({"items": []})
        strange = ["", " ", "'", '"; DROP', "%s%n%s", "../../etc/passwd", "x" * 100_000, "\x1b[2J", "\n",
                   "--", "-", "é", b"\xff\xfe".decode("utf-8", "surrogateescape"), "a/b", "a?b=c", "a#b",
                   "%00", "%2F.."]  # fmt: skip
        for command in (["show"], ["approve"], ["flows"], ["integrations"], ["connector", "create"],
                        ["principal", "create"], ["token", "create"], ["token", "revoke"], ["request"],
                        ["apply", "-f"], ["audit", "--grant"], ["audit", "--since"], ["audit", "verify"],
                        ["requests", "--state"], ["requests", "--limit"], ["audit", "--limit"],
                        ["request", "a", "--for"], ["extend", "grt_a", "--for"], ["help"], []):  # fmt: skip
            for word in strange:
                code, output = person.run(*command, word)
                check("\x1b" not in output, f"{command} {word!r}: {output!r}")
                check(code != 1, f"{command} {word[:50]!r}: exit {code}: {output[:300]}")
        for path, _, _ in server.requests:
            check(path.startswith("/v1/") and ".." not in path.split("?")[0].split("/"), path)


@test
def a_target_too_long_for_the_server_has_a_code_of_its_own():
    with World() as world:
        world.start_daypassd()
        world.sign_in_admin()
        result = world.cli("admin", "show", "x" * 40_000, "--json", expect=None)
        check_equal(result.error["code"], "request_too_large", str(result.error)[:500])
        check(len(result.err) < 2000, "the error does not repeat it all")


if __name__ == "__main__":
    main()
