"""A control plane that lies: the connector survives it, and does nothing that is not signed, for
it, now, and below the ceiling in its own file."""

import json
import os
import subprocess

from fake_plane import IDENTITY, FakePlane, Scene, answer, time_text
from signer import Signer, base64_text
from world import CONNECTOR, World, check, check_equal, main, test, wait_until

JSON_HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


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
