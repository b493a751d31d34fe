"""Every way a grant can go other than straight, through the real programs."""

from world import World, check, check_equal, main, test, wait_until


def read_only(name, **changes):
    """A flow on the customers alone, besides the usual one."""
    grants = [{"schema": "schema_app", "tables": ["customers_table"], "privileges": ["SELECT"]}]
    return {"name": name, "grants": grants, **changes}


def declare(world, *flows, groups=(), **more):
    world.apply(flows=[world.flow(**flow) for flow in flows], groups=list(groups), **more)


@test
def a_denied_request_makes_nothing():
    with World().set_up() as world:
        grant = world.request()
        world.cli("dba", "deny", grant, "--note", "ask for less")
        view = world.show(grant)
        check_equal((view["state"], view["note"]), ("rejected", "ask for less"), "after denial")
        world.refuse("dba", "wrong_state", "approve", grant)
        check_equal(world.server.accounts(), [], "accounts")


@test
def a_request_can_be_cancelled_by_its_requester_only():
    with World().set_up() as world:
        grant = world.request()
        check(world.cli("dba", "cancel", grant, expect=None).code != 0, "another may not cancel")
        world.cli("engineer", "cancel", grant)
        check_equal(world.show(grant)["state"], "cancelled", "state")
        world.refuse("dba", "wrong_state", "approve", grant)


@test
def a_request_that_nobody_decides_lapses():
    with World().set_up() as world:
        declare(world, read_only("quick", lapse_after="5s"))
        grant = world.request(flow="quick")
        world.await_state(grant, "lapsed")
        world.refuse("dba", "wrong_state", "approve", grant)


@test
def an_approval_that_no_connector_takes_lapses():
    with World().set_up() as world:
        declare(world, read_only("quick", lapse_after="6s"))
        world.connector.stop()
        grant = world.request(flow="quick")
        world.cli("dba", "approve", grant)
        world.await_state(grant, "lapsed")
        world.connector.start()
        check_equal(world.server.accounts(), [], "accounts")


@test
def requester_approver_and_administrator_can_end_it_early():
    with World().set_up() as world:
        for who in ("engineer", "dba", "admin"):
            grant = world.active()["id"]
            world.cli(who, "revoke", grant, "--note", "done")
            view = world.await_state(grant, "ended")
            check_equal(
                (view["cause"], view["ended_by"]), ("revoked", f"{who}@example.com"), "the end"
            )
            check_equal(world.server.accounts(), [], "accounts")
        world.add_person("other")
        grant = world.active()["id"]
        world.refuse("other", "unknown_grant", "revoke", grant)
        world.refuse("other", "unknown_grant", "show", grant)


@test
def an_extension_is_decided_again_and_moves_the_end_on_the_server():
    with World().set_up() as world:
        view = world.active(duration="10m")
        valid_until = f"SELECT rolvaliduntil FROM pg_roles WHERE rolname = '{view['account']}'"
        before = world.server.query(valid_until)
        world.cli("engineer", "extend", view["id"], "--for", "20m", "--reason", "more")
        check_equal(world.server.query(valid_until), before, "the end, before the decision")
        asked = world.show(view["id"], "dba")
        check_equal(
            (asked["extension"], asked["extension_reason"]), ("20m", "more"), "what is asked for"
        )
        world.refuse("engineer", "own_request", "approve", view["id"])
        world.cli("dba", "approve", view["id"])
        wait_until(
            "the end has moved",
            lambda: world.show(view["id"])["expires_at"] > view["expires_at"],
        )
        check(world.server.query(valid_until) > before, "the end on the server")
        world.connect(view["id"], "SELECT 1")


@test
def no_extension_goes_above_the_maximum_or_where_the_flow_has_none():
    with World().set_up() as world:
        declare(world, read_only("never", extension="never"))
        grant = world.active(duration="7h")["id"]
        world.refuse("engineer", "duration_too_long", "extend", grant, "--for", "2h", "--reason", "more")
        grant = world.active(flow="never")["id"]
        world.refuse("engineer", "extension_not_offered", "extend", grant, "--for", "10m", "--reason", "more")


@test
def an_automatic_extension_needs_nobody():
    with World().set_up() as world:
        declare(world, read_only("easy", extension="auto"))
        view = world.active(flow="easy", duration="10m")
        world.cli("engineer", "extend", view["id"], "--for", "10m", "--reason", "more")
        wait_until(
            "the end has moved",
            lambda: world.show(view["id"])["expires_at"] > view["expires_at"],
        )


@test
def a_reset_gives_a_new_password_and_ends_the_old_one():
    with World().set_up() as world:
        view = world.active()
        old = world.credential(view["id"])["password"]
        world.cli("engineer", "credentials", view["id"], "--reset")
        new = world.credential(view["id"])["password"]
        check(new != old, "another password")
        account = view["account"]
        refused = world.server.psql("SELECT 1", user=account, password=old)
        check("authentication failed" in refused.stderr_text, "the old password")
        check_equal(
            world.server.psql("SELECT 1", user=account, password=new).returncode, 0, "the new one"
        )


@test
def steps_of_approval_follow_one_another():
    with World().set_up() as world:
        groups = [
            {"name": "dba", "members": ["dba@example.com", "second@example.com"]},
            {"name": "security", "members": ["guard@example.com"]},
        ]
        for who in ("second", "guard"):
            world.add_person(who)
        approval = [
            {"any_of": {"groups": ["dba"]}, "count": 2},
            {"all_of": {"groups": ["security"]}},
        ]
        declare(world, read_only("strict", approval=approval), groups=groups)
        grant = world.request(flow="strict")
        world.refuse("guard", "not_an_approver", "approve", grant)
        world.cli("dba", "approve", grant)
        world.refuse("dba", "already_decided", "approve", grant)
        check_equal(world.show(grant)["state"], "pending", "after one of two")
        world.cli("second", "approve", grant)
        check_equal(world.show(grant)["state"], "pending", "after the first step")
        world.cli("guard", "approve", grant)
        world.await_state(grant, "active")
        names = [decision["principal"] for decision in world.show(grant)["decisions"]]
        check_equal(
            names, ["dba@example.com", "second@example.com", "guard@example.com"], "decisions"
        )


@test
def an_automatic_approval_is_on_record_as_one():
    with World().set_up() as world:
        declare(world, read_only("auto", approval=[{"auto": True}]))
        grant = world.request(flow="auto")
        world.await_state(grant, "active")
        approved = world.cli("admin", "audit", "--grant", grant, "--event", "grant.approved",
                             "--format", "jsonl").out  # fmt: skip
        check("auto" in approved, f"the event says so: {approved}")


@test
def a_live_grant_ends_by_its_frozen_plan_whatever_is_configured_since():
    with World().set_up() as world:
        first = world.active(duration="12s")
        declare(world, {"grants": read_only("x")["grants"], "duration": {"max": "30m"}})
        world.apply("--prune", flows=[world.flow(name="another")])
        moved = world.integration(name="elsewhere", host="127.0.0.2")
        world.apply("--prune", flows=[world.flow(name="last", integration="elsewhere")],
                    integrations=[moved])  # fmt: skip
        world.connect(first["id"], "SELECT count(*) FROM schema_app.orders_table")
        world.await_state(first["id"], "ended")
        check_equal(world.server.accounts(), [], "accounts")


@test
def what_changed_since_the_request_cannot_be_approved():
    with World().set_up() as world:
        grant = world.request()
        declare(world, {"grants": read_only("x")["grants"]})
        world.refuse("dba", "flow_changed", "approve", grant)
        check_equal(world.show(grant)["state"], "pending", "state")
        world.cli("engineer", "cancel", grant)


@test
def a_missing_table_fails_the_grant_whole_and_says_which():
    with World().set_up() as world:
        grants = [
            {"schema": "schema_app", "tables": ["customers_table", "gone"], "privileges": ["SELECT"]}
        ]
        declare(world, {"name": "broken", "grants": grants})
        grant = world.request(flow="broken")
        world.cli("dba", "approve", grant)
        view = world.await_state(grant, "failed")
        check("gone" in str(view), f"the reason names it: {view}")
        check_equal(world.server.accounts(), [], "accounts")


@test
def a_table_with_a_terrible_name_can_be_granted():
    with World().set_up() as world:
        terrible = "weird; DROP TABLE x; --"
        quoted = 'Quote " and \' and \\ back'
        for name in (terrible, quoted):
            escaped = name.replace('"', '""')
            world.server.query(
                f'CREATE TABLE schema_app."{escaped}" AS SELECT 1 AS a; '
                f'GRANT SELECT ON schema_app."{escaped}" TO daypass_admin WITH GRANT OPTION'
            )
        grants = [
            {"schema": "schema_app", "tables": [terrible, quoted], "privileges": ["SELECT"]}
        ]
        declare(world, {"name": "weird", "grants": grants})
        view = world.active(flow="weird", duration="15s")
        rows = world.connect(view["id"], f'SELECT a FROM schema_app."{terrible}"').out
        check_equal(rows.strip(), "1", "a row of it")
        world.await_state(view["id"], "ended")
        check_equal(world.server.accounts(), [], "accounts")


@test
def only_those_whom_the_flow_names_may_ask():
    with World().set_up() as world:
        world.add_person("other")
        result = world.refuse("other", "not_a_requester", "request", "shop-read",
                              "--for", "1h", "--reason", "curious")  # fmt: skip
        check("backend" not in result.err, "the refusal tells nothing of the flow")
        world.refuse("admin", "not_a_requester", "request", "shop-read",
                     "--for", "1h", "--reason", "curious")  # fmt: skip
        world.refuse("engineer", "reason_missing", "request", "shop-read", "--for", "1h")
        world.refuse("engineer", "duration_too_long", "request", "shop-read",
                     "--for", "9h", "--reason", "long")  # fmt: skip


if __name__ == "__main__":
    main()
