"""A control plane that lies: the connector survives it, and does nothing that is not signed, for
it, now, and below the ceiling in its own file."""

import json
import os
import secrets
import socket
import subprocess
import threading
from datetime import datetime, timedelta, timezone

from signer import Signer, base64_text, sign_action
from world import (
    CONNECTOR,
    World,
    check,
    check_equal,
    main,
    read_text,
    test,
    wait_until,
    write_text,
)

JSON_HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
IDENTITY = {"instance": "con_of_this_test", "connector": "main", "deployment": "dep_of_this_test"}


def answer(body, status="200 OK", headers=""):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{headers}"
    return f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data


class FakePlane:
    """Answers each poll with the next line of its script, and keeps what is reported."""

    def __init__(self):
        self.signer = Signer()
        self.script = [lambda _: answer({"actions": []})]
        self.reports = []
        self.sweeps = []
        self.polls = 0
        self.lock = threading.Condition()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.closing = False
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with self.lock:
            self.closing = True
            self.lock.notify_all()
        self.listener.close()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            with connection, connection.makefile("rb") as stream:
                while line := stream.readline():
                    path = line.split()[1].decode()
                    length = 0
                    while (header := stream.readline().strip()):
                        name, _, value = header.partition(b":")
                        if name.lower() == b"content-length":
                            length = int(value)
                    reply = self.reply(path, json.loads(stream.read(length) or b"{}"))
                    connection.sendall(reply)
                    if b"Content-Length" not in reply or reply.endswith(b"..."):
                        return  # closed in the middle
        except OSError:
            pass

    def reply(self, path, message):
        with self.lock:
            if path.endswith("/report"):
                self.reports.append(message)
                self.lock.notify_all()
                return b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"
            if path.endswith("/accounts"):
                self.sweeps.append(message)
                return b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"
            self.polls += 1
            self.lock.notify_all()
            if not self.script:
                self.lock.wait_for(lambda: self.script or self.closing, timeout=20)
            if not self.script:
                return answer({"actions": []})
            return self.script.pop(0)(message)

    def play(self, *makers):
        """Has each answer one poll, and waits until the connector came back after the last."""
        with self.lock:
            after = self.polls + len(makers)
            self.script += makers
            self.lock.notify_all()
            done = self.lock.wait_for(
                lambda: not self.script and self.polls > after - 1, timeout=60
            )
        check(done, f"the connector came back, {len(self.script)} answers early")

    def await_report(self, action_id):
        def find():
            return next((item for item in self.reports if item["action_id"] == action_id), None)

        with self.lock:
            self.lock.wait_for(find, timeout=60)
            check(find(), f"a report on {action_id}")
            return find()


def time_text(seconds):
    at = datetime.now(timezone.utc) + timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


class Forge:
    """Makes actions, good ones unless told otherwise."""

    def __init__(self, world, plane):
        self.world = world
        self.plane = plane

    def plan(self, grant_id, changes=None):
        target = {
            "kind": "postgresql", "host": "localhost", "port": self.world.server.port,
            "database": "shop", "tls": "verify-full",
        }  # fmt: skip
        access = [{"schema": "schema_app", "tables": ["orders_table"], "privileges": ["SELECT"]}]
        plan = {
            "deployment": IDENTITY["deployment"], "connector": "main",
            "integration": "shop-prod", "target": target, "admin_secret": "shop-prod-admin",
            "account": "temp_forged_" + grant_id[-6:], "privilege_mode": "shared-role",
            "connection_limit": 5, "duration": "1h", "access": access,
            "grant_id": grant_id, **(changes or {}),
        }  # fmt: skip
        return {key: value for key, value in plan.items() if value is not None}

    def action(self, kind="grant", plan=None, **changes):
        """The action without its poll. A value of None removes its key."""
        grant_id = changes.pop("grant_id", "grt_" + secrets.token_hex(8))
        whole = {
            **IDENTITY, "id": "act_" + secrets.token_hex(8), "kind": kind, "attempt": 1,
            "grant_id": grant_id, "integration": "shop-prod", "issued_at": time_text(0),
            "deadline_at": time_text(60), "expires_at": time_text(3600), "held_ms": 0,
            "seal_to": base64_text(b"\x09" + bytes(31)), "plan": self.plan(grant_id, plan),
            **changes,
        }  # fmt: skip
        return {key: value for key, value in whole.items() if value is not None}

    def hand_out(self, action, signer=None, poll=None, change=None):
        """A line of the script that hands out this action."""

        def make(message):
            whole = {**action, "poll": poll or message.get("nonce", "")}
            signed = sign_action(signer or self.plane.signer, whole)
            return answer({"actions": [{**signed, **(change or {})}]})

        return make


class Scene:
    """A connector that believes in a fake control plane."""

    def __init__(self, world, plane):
        self.world = world
        self.plane = plane
        self.forge = Forge(world, plane)
        ceiling = {"schemas": ["schema_app"], "privileges": ["SELECT"], "max_duration": "2h"}
        world.connector_config("connector", url=plane.url, changes={"ceiling": ceiling})
        os.makedirs(world.path("connector"), 0o700)
        identity = {**IDENTITY, "control_plane": plane.url, "action_key": plane.signer.public_text}
        write_text(world.path("connector", "identity.json"), json.dumps(identity))
        key = Signer()
        write_text(world.path("connector", "instance.key"), base64_text(key.seed) + "\n")
        world.connector = world.start_connector()

    def log(self):
        return read_text(self.world.connector.log)

    def play_logged(self, what, maker, expected):
        """After this answer the connector lives, and logs what was wrong with it."""
        before = len(self.log())
        # Twice: a connection that was used before and is only closed is tried anew unasked.
        self.plane.play(maker, maker, lambda _: answer({"actions": []}))
        check(self.world.connector.is_running(), f"{what}: the connector lives")
        wait_until(f"{what}: {expected} is logged: {self.log()[before:]}",
                   lambda: expected in self.log()[before:], 10)  # fmt: skip

    def check_sound(self):
        for word in ("runtime error", "AddressSanitizer", "LeakSanitizer"):
            check(word not in self.log(), self.log()[-3000:])

    def works_still(self):
        """A proper action is carried out, and taken back."""
        grant = self.forge.action()
        self.plane.play(self.forge.hand_out(grant))
        report = self.plane.await_report(grant["id"])
        check(report["done"], f"a proper grant: {report}")
        check_equal(self.world.server.accounts(), [grant["plan"]["account"]], "accounts")
        revoke = self.forge.action("revoke", grant_id=grant["grant_id"])
        self.plane.play(self.forge.hand_out(revoke))
        check(self.plane.await_report(revoke["id"])["done"], "it was taken back")
        check_equal(self.world.server.accounts(), [], "accounts at the end")


def with_scene(function):
    def run():
        with World() as world, FakePlane() as plane:
            scene = Scene(world, plane)
            function(world, plane, scene)
            scene.works_still()
            scene.check_sound()
            world.connector.stop()

    run.__name__ = function.__name__
    return test(run)


NESTED = b'{"actions":' + b"[" * 50_000 + b"]" * 50_000 + b"}"
GARBAGE = [
    ("nothing", b""),
    ("not HTTP", b"SSH-2.0-OpenSSH_9.2\r\n"),
    ("bytes", bytes(range(256)) * 40),
    ("a web page", answer(b"<html>welcome</html>")),
    ("an empty body", answer(b"")),
    ("a list", answer([])),
    ("deep nesting", answer(NESTED)),
    ("invalid UTF-8", answer(b'{"actions":[{"payload":"\xff","signature":"x"}]}')),
    ("unknown keys", answer({"actions": [], "run": "rm -rf /"})),
    ("too many actions", answer({"actions": [{"payload": "x", "signature": "y"}] * 200})),
    ("action without signature", answer({"actions": [{"payload": "{}"}]})),
    ("server error", answer(b"oops", "500 Internal Server Error")),
    ("somewhere else", answer(b"", "302 Found", "Location: http://127.0.0.1:1/\r\n")),
    ("forbidden", answer({"code": "x y", "status": 403}, "403 Forbidden")),
    ("problem with escapes", answer({"type": "about:blank", "title": "x", "status": 503,
     "kind": "unavailable", "code": "bad", "detail": "\x1b[2J evil=1\nlevel=error"},
     "503 Service Unavailable")),
    ("huge header",
     JSON_HEAD.encode() + b"X: " + b"a" * 400_000 + b"\r\nContent-Length: 2\r\n\r\n{}"),
    ("body cut short", JSON_HEAD.encode() + b'Content-Length: 1000\r\n\r\n{"actions": [...'),
    ("lying length", JSON_HEAD.encode() + b"Content-Length: -5\r\n\r\n{}..."),
]  # fmt: skip


@with_scene
def garbage_is_survived_and_logged(world, _plane, scene):
    for what, data in GARBAGE:
        scene.play_logged(what, lambda _, data=data: data, "poll.failed")
    text = scene.log()
    check("\x1b" not in text, "no escape reaches the log")
    check("\nlevel=error" not in text, "no line of the log is forged")
    check_equal(world.server.accounts(), [], "accounts")


@with_scene
def a_body_without_end_is_cut_off(_world, plane, scene):
    def make(_message):
        return answer(b'{"actions":[],"x":"' + b"a" * (40 * 1024 * 1024) + b'"}')

    scene.play_logged("40 MiB", make, "answer_too_large")
    check_equal(plane.reports, [], "reports")


@with_scene
def what_is_not_signed_for_it_and_for_now_is_not_done(world, plane, scene):
    forge = scene.forge
    action = forge.action()
    other = forge.action(instance="con_of_another")
    cases = [
        ("another key", "bad_signature", forge.hand_out(action, signer=Signer())),
        ("no signature", "bad_signature", forge.hand_out(action, change={"signature": ""})),
        ("zeros", "bad_signature",
         forge.hand_out(action, change={"signature": base64_text(bytes(64))})),
        ("half a signature", "bad_signature",
         forge.hand_out(action, change={"signature": base64_text(bytes(32))})),
        ("payload changed", "bad_signature",
         forge.hand_out(action, change={"payload": json.dumps(forge.action())})),
        ("another instance", "not_for_us", forge.hand_out(other)),
        ("another connector", "not_for_us", forge.hand_out(forge.action(connector="eu"))),
        ("another deployment", "not_for_us", forge.hand_out(forge.action(deployment="dep_x"))),
        ("an earlier poll", "replayed", forge.hand_out(action, poll="poll_of_before")),
        ("no plan", "missing_field",
         forge.hand_out({key: value for key, value in action.items() if key != "plan"})),
        ("plan that is none", "bad_value", forge.hand_out({**action, "plan": []})),
        ("plan without account", "bad_plan", forge.hand_out(forge.action(plan={"account": None}))),
        ("plan of another grant", "bad_plan",
         forge.hand_out(forge.action(plan={"grant_id": "grt_other"}))),
        ("plan of another connector", "bad_plan", forge.hand_out(forge.action(plan={"connector": "eu"}))),
        ("unknown kind", "bad_value", forge.hand_out(forge.action("drop"))),
        ("unknown key in the plan", "unknown_field", forge.hand_out(forge.action(plan={"sql": "DROP"}))),
        ("free SQL as privilege", "bad_value", forge.hand_out(forge.action(plan={"access": [
            {"schema": "schema_app", "tables": ["orders_table"], "privileges": ["ALL; DROP"]}]}))),
        ("no access item", "bad_access_item", forge.hand_out(forge.action(plan={"access": [{}]}))),
    ]  # fmt: skip
    for what, code, maker in cases:
        scene.play_logged(what, maker, code)
    check_equal(plane.reports, [], "nothing was begun")
    check_equal(world.server.accounts(), [], "accounts")


@with_scene
def nothing_above_its_own_ceiling_is_done_though_it_is_signed(world, plane, scene):
    forge = scene.forge
    target = forge.plan("grt_x")["target"]
    item = {"schema": "schema_app", "tables": ["orders_table"], "privileges": ["SELECT"]}
    world.server.query("CREATE SCHEMA other; GRANT USAGE ON SCHEMA other TO daypass_admin")
    cases = [
        ("longer", "above_ceiling", {"expires_at": time_text(3 * 3600)}, {}),
        ("ten years", "above_ceiling", {"expires_at": time_text(10 * 365 * 86400)}, {}),
        ("no end", "bad_order", {"expires_at": None}, {}),
        ("past its end", "", {"expires_at": time_text(-10)}, {}),
        ("past its deadline", "deadline_passed", {"deadline_at": time_text(-1)}, {}),
        ("another host", "above_ceiling", {}, {"target": {**target, "host": "127.0.0.1"}}),
        ("another port", "above_ceiling", {}, {"target": {**target, "port": 1}}),
        ("less TLS", "above_ceiling", {}, {"target": {**target, "tls": "disable"}}),
        ("another secret", "unknown_secret", {}, {"admin_secret": "root"}),
        ("writing", "above_ceiling", {}, {"access": [{**item, "privileges": ["SELECT", "DELETE"]}]}),
        ("another schema", "above_ceiling", {}, {"access": [{**item, "schema": "other"}]}),
        ("preset", "above_ceiling", {}, {"access": [
            {"schema": "schema_app", "all_tables": True, "preset": "read-write"}]}),
        ("role", "above_ceiling", {}, {"access": [{"role": "pg_execute_server_program"}]}),
        ("custodian", "above_ceiling", {}, {"custodian": "postgres"}),
        ("no key", "bad_plan", {"seal_to": None}, {}),
        ("bad key", "", {"seal_to": "x"}, {}),
        ("weak key", "", {"seal_to": base64_text(bytes(32))}, {}),
    ]  # fmt: skip
    for what, codes, changes, plan in cases:
        action = forge.action(plan=plan, **changes)
        plane.play(forge.hand_out(action))
        report = plane.await_report(action["id"])
        check(not report["done"], f"{what} is refused: {report}")
        check(not codes or report["code"] in codes.split("|"), f"{what}: {report}")
        check("sealed" not in report, f"{what}: nothing is sealed")
        check_equal(world.server.accounts(), [], f"{what}: accounts")


@with_scene
def accounts_that_it_did_not_make_are_not_touched_though_it_is_signed(world, plane, scene):
    forge = scene.forge
    world.server.query("DROP ROLE IF EXISTS victim; CREATE ROLE victim LOGIN PASSWORD 'x'")
    facts = (
        "SELECT string_agg(concat(rolname, rolpassword, rolcanlogin, rolvaliduntil, rolconnlimit), "
        "';' ORDER BY rolname) FROM pg_authid WHERE rolname IN "
        "('victim', 'daypass_admin', 'daypass_custodian', 'shop_owner', 'postgres')"
    )
    before = world.server.query(facts)
    try:
        for account in ("victim", "daypass_admin", "daypass_custodian", "shop_owner", "postgres"):
            for kind in ("grant", "reset", "extend", "revoke"):
                action = forge.action(kind, plan={"account": account})
                plane.play(forge.hand_out(action))
                report = plane.await_report(action["id"])
                check(not report["done"], f"{kind} of {account}: {report}")
                check_equal(world.server.query(facts), before, f"after {kind} of {account}")
    finally:
        world.server.query("DROP ROLE victim")


@with_scene
def one_signed_action_played_many_times_is_one(world, plane, scene):
    forge = scene.forge
    action = forge.action()
    plane.play(forge.hand_out(action))
    report = plane.await_report(action["id"])
    check(report["done"], "the first")
    seen = {}

    def remember(message):
        seen["reply"] = forge.hand_out(action)(message)
        return seen["reply"]

    plane.play(remember)  # the same again, for its own poll: it resets its own account
    scene.play_logged("an answer of before", lambda _: seen["reply"], "replayed")
    wait_until("both were reported", lambda: len(plane.reports) == 2)
    check_equal(world.server.accounts(), [action["plan"]["account"]], "accounts")
    revoke = forge.action("revoke", grant_id=action["grant_id"])
    plane.play(forge.hand_out(revoke))
    check(plane.await_report(revoke["id"])["done"], "it was taken back")


@test
def enrolment_survives_what_is_answered_and_keeps_nothing_of_it():
    with World() as world, FakePlane() as plane:
        path = world.connector_config("new", url=plane.url)
        good = {**IDENTITY, "action_key": Signer().public_text}
        cases = [
            answer(b"<html>"), answer({}), answer({**good, "surprise": 1}), b"", answer([good]),
            answer({"code": "x"}, "401 Unauthorized"), answer(b"", "302 Found", "Location: /\r\n"),
            answer({**good, "action_key": "x" * 100}), answer({**good, "instance": "x" * 1000}),
            answer({**good, "instance": "../../etc/passwd\u0000"}),
        ]  # fmt: skip
        token = "a-join-token-of-this-test"
        for data in cases:
            plane.script.append(lambda _, data=data: data)
            done = run_enroll(path, token)
            check(done.returncode not in (0, 1), f"{data[:100]}: {done}")
            check(token not in done.stdout + done.stderr, "the token is not shown")
            check("Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr)
            check(not os.path.exists(world.path("new", "identity.json")), f"{data[:100]}: identity")


def run_enroll(config, token):
    return subprocess.run(
        [CONNECTOR, "enroll", "--config", config], input=token, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip


if __name__ == "__main__":
    main()
