"""The same thing at the same moment: one of them counts, and what is left fits together."""

import json
import threading

from raw_http import request, send
from signer import Signer
from world import World, check, check_equal, main, test, wait_until

AT_ONCE = 8


def at_once(*calls):
    """Answers of calls that begin together, each a tuple (url, bytes)."""
    start = threading.Barrier(len(calls))
    answers = [None] * len(calls)

    def run(index, url, data):
        start.wait()
        answers[index] = send(url, data)

    threads = [threading.Thread(target=run, args=(i, *call)) for i, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def post(world, path, message, token=None, headers=()):
    body = json.dumps(message).encode()
    return (world.url, request("POST", path, body, token, headers))


def statuses(answers):
    return sorted(answer.status for answer in answers)


def codes(answers):
    return {json.loads(answer.body)["code"] for answer in answers if answer.status >= 400}


@test
def one_person_is_one_approval_however_often_it_is_sent():
    with World().set_up() as world:
        world.add_person("second")
        world.apply(
            groups=[{"name": "dba", "members": ["dba@example.com", "second@example.com"]}],
            flows=[world.flow(approval=[{"any_of": {"groups": ["dba"]}, "count": 2}])],
        )
        grant = world.request()
        path = f"/v1/grants/{grant}/approve"
        answers = at_once(*[post(world, path, {}, world.token_of("dba"))] * AT_ONCE)
        check_equal(statuses(answers), [200] + [409] * (AT_ONCE - 1), f"{answers}")
        check_equal(codes(answers), {"already_decided"}, "the others")
        view = world.show(grant)
        check_equal((view["state"], len(view["decisions"])), ("pending", 1), "one of two")
        answers = at_once(*[post(world, path, {}, world.token_of("second"))] * AT_ONCE)
        check_equal(statuses(answers).count(200), 1, f"{answers}")
        world.await_state(grant, "active")
        check_equal(len(world.server.accounts()), 1, "accounts")


@test
def a_decision_and_its_opposite_leave_one_outcome():
    with World().set_up() as world:
        world.add_person("second")
        world.apply(
            groups=[{"name": "dba", "members": ["dba@example.com", "second@example.com"]}]
        )
        tokens = {who: world.token_of(who) for who in ("engineer", "dba", "second")}
        for round_number in range(8):
            grant = world.request()
            path = f"/v1/grants/{grant}/"
            opposite = ("deny", "second") if round_number % 2 else ("cancel", "engineer")
            answers = at_once(
                post(world, path + "approve", {}, tokens["dba"]),
                post(world, path + opposite[0], {"note": "no"}, tokens[opposite[1]]),
            )
            approved, other = answers[0].status == 200, answers[1].status == 200
            check(approved or other, f"one of them counts: {answers}")
            if opposite[0] == "deny":
                check(not (approved and other), f"both counted: {answers}")
            view = wait_until("it comes to rest", lambda grant=grant: at_rest(world, grant))
            if other:
                check(view["state"] in ("rejected", "cancelled", "ended"), f"{view['state']} {answers}")
            else:
                check_equal(view["state"], "active", f"{answers}")
                world.cli("engineer", "revoke", grant)
                world.await_state(grant, "ended")
            wait_until("no account is left", lambda: not world.server.accounts())
        world.cli("admin", "audit", "verify")


def at_rest(world, grant):
    view = world.show(grant)
    return view["state"] in ("active", "rejected", "cancelled", "ended", "failed") and view


@test
def everything_at_once_on_a_live_grant_ends_it_whole():
    with World().set_up() as world:
        world.apply(flows=[world.flow(extension="auto")])
        token = world.token_of("engineer")
        for _ in range(3):
            view = world.active(duration="10m")
            path = f"/v1/grants/{view['id']}/"
            calls = [post(world, path + "revoke", {}, token)] * 3
            calls += [post(world, path + "revoke", {}, world.token_of("dba"))]
            calls += [post(world, path + "extend", {"duration": "5m"}, token)] * 2
            calls += [post(world, path + "reset", {"public_key": view["public_key"]}, token)] * 2
            answers = at_once(*calls)
            check(200 in statuses(answers[:4]), f"a revocation counts: {answers}")
            check(max(statuses(answers)) < 500, f"{answers}")
            world.await_state(view["id"], "ended")
            check_equal(world.server.accounts(), [], "accounts")
        world.cli("admin", "audit", "verify")


@test
def of_many_resets_the_last_password_holds_and_nobody_waits_for_another():
    with World().set_up() as world:
        view = world.active()
        results = []

        def reset():
            results.append(
                world.cli("engineer", "credentials", view["id"], "--reset", "--json", expect=None)
            )

        threads = [threading.Thread(target=reset) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        done = [result for result in results if result.code == 0]
        check(done, "one of them got its password")
        for result in results:
            check(result.code == 0 or result.error["code"] == "reset_overtaken", result.err)
        wait_until("the credential works", lambda: works(world, view["id"]))


def works(world, grant):
    result = world.cli("engineer", "connect", grant, "--", "-X", "-At", "-c", "SELECT 7", expect=None)
    return result.code == 0 and result.out.strip() == "7"


@test
def one_idempotency_key_is_one_request():
    with World().set_up() as world:
        token = world.token_of("engineer")
        key = world.active()["public_key"]
        body = {"flow": "shop-read", "duration": "1h", "reason": "x", "public_key": key}
        headers = ["Idempotency-Key: of-this-test"]
        answers = at_once(*[post(world, "/v1/grants", body, token, headers)] * AT_ONCE)
        check_equal(set(statuses(answers)), {201}, f"{answers}")
        check_equal(len({json.loads(answer.body)["id"] for answer in answers}), 1, "ids")
        other = send(*post(world, "/v1/grants", {**body, "reason": "y"}, token, headers))
        check_equal(other.status, 409, f"the key with another request: {other}")
        dba = send(*post(world, "/v1/grants", body, world.token_of("dba"), headers))
        check_equal(dba.status, 403, f"the key of another: {dba}")
        for bad in ("", "x" * 129, "\t"):
            answer = send(*post(world, "/v1/grants", body, token, [f"Idempotency-Key: {bad}"]))
            check_equal(answer.status, 400, f"key {bad!r}: {answer}")
        mine = world.cli("engineer", "requests", "--json").json["items"]
        check_equal(len(mine), 2, "requests")


@test
def what_works_once_works_once():
    with World() as world:
        world.start_daypassd()
        world.sign_in_admin()
        admin = world.token_of("admin")
        join = json.loads(send(*post(world, "/v1/connectors", {"name": "main"}, admin)).body)
        calls = [
            post(world, "/v1/connector/enroll", {"public_key": Signer().public_text}, join["join_token"])
            for _ in range(AT_ONCE)
        ]
        answers = at_once(*calls)
        check_equal(statuses(answers), [201] + [401] * (AT_ONCE - 1), f"{answers}")
        check_equal(codes(answers), {"bad_join_token"}, "the others")
        invitation = json.loads(send(*post(world, "/v1/principals", {"name": "a@example.com"}, admin)).body)
        accept = {"principal": "a@example.com", "invitation": invitation["invitation"]}
        calls = [
            post(world, "/v1/sessions/invitation", {**accept, "new_password": f"password number {i}"})
            for i in range(AT_ONCE)
        ]
        answers = at_once(*calls)
        check_equal(statuses(answers), [201] + [401] * (AT_ONCE - 1), f"{answers}")
        good = next(i for i, answer in enumerate(answers) if answer.status == 201)
        for i in (good, (good + 1) % AT_ONCE):
            sign_in = {"principal": "a@example.com", "password": f"password number {i}"}
            answer = send(*post(world, "/v1/sessions", sign_in))
            check_equal(answer.status, 201 if i == good else 401, f"password {i}")


@test
def declarations_at_once_lose_nothing():
    with World() as world:
        world.start_daypassd()
        world.sign_in_admin()
        admin = world.token_of("admin")
        calls = [
            post(world, "/v1/apply", {"configuration": {"groups": [{"name": f"group-{i}"}]}}, admin)
            for i in range(AT_ONCE)
        ]
        answers = at_once(*calls)
        check_equal(set(statuses(answers)), {200}, f"{answers}")
        versions = {json.loads(answer.body)["version"] for answer in answers}
        check_equal(len(versions), AT_ONCE, f"versions: {versions}")
        status, body = world.curl("GET", "/v1/groups", token=admin)
        check_equal((status, len(json.loads(body)["items"])), (200, AT_ONCE), "groups")
        world.cli("admin", "audit", "verify")


if __name__ == "__main__":
    main()
