"""Tokens used again, signatures forged or played again, connectors that speak of others' work."""

import json
from datetime import datetime, timedelta

import raw_http
from raw_http import check_problem, request, send
from signer import Instance, Signer, base64_text, content_digest
from world import World, check, check_equal, main, read_text, test, wait_until

POLL = "/v1/connector/poll"
REPORT = "/v1/connector/report"
ACCOUNTS = "/v1/connector/accounts"
ENROLL = "/v1/connector/enroll"
IDLE = {"capacity": 0, "wait_s": 0}


def whoami(world, token):
    return send(world.url, request("GET", "/v1/whoami", token=token))


def post(world, path, message, token=None):
    return send(world.url, request("POST", path, json.dumps(message).encode(), token))


def events(world, name, **filters):
    arguments = [part for key, value in filters.items() for part in (f"--{key}", value)]
    result = world.cli("admin", "audit", "--event", name, "--format", "jsonl", *arguments)
    return [json.loads(line) for line in result.out.splitlines()]


# ---- Tokens --------------------------------------------------------------------------------------


@test
def every_kind_of_token_is_good_for_its_own_purpose_once_or_until_it_ends():
    with World() as world:
        world.start_daypassd()
        bootstrap = read_text(world.path("daypassd", "bootstrap-token")).strip()
        check_problem(whoami(world, bootstrap), 401, "bad_token", "bootstrap token as session")
        world.sign_in_admin()
        accept = {"principal": "evil@example.com", "new_password": "x" * 12}
        answer = post(world, "/v1/sessions/invitation", {**accept, "invitation": bootstrap})
        check_problem(answer, 401, "bad_invitation", "the bootstrap token again")
        admin = world.token_of("admin")

        answer = post(world, "/v1/principals", {"name": "a@example.com"}, admin)
        invitation = json.loads(answer.body)["invitation"]
        check_problem(whoami(world, invitation), 401, "bad_token", "invitation as session")
        accept["invitation"] = invitation
        answer = post(world, "/v1/sessions/invitation", accept)
        check_problem(answer, 401, "bad_invitation", "somebody else's invitation")
        accept["principal"] = "a@example.com"
        answer = post(world, "/v1/sessions/invitation", {**accept, "new_password": "short"})
        check_problem(answer, 400, "bad_value", "a short password")
        answer = post(world, "/v1/sessions/invitation", accept)
        check_equal(answer.status, 201, "after refusals, the invitation still works")
        session = json.loads(answer.body)["token"]
        answer = post(world, "/v1/sessions/invitation", {**accept, "new_password": "y" * 12})
        check_problem(answer, 401, "bad_invitation", "the invitation again")
        answer = post(world, "/v1/sessions", {"principal": "a@example.com", "password": "y" * 12})
        check_problem(answer, 401, "bad_credentials", "the password of the second try")

        body = {"label": "ci", "duration": "1h", "scopes": ["read"]}
        personal = json.loads(post(world, "/v1/tokens", body, session).body)
        check_equal(whoami(world, personal["token"]).status, 200, "a personal token")
        answer = post(world, "/v1/tokens", body, personal["token"])
        check_problem(answer, 403, "session_required", "a token that makes tokens")
        answer = send(world.url, request("DELETE", f"/v1/tokens/{personal['id']}", token=session))
        check_equal(answer.status, 204, "removal of a token")
        check_problem(whoami(world, personal["token"]), 401, "bad_token", "a removed token")
        send(world.url, request("DELETE", "/v1/sessions/current", token=session))
        check_problem(whoami(world, session), 401, "bad_token", "a session that was ended")

        join = json.loads(post(world, "/v1/connectors", {"name": "main"}, admin).body)["join_token"]
        check_problem(whoami(world, join), 401, "bad_token", "join token as session")
        answer = post(world, ENROLL, {"public_key": Signer().public_text}, admin)
        check_problem(answer, 401, "bad_join_token", "session as join token")
        for bad in ("x", "", base64_text(b"x" * 31), base64_text(b"x" * 33), "!" * 44):
            answer = post(world, ENROLL, {"public_key": bad}, join)
            check_problem(answer, 400, "bad_value", f"public key {bad!r}")
        answer = post(world, ENROLL, {"public_key": Signer().public_text}, join)
        check_equal(answer.status, 201, "after refusals, the join token still works")
        answer = post(world, ENROLL, {"public_key": Signer().public_text}, join)
        check_problem(answer, 401, "bad_join_token", "the join token again")
        failed = [event["detail"]["code"] for event in events(world, "sign_in.failed")]
        check_equal(failed, ["bad_invitation"] * 3 + ["bad_credentials"], "failures on record")


@test
def a_disabled_principal_is_out_at_once():
    with World().set_up() as world:
        session = world.token_of("engineer")
        grant = world.active()["id"]
        world.cli("admin", "principal", "disable", "engineer@example.com")
        check_problem(whoami(world, session), 401, "bad_token", "a session from before")
        world.refuse("engineer", "bad_token", "credentials", grant)
        sign_in = {
            "principal": "engineer@example.com",
            "password": read_text(world.path("people", "engineer", "password")),
        }
        answer = post(world, "/v1/sessions", sign_in)
        check_problem(answer, 401, "principal_disabled", "signing in anew")
        world.cli("admin", "principal", "enable", "engineer@example.com")
        check_problem(whoami(world, session), 401, "bad_token", "what was ended stays so")
        check_equal(post(world, "/v1/sessions", sign_in).status, 201, "enabled again")


@test
def guessing_passwords_is_slowed_down():
    with World() as world:
        world.start_daypassd("limits: {sign_ins_per_principal: 3, sign_ins_per_address: 12}\n")
        world.sign_in_admin()
        guess = {"principal": "admin@example.com", "password": "wrong password"}
        answers = [post(world, "/v1/sessions", guess) for _ in range(5)]
        check_equal([answer.status for answer in answers], [401] * 3 + [429] * 2, "guesses")
        check_problem(answers[-1], 429, "too_many_sign_ins", "one too many")
        check(int(answers[-1].headers["Retry-After"]) >= 1, "when to come again")
        others = [
            post(world, "/v1/sessions", {**guess, "principal": f"p{i}@example.com"})
            for i in range(15)
        ]
        check_equal(others[-1].status, 429, "from one address, whoever is claimed")
        check_equal(whoami(world, world.token_of("admin")).status, 200, "who is signed in goes on")


# ---- Signatures ------------------------------------------------------------------------------------


def signed(instance, path=POLL, message=None, **changes):
    """Bytes of a signed request; the keywords change its headers after signing, None removes."""
    body = json.dumps(message or IDLE).encode()
    options = {key: changes.pop(key) for key in ("age_s", "nonce", "digest", "key_id") if key in changes}
    headers = instance.headers(path, body, **options)
    target = changes.pop("target", path)
    method = changes.pop("method", "POST")
    body = changes.pop("body", body)
    headers.pop("Content-Type")
    for name, value in changes.items():
        headers[name.replace("_", "-")] = value
    lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return request(method, target, body, headers=lines)


@test
def a_signature_is_good_for_one_request_and_a_minute():
    with World().set_up() as world:
        world.connector.stop()
        world.enroll("second")
        first = Instance(world.path("connector"))
        second = Instance(world.path("second"))
        check_equal(send(world.url, signed(first)).status, 200, "signed as it should be")
        for age_s in (-50, 50):
            answer = send(world.url, signed(first, age_s=age_s))
            check_equal(answer.status, 200, f"signed {age_s} s ago")
        replay = signed(first)
        check_equal(send(world.url, replay).status, 200, "a first time")
        other_body = json.dumps({**IDLE, "capacity": 100}).encode()
        good = first.headers(POLL, json.dumps(IDLE).encode())
        refused = [
            ("played again", "replayed", replay),
            ("nonce used again", "replayed", None),
            ("signed 70 s ago", "stale_signature", signed(first, age_s=70)),
            ("signed in 70 s", "stale_signature", signed(first, age_s=-70)),
            ("body changed", "bad_digest", signed(first, body=other_body)),
            ("body and digest changed", "bad_signature",
             signed(first, body=other_body, Content_Digest=content_digest(other_body))),
            ("digest of another kind", "bad_digest", signed(first, digest="sha-512=:AAAA:")),
            ("digest cut", "bad_digest", signed(first, Content_Digest="sha-256=:AAAA:")),
            ("key of another instance", "bad_signature", signed(second, key_id=first.id)),
            ("unknown instance", "unknown_instance", signed(first, key_id="con_aaaaaaaaaaaaaaaa")),
            ("id with a quote", "bad_signature_input", signed(first, key_id="con_'--")),
            ("other path", "bad_signature", signed(first, target=REPORT)),
            ("query added", "bad_signature", signed(first, target=POLL + "?x=1")),
            ("no digest", "not_signed", signed(first, Content_Digest=None)),
            ("no input", "not_signed", signed(first, Signature_Input=None)),
            ("no signature", "not_signed", signed(first, Signature=None)),
            ("no bytes", "bad_signature", signed(first, Signature="sig1=::")),
            ("63 bytes", "bad_signature", signed(first, Signature=f"sig1=:{base64_text(b'x' * 63)}:")),
            ("zeros", "bad_signature", signed(first, Signature=f"sig1=:{base64_text(bytes(64))}:")),
            ("two signatures", "bad_signature",
             signed(first, Signature=good["Signature"] + ", " + good["Signature"])),
            ("fewer components", "bad_signature_input",
             signed(first, Signature_Input=good["Signature-Input"].replace(' "content-digest"', ""))),
            ("other algorithm", "bad_signature_input",
             signed(first, Signature_Input=good["Signature-Input"].replace("ed25519", "hmac-sha256"))),
            ("short nonce", "bad_signature_input", signed(first, nonce="a")),
            ("long nonce", "bad_signature_input", signed(first, nonce="a" * 65)),
            ("a person's token", "not_signed", request(
                "POST", POLL, json.dumps(IDLE).encode(), world.token_of("admin"))),
        ]  # fmt: skip
        send(world.url, signed(first, nonce="n" * 16))
        before = len(events(world, "connector.refused"))
        for what, code, data in refused:
            data = data or signed(first, nonce="n" * 16)
            check_problem(send(world.url, data), 401, code, what)
        seen = events(world, "connector.refused")[before:]
        codes = [event["detail"]["code"] for event in seen]
        check_equal(codes, [code for _, code, _ in refused], "refusals on record")
        check_equal({event["actor_kind"] for event in seen}, {"anonymous"}, "nothing was proved")
        check_equal(send(world.url, signed(second)).status, 200, "the second is not troubled")

        world.cli("admin", "connector", "remove-instance", "main", first.id)
        answer = send(world.url, signed(first))
        check_problem(answer, 401, "unknown_instance", "a removed instance")


@test
def nothing_signed_before_a_restart_is_taken_after_it():
    with World().set_up() as world:
        world.connector.stop()
        instance = Instance(world.path("connector"))
        heard = signed(instance)
        check_equal(send(world.url, heard).status, 200, "before the restart")
        unheard = signed(instance)
        world.daypassd.kill()
        world.restart_daypassd()
        for data in (heard, unheard):
            check_problem(send(world.url, data), 503, "signed_before_start", "signed before")
        wait_until("new ones are taken", lambda: send(world.url, signed(instance)).status == 200)


# ---- Connectors of others --------------------------------------------------------------------------


def two_connectors(world):
    """`main` as usual, and `eu`, whose only instance is this test."""
    world.cli("admin", "connector", "create", "eu", "--json")
    world.enroll("eu", "eu")
    world.apply(integrations=[world.integration(name="shop-eu", connector="eu")])
    return Instance(world.path("eu"))


def refuse_signed(world, instance, path, message, status, code):
    got, text = instance.call(world.url, path, message)
    answer = raw_http.Answer(got, {"Content-Type": raw_http.PROBLEM_TYPE}, text.encode())
    return check_problem(answer, status, code, f"{path} {str(message)[:80]}")


@test
def a_connector_has_no_say_in_the_work_of_another():
    with World().set_up() as world:
        eu = two_connectors(world)
        view = world.active()
        action = view["evidence"][0]["action_id"]
        report = {"action_id": action, "attempt": 1, "done": True, "outcome": {}}
        refuse_signed(world, eu, REPORT, report, 403, "not_yours")
        refuse_signed(world, eu, REPORT, {**report, "done": False}, 403, "not_yours")
        seen = events(world, "connector.refused")
        check_equal(
            [(event["actor"], event["actor_kind"], event["detail"]) for event in seen],
            [(eu.id, "connector", {"code": "not_yours", "about": action})] * 2,
            "refusals on record",
        )
        # That the account is gone, altered, or somebody else's.
        account = {"account": view["account"], "grant_id": view["id"], "can_login": True}
        for target in ("shop-prod-admin", "other-admin"):
            for change in ({"removed": True}, {"can_login": False}, {"message": "x"}):
                sweep = {
                    "admin_secret": target, "host": "localhost", "port": world.server.port,
                    "swept_at": "2100-01-01T00:00:00Z", "accounts": [{**account, **change}],
                }  # fmt: skip
                status, text = eu.call(world.url, ACCOUNTS, sweep)
                check_equal(status, 204, text)
            status, text = eu.call(world.url, ACCOUNTS, {**sweep, "accounts": []})
            check_equal(status, 204, text)
        now = world.show(view["id"])
        check_equal((now["state"], now.get("drifted", False)), ("active", False), "the grant")
        world.connect(view["id"], "SELECT 1")

        world.connector.stop()
        waiting = world.request()
        world.cli("dba", "approve", waiting)
        world.cli("admin", "integrations", "check", "shop-prod")
        status, text = eu.call(world.url, POLL, {"capacity": 100, "wait_s": 0})
        kinds = [json.loads(item["payload"])["integration"] for item in json.loads(text)["actions"]]
        check("shop-prod" not in kinds, f"what eu was handed out: {kinds}")
        health = [{"integration": "shop-prod", "ok": False, "message": "lies",
                   "checked_at": "2100-01-01T00:00:00Z"}]  # fmt: skip
        eu.call(world.url, POLL, {**IDLE, "health": health})
        told = world.cli("admin", "integrations", "shop-prod", "--json").json
        check("lies" not in str(told), f"health of another's integration: {told}")


@test
def a_connector_reports_only_what_it_was_given_to_do():
    with World().set_up() as world:
        world.connector.stop()
        instance = Instance(world.path("connector"))
        grant = world.request(duration="30m")
        world.cli("dba", "approve", grant)
        status, text = instance.call(world.url, POLL, {"capacity": 100, "wait_s": 0})
        check_equal(status, 200, text)
        actions = [json.loads(item["payload"]) for item in json.loads(text)["actions"]]
        action = next(item for item in actions if item["kind"] == "grant")
        check_equal(action["grant_id"], grant, "the grant's action")
        good = {"action_id": action["id"], "attempt": 1, "done": True, "outcome": {},
                "expires_in_ms": 10 * 365 * 24 * 3600 * 1000, "sealed": base64_text(b"x" * 100)}  # fmt: skip
        for change, code in (
            ({"attempt": 0}, "unknown_attempt"), ({"attempt": 2}, "unknown_attempt"),
            ({"attempt": -1}, "bad_value"), ({"done": "yes"}, "bad_value"),
            ({"action_id": "x" * 100}, "bad_value"), ({"sealed": "x" * 20_000}, "bad_value"),
            ({"message": "x" * 5000}, "bad_value"), ({"surprise": 1}, "unknown_field"),
            ({"expires_in_ms": "1h"}, "bad_value"),
        ):  # fmt: skip
            refuse_signed(world, instance, REPORT, {**good, **change}, 400, code)
        refuse_signed(
            world, instance, REPORT, {**good, "action_id": "act_aaaaaaaaaaaaaaaa"},
            404, "unknown_action",
        )  # fmt: skip
        check_equal(world.show(grant)["state"], "granting", "after all that")
        check_equal(instance.call(world.url, REPORT, good)[0], 204, "a report")
        view = world.show(grant)
        check_equal(view["state"], "active", "state")
        # Ten years were reported; half an hour was decided.
        wanted = world.cli("engineer", "show", grant, "--json").json
        ends = wanted["expires_at"][:16]
        check(ends < "2100" and ends <= plus_minutes(wanted["granted_at"], 31), f"ends at {ends}")
        for message in (good, {**good, "done": False, "failure": "fatal"}):
            instance.call(world.url, REPORT, message)
        check_equal(world.show(grant)["state"], "active", "after reports of what was reported")
        for outcome in ("text", [1], {"statements": "x"}, {"surprise": {}}, {"account": "\u0000"}):
            status, text = instance.call(world.url, REPORT, {**good, "outcome": outcome})
            check(status in (204, 400), f"{outcome}: {status} {text}")
        check_equal(world.show(grant)["state"], "active", "it can still be shown")
        world.connector.start()  # what it finds is a grant without account
        world.cli("engineer", "revoke", grant)
        world.await_state(grant, "ended")


def plus_minutes(time_text, minutes):
    at = datetime.fromisoformat(time_text.replace("Z", "+00:00")) + timedelta(minutes=minutes)
    return at.strftime("%Y-%m-%dT%H:%M")


if __name__ == "__main__":
    main()
