"""Who may do what: roles, scopes, and people beside each other, through the command and HTTP."""

import json
import threading

from raw_http import check_problem, request, send
from world import World, check, check_equal, main, read_text, test, write_text

CHANGES = ("configuration.", "grant.", "token.", "connector.", "principal.", "action.")


def post(world, path, message, token):
    return send(world.url, request("POST", path, json.dumps(message).encode(), token))


def record_of(world):
    out = world.cli("admin", "audit", "--format", "jsonl").out
    events = [json.loads(line) for line in out.splitlines()]
    return [(event["event"], event["actor"]) for event in events if event["event"].startswith(CHANGES)]


def add_people(world):
    """A member with no part in anything, and an auditor who is in both groups all the same."""
    world.add_person("stranger")
    world.add_person("auditor", "auditor")
    world.apply(groups=[
        {"name": "backend", "members": ["engineer@example.com", "auditor@example.com"]},
        {"name": "dba", "members": ["dba@example.com", "auditor@example.com", "engineer@example.com"]},
    ])  # fmt: skip


def reading(grant):
    """Commands that only read, and whether one needs to review for them."""
    return [
        (["audit"], True), (["audit", "verify"], True), (["connectors"], True), (["orphans"], True), (["export"], True),
        (["integrations"], True), (["integrations", "shop-prod"], True), (["principal", "list"], True),
        (["token", "list", "--all"], True), (["requests", "--all"], False), (["flows"], False),
        (["whoami"], False), (["token", "list"], False), (["show", grant], False),
    ]  # fmt: skip


def changing(world, grant):
    """Commands that change something, none of which may be left to a member or an auditor."""
    path = world.path("permission.yaml")
    write_text(path, json.dumps({"flows": [world.flow(name="mine")]}))
    return [
        ["apply", "-f", path], ["apply", "-f", path, "--dry-run"], ["connector", "create", "mine"],
        ["connector", "remove", "main"], ["connector", "remove-instance", "main", "con_x"],
        ["integrations", "check", "shop-prod"], ["principal", "create", "new@example.com"],
        ["principal", "invite", "admin@example.com"], ["principal", "disable", "dba@example.com"],
        ["principal", "enable", "dba@example.com"],
        ["principal", "role", "auditor@example.com", "administrator"],
    ]  # fmt: skip


def taking_part(grant):
    return [
        ["request", "shop-read", "--reason", "x"], ["approve", grant], ["deny", grant, "--note", "x"],
        ["cancel", grant], ["revoke", grant], ["extend", grant, "--for", "5m"], ["credentials", grant],
        ["credentials", grant, "--reset"],
    ]  # fmt: skip


@test
def an_auditor_reads_everything_but_credentials_and_changes_nothing():
    with World().set_up() as world:
        add_people(world)
        grant = world.active()["id"]
        pending = world.request()
        before = record_of(world)
        for command, _ in reading(grant):
            world.cli("auditor", *command)
        listed = world.cli("auditor", "requests", "--all", "--json").json["items"]
        check_equal({view["id"] for view in listed}, {grant, pending}, "requests seen")
        for view in listed:
            check_equal(view.get("may", []), [], "what an auditor may do")
        to_decide = world.cli("auditor", "requests", "--to-decide", "--json").json["items"]
        check_equal(to_decide, [], "requests that wait for an auditor")
        for command in taking_part(grant) + taking_part(pending):
            world.refuse("auditor", "auditor_changes_nothing", *command)
        for command in changing(world, grant):
            world.refuse("auditor", "role_missing", *command)
        check_equal(record_of(world), before, "the record")
        check_equal(len(world.server.accounts()), 1, "accounts")


@test
def a_member_changes_no_configuration_and_reviews_nothing():
    with World().set_up() as world:
        add_people(world)
        grant = world.active()["id"]
        before = record_of(world)
        for who in ("engineer", "dba", "stranger"):
            for command, reviewing in reading(grant):
                if reviewing:
                    world.refuse(who, "role_missing", *command)
            for command in changing(world, grant):
                world.refuse(who, "role_missing", *command)
            result = world.cli(who, "token", "list", "--principal", "admin@example.com", expect=None)
            check(result.code != 0, "tokens of others")
        check_equal(record_of(world), before, "the record")


@test
def others_do_not_learn_that_a_grant_is_there():
    with World().set_up() as world:
        add_people(world)
        grant = world.active()["id"]
        unknown = "grt_aaaaaaaaaaaaaaaa"
        commands = [["show"], ["approve"], ["deny", "--note", "x"], ["cancel"], ["revoke"],
                    ["extend", "--for", "5m"], ["credentials"], ["credentials", "--reset"],
                    ["wait"], ["connect"]]  # fmt: skip
        for command in commands:
            told = []
            for one in (grant, unknown):
                result = world.refuse("stranger", "unknown_grant", command[0], one, *command[1:])
                told.append(result.error["message"].replace(one, "ID"))
            check_equal(told[0], told[1], f"{command}: the same words")
        for view in ("--all", "--to-decide"):
            seen = world.cli("stranger", "requests", view, "--json").json["items"]
            check_equal(seen, [], f"requests {view}")
        for name in ("flow=shop-read", "requester=engineer@example.com", "integration=shop-prod"):
            answer = send(
                world.url,
                request("GET", f"/v1/grants?view=all&{name}", token=world.token_of("stranger")),
            )
            check_equal(json.loads(answer.body)["items"], [], name)
        check_equal(world.cli("stranger", "flows", "--json").json["items"], [], "flows")
        world.refuse("stranger", "unknown_flow", "flows", "shop-read")
        world.refuse("stranger", "unknown_integration", "integrations", "discover", "shop-prod")
        status, body = world.curl(
            "DELETE", "/v1/tokens/" + token_id(world, "engineer"), token=world.token_of("stranger")
        )
        check_equal((status, json.loads(body)["code"]), (404, "unknown_token"), "another's token")
        world.cli("engineer", "whoami")


def token_id(world, who):
    return world.cli(who, "whoami", "--json").json["token"]


@test
def an_administrator_gets_no_credential_and_no_access():
    with World().set_up() as world:
        grant = world.active()["id"]
        admin = world.token_of("admin")
        before = world.show(grant)
        for command in (["credentials", grant], ["credentials", grant, "--reset"],
                        ["connect", grant], ["extend", grant, "--for", "5m"], ["cancel", grant]):  # fmt: skip
            world.refuse("admin", "not_the_requester", *command)
            world.refuse("dba", "not_the_requester", *command)
        key = json.loads(world.curl("POST", f"/v1/grants/{grant}/reset", {
            "public_key": before["public_key"]}, admin)[1])  # fmt: skip
        check_equal(key["code"], "not_the_requester", "a reset to a key of the administrator's")
        check_equal(world.show(grant)["public_key"], before["public_key"], "whose key it is")
        for who in ("admin", "dba"):
            view = world.cli(who, "show", grant, "--json")
            check("sealed" not in view.out, "the sealed box is not shown")
        pending = world.request()
        world.refuse("admin", "not_an_approver", "approve", pending)
        world.refuse("admin", "not_an_approver", "deny", pending, "--note", "x")
        world.refuse("admin", "not_a_requester", "request", "shop-read", "--reason", "x")
        check_equal(len(world.server.accounts()), 1, "accounts")


@test
def nobody_decides_their_own_request_unless_the_flow_says_so():
    with World().set_up() as world:
        world.apply(
            groups=[
                {"name": "backend", "members": ["engineer@example.com", "dba@example.com"]},
                {"name": "dba", "members": ["engineer@example.com", "dba@example.com"]},
            ],
            flows=[world.flow(), world.flow(name="trusting", self_approval=True)],
        )
        for who in ("engineer", "dba"):
            own = world.request(who)
            world.refuse(who, "own_request", "approve", own)
            world.refuse(who, "own_request", "deny", own, "--note", "x")
            waiting = world.cli(who, "requests", "--to-decide", "--json").json["items"]
            check(own not in [view["id"] for view in waiting], "it does not wait for its requester")
            world.cli(who, "cancel", own)
        own = world.request(flow="trusting")
        world.cli("engineer", "approve", own)
        view = world.await_state(own, "active")
        world.cli("engineer", "extend", own, "--for", "5m", "--reason", "more")
        world.cli("engineer", "approve", own)
        event = world.cli("admin", "audit", "--grant", own, "--event", "grant.approved",
                          "--format", "jsonl").json  # fmt: skip
        check_equal((event["actor"], view["requester"]), ("engineer@example.com",) * 2, "on record")


@test
def who_lost_the_right_meanwhile_neither_decides_nor_gets():
    with World().set_up() as world:
        world.add_person("second")
        groups = {"backend": ["engineer@example.com"], "dba": ["dba@example.com", "second@example.com"]}

        def set_groups(**changes):
            members = {**groups, **changes}
            world.apply(groups=[{"name": name, "members": who} for name, who in members.items()])

        both = [{"any_of": {"groups": ["dba"]}, "count": 2}]
        world.apply(flows=[world.flow(name="both", approval=both),
                           world.flow(name="easy", extension="auto", approval=[{"auto": True}])])  # fmt: skip
        set_groups()

        # An approver who is none any more, or is disabled, counts no more.
        grant = world.request(flow="both")
        world.cli("dba", "approve", grant)
        set_groups(dba=["second@example.com"])
        world.refuse("dba", "unknown_grant", "show", grant)
        world.cli("second", "approve", grant)
        check_equal(world.show(grant)["state"], "pending", "one of two who count")
        set_groups()
        check(world.show(grant)["state"] in ("pending", "approved"), "after their return")
        world.cli("engineer", "cancel", grant, expect=None)

        # A requester who lost the right gets nothing that is decided later, or asked for on top.
        live = world.request(flow="easy")
        world.await_state(live, "active")
        pending = world.request()
        set_groups(backend=["second@example.com"])
        world.refuse("dba", "flow_changed", "approve", pending)
        result = world.cli("engineer", "extend", live, "--for", "5m", "--reason", "x", "--json",
                           expect=None)  # fmt: skip
        check(result.code != 0, f"an extension by itself for one who lost the right: {result.out}")
        check_equal(world.cli("engineer", "flows", "--json").json["items"], [], "flows")
        world.cli("engineer", "revoke", live)
        set_groups()
        pending = world.request()
        world.cli("admin", "principal", "disable", "engineer@example.com")
        world.refuse("dba", "flow_changed", "approve", pending)
        check_equal(
            world.cli("admin", "show", pending, "--json").json["state"], "pending", "the request"
        )


# ---- Scopes ----------------------------------------------------------------------------------------


def personal_token(world, who, *scopes):
    result = world.cli(who, "token", "create", "-".join(scopes), "--scopes", ",".join(scopes), "--json")
    return result.json["token"]


@test
def a_token_does_what_its_scopes_say_and_never_more_than_its_person():
    with World().set_up() as world:
        grant = world.active()["id"]
        everything = ("read", "request", "decide", "configure")
        calls = [
            ("read", "GET", "/v1/flows", None), ("read", "GET", "/v1/grants", None),
            ("read", "GET", f"/v1/grants/{grant}", None), ("read", "GET", "/v1/tokens", None),
            ("request", "POST", "/v1/grants", {"flow": "shop-read", "public_key": "x"}),
            ("request", "POST", f"/v1/grants/{grant}/revoke", {"note": 1}),
            ("request", "POST", f"/v1/grants/{grant}/extend", {}),
            ("request", "POST", f"/v1/grants/{grant}/reset", {}),
            ("request", "GET", f"/v1/grants/{grant}/credentials", None),
            ("decide", "POST", f"/v1/grants/{grant}/approve", {"note": 1}),
            ("decide", "POST", f"/v1/grants/{grant}/deny", {"note": 1}),
            ("configure", "POST", "/v1/apply", {}), ("configure", "POST", "/v1/connectors", {}),
            ("configure", "POST", "/v1/principals", {}), ("read", "GET", "/v1/audit", None),
            ("read", "GET", "/v1/configuration", None),
        ]  # fmt: skip
        for who in ("engineer", "admin"):
            for scope in everything:
                token = personal_token(world, who, scope)
                for needed, method, path, message in calls:
                    status, text = world.curl(method, path, message, token)
                    code = json.loads(text).get("code", "") if status >= 400 else ""
                    what = f"{method} {path} as {who} with {scope}: {status} {text[:200]}"
                    check(status != 500, what)
                    if code == "role_missing":
                        check_equal(who, "engineer", what)
                    else:
                        check_equal(code == "scope_missing", needed != scope, what)
                for method, path, message in (
                    ("POST", "/v1/tokens", {"label": "x", "duration": "1h", "scopes": ["read"]}),
                    ("DELETE", "/v1/tokens/" + token_id(world, who), None),
                ):
                    status, text = world.curl(method, path, message, token)
                    check_equal(
                        (status, json.loads(text)["code"]), (403, "session_required"), "from a token"
                    )
        check_equal(world.show(grant)["state"], "active", "the grant, after all that")


@test
def a_token_follows_its_person_down():
    with World().set_up() as world:
        world.add_person("second", "administrator")
        token = personal_token(world, "second", "read", "configure")
        check_equal(world.curl("GET", "/v1/audit", token=token)[0], 200, "as an administrator")
        world.cli("admin", "principal", "role", "second@example.com", "member")
        for who, bearer in (("token", token), ("session", world.token_of("second"))):
            answer = send(world.url, request("GET", "/v1/audit", token=bearer))
            check_problem(answer, 403, "role_missing", f"{who} of one who was an administrator")
        world.cli("admin", "principal", "disable", "second@example.com")
        answer = send(world.url, request("GET", "/v1/whoami", token=token))
        check_equal(answer.status, 401, "a token of one who is disabled")
        listed = world.cli("admin", "token", "list", "--principal", "second@example.com", "--json")
        check(listed.json["items"], "the token is listed still")
        check(token not in listed.out, "its text is never shown again")


@test
def tokens_ask_for_no_more_than_there_is():
    with World().set_up() as world:
        session = world.token_of("engineer")
        good = {"label": "x", "duration": "1h", "scopes": ["read"]}
        for change in ({"scopes": []}, {"scopes": ["everything"]}, {"scopes": ["read"] * 5},
                       {"duration": "0s"}, {"duration": "367d"}, {"duration": "-1h"},
                       {"label": ""}, {"label": "x" * 201}, {"label": "a\nb"}):  # fmt: skip
            answer = post(world, "/v1/tokens", {**good, **change}, session)
            check_problem(answer, 400, "bad_value", str(change))
        kinds = [token["kind"] for token in world.cli("engineer", "token", "list", "--json").json["items"]]
        check_equal(kinds, ["session"], "tokens")


# ---- The last administrator ------------------------------------------------------------------------


def administrators(world, who="admin"):
    listed = world.cli(who, "principal", "list", "--json").json["items"]
    return [one["name"] for one in listed
            if one["role"] == "administrator" and not one.get("disabled")]  # fmt: skip


@test
def somebody_can_always_administer():
    with World().set_up() as world:
        me = "admin@example.com"
        for command in (["principal", "disable", me], ["principal", "role", me, "member"],
                        ["principal", "role", me, "auditor"]):  # fmt: skip
            world.refuse("admin", "last_administrator", *command)
        for change in ({"role": "member"}, {"disabled": True}):
            result = world.apply("--json", principals=[{"name": me, "role": "administrator", **change}],
                                 expect=None)  # fmt: skip
            check_equal(result.error["code"], "last_administrator", f"apply {change}")
        result = world.apply("--prune", "--json", principals=[{"name": "engineer@example.com"}],
                             expect=None)  # fmt: skip
        check_equal(administrators(world), [me], f"after pruning: {result.out}")
        # Of two, each may send the other away; both at once would leave nobody.
        world.add_person("second", "administrator")
        for _ in range(5):
            both_at_once(world)
            left = [who for who in ("admin", "second")
                    if world.cli(who, "principal", "list", expect=None).code == 0]  # fmt: skip
            check(left, "an administrator is left")
            check_equal(len(administrators(world, left[0])), len(left), "administrators")
            for other in ("admin@example.com", "second@example.com"):
                world.cli(left[0], "principal", "role", other, "administrator")


def both_at_once(world):
    pairs = [("admin", "second@example.com"), ("second", "admin@example.com")]
    threads = [
        threading.Thread(
            target=world.cli, args=(who, "principal", "role", other, "member"), kwargs={"expect": None}
        )
        for who, other in pairs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@test
def an_invitation_of_the_administrators_does_not_let_a_member_in_as_another():
    """Inviting anew sets a new password; only administrators may, and it is on record."""
    with World().set_up() as world:
        invitation = world.cli("admin", "principal", "invite", "engineer@example.com", "--json").json
        old = world.token_of("engineer")
        world.sign_in("engineer-anew", "engineer@example.com", invitation["invitation"])
        answer = send(world.url, request("GET", "/v1/whoami", token=old))
        check_problem(answer, 401, "bad_token", "sessions of before a new password")
        old_password = read_text(world.path("people", "engineer", "password"))
        answer = post(world, "/v1/sessions",
                      {"principal": "engineer@example.com", "password": old_password}, None)  # fmt: skip
        check_problem(answer, 401, "bad_credentials", "the old password")
        out = world.cli("admin", "audit", "--person", "engineer@example.com", "--format", "jsonl").out
        events = [(one["event"], one["actor"]) for one in map(json.loads, out.splitlines())]
        check(("token.created", "admin@example.com") in events, f"the invitation: {events}")
        check(("password.set", "engineer@example.com") in events, f"the new password: {events}")


if __name__ == "__main__":
    main()
