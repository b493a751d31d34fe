"""What somebody does by hand to the account of a live grant: found at the next sweep, named, and
settled where it would outlive the grant."""

import json

from world import World, check, check_equal, main, test, wait_until


def valid_until(world, account):
    return world.server.query(f"SELECT rolvaliduntil FROM pg_roles WHERE rolname = '{account}'")


def drift_of(view):
    return {item["field"]: item for item in view.get("drift", [])}


def await_drift(world, grant, *fields):
    """The drift of these fields alone."""
    view = wait_until(
        f"drift of {fields}",
        lambda: set(drift_of(found := world.show(grant))) == set(fields) and found,
    )
    check_equal(view["drifted"], bool(fields), "drifted")
    return drift_of(view)


def events(world, event, grant=None):
    filters = ["--grant", grant] if grant else []
    out = world.cli("admin", "audit", "--event", event, *filters, "--format", "jsonl").out
    return [json.loads(line) for line in out.splitlines()]


def metric(world, name):
    text = world.curl("GET", "/metrics")[1]
    return next(int(line.split()[-1]) for line in text.splitlines() if line.startswith(name + " "))


def comment_of(world, account):
    return world.server.query(
        f"SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = '{account}'"
    )


@test
def an_untouched_account_does_not_drift():
    for mode in ("shared-role", "direct"):
        with World(privilege_mode=mode).set_up() as world:
            view = world.active(duration="1h")
            world.cli("engineer", "extend", view["id"], "--for", "30m", "--reason", "more")
            world.cli("dba", "approve", view["id"])
            wait_until("more time", lambda: world.show(view["id"])["expires_at"] > view["expires_at"])
            world.cli("engineer", "credentials", view["id"], "--reset")
            world.connect(view["id"], "SELECT 1")
            # A change by hand is found, so sweeps were there; then it is undone.
            world.server.query(f"ALTER ROLE {view['account']} CONNECTION LIMIT 3")
            await_drift(world, view["id"], "connection limit")
            world.server.query(f"ALTER ROLE {view['account']} CONNECTION LIMIT 10")
            await_drift(world, view["id"])
            check_equal(len(events(world, "grant.drifted", view["id"])), 1, "events")
            check_equal(len(events(world, "grant.drift_ended", view["id"])), 1, "events of its end")


@test
def an_end_that_is_put_off_is_set_back_whether_or_not_the_control_plane_is_there():
    with World().set_up() as world:
        view = world.active()
        account = view["account"]
        given = valid_until(world, account)
        for later in ("infinity", "2099-01-01", "99999-01-01"):
            world.server.query(f"ALTER ROLE {account} VALID UNTIL '{later}'")
            wait_until("the end is set back", lambda: valid_until(world, account) == given)
        wait_until("it is on record", lambda: len(events(world, "grant.drifted", view["id"])) == 3)
        detail = events(world, "grant.drifted", view["id"])[0]["detail"]
        drift = detail["drift"][0]
        check_equal((drift["field"], drift["found"]), ("valid until", "never"), "the drift")
        check("set back" in detail["message"] and detail["widened"], f"what was done: {detail}")
        ran = [item for item in world.show(view["id"])["evidence"] if item["kind"] == "sweep"]
        check("VALID UNTIL" in str(ran), f"the evidence: {ran}")
        world.daypassd.stop()
        world.server.query(f"ALTER ROLE {account} VALID UNTIL 'infinity'")
        wait_until("the end is set back alone", lambda: valid_until(world, account) == given)
        world.restart_daypassd()
        world.connect(view["id"], "SELECT 1")


@test
def no_end_moved_by_hand_lets_an_account_outlive_its_grant():
    with World().set_up() as world:
        first = world.active(duration="14s")
        second = world.active(duration="14s")
        accounts = [first["account"], second["account"]]
        world.daypassd.stop()
        for account in accounts:
            world.server.query(f"ALTER ROLE {account} VALID UNTIL 'infinity'")
        wait_until("they are gone without the control plane", lambda: not world.server.accounts())
        world.restart_daypassd()
        for view in (first, second):
            check_equal(world.await_state(view["id"], "ended")["cause"], "expired", "the cause")
        # With the control plane there, and no sweep that could set it back in time.
        third = world.active(duration="10s")
        world.server.query(f"ALTER ROLE {third['account']} VALID UNTIL 'infinity'")
        world.await_state(third["id"], "ended")
        check_equal(world.server.accounts(), [], "accounts")


@test
def what_is_added_to_an_account_is_named_as_more_than_was_given():
    with World().set_up() as world:
        view = world.active()
        grant, account = view["id"], view["account"]
        world.server.query(
            "DROP ROLE IF EXISTS drift_extra; DROP ROLE IF EXISTS drift_member;"
            "CREATE ROLE drift_extra; CREATE ROLE drift_member"
        )
        try:
            world.server.query(
                f"GRANT drift_extra TO {account} WITH ADMIN OPTION; GRANT {account} TO drift_member;"
                f"ALTER ROLE {account} CREATEDB BYPASSRLS CONNECTION LIMIT -1;"
                f"GRANT UPDATE ON schema_app.orders_table TO {account}"
            )
            drift = await_drift(
                world, grant, "attributes", "roles", "members", "privileges", "connection limit"
            )
            check("CREATEDB, BYPASSRLS" in drift["attributes"]["found"], drift["attributes"])
            check_equal(drift["attributes"]["given"], "none", "attributes given")
            check("drift_extra with ADMIN OPTION" in drift["roles"]["found"], drift["roles"])
            check("drift_extra" not in drift["roles"]["given"], drift["roles"])
            check_equal(drift["members"]["found"], "drift_member", "members")
            privileges = drift["privileges"]["found"]
            check("UPDATE on table schema_app.orders_table" in privileges, privileges)
            check(all(item["widens"] for item in drift.values()), f"all widen: {drift}")
            check(world.show(grant)["widened"], "the grant is widened")
            shown = world.cli("engineer", "show", grant).out
            check("attributes: given none; found CREATEDB" in shown, shown)
            listed = world.cli("engineer", "requests").out
            check("WIDENED on the target" in listed, listed)
            check_equal(metric(world, "daypass_grants_drifted"), 1, "drifted grants")
            check_equal(metric(world, "daypass_grants_widened"), 1, "widened grants")
            check(events(world, "grant.drifted", grant)[-1]["detail"]["widened"], "on record")
            world.server.query(
                f"REVOKE drift_extra FROM {account}; REVOKE {account} FROM drift_member;"
                f"ALTER ROLE {account} NOCREATEDB NOBYPASSRLS CONNECTION LIMIT 10;"
                f"REVOKE UPDATE ON schema_app.orders_table FROM {account}"
            )
            await_drift(world, grant)
            check_equal(metric(world, "daypass_grants_drifted"), 0, "drifted grants afterwards")
            # Whatever was added ends with it.
            world.server.query(
                f"GRANT drift_extra TO {account}; GRANT UPDATE ON schema_app.orders_table TO {account}"
            )
            await_drift(world, grant, "roles", "privileges")
            world.cli("engineer", "revoke", grant)
            wait_until("it ends, or says why not", lambda: ended_or_obstructed(world, grant))
        finally:
            world.server.query(
                f"REVOKE ALL ON schema_app.orders_table FROM {account};"
                if account in world.server.accounts() else "SELECT 1"
            )  # fmt: skip
            world.server.query("DROP ROLE drift_extra; DROP ROLE drift_member")


def ended_or_obstructed(world, grant):
    """What the superuser gave, only the superuser can be sure to take back."""
    view = world.show(grant)
    obstacles = [item["outcome"].get("obstacles") for item in view["evidence"] if item.get("outcome")]
    return view["state"] == "ended" or obstacles[-1]


@test
def what_is_taken_from_an_account_is_named_as_less():
    with World().set_up() as world:
        view = world.active()
        grant, account = view["id"], view["account"]
        role = world.server.query(
            "SELECT g.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid"
            f" JOIN pg_roles u ON u.oid = m.member WHERE u.rolname = '{account}'"
        )
        earlier = "now() + interval '20 minutes'"
        world.server.query(
            f"REVOKE {role} FROM {account}; ALTER ROLE {account} NOLOGIN;"
            f"DO $$ BEGIN EXECUTE format('ALTER ROLE {account} VALID UNTIL %L', {earlier}); END $$"
        )
        drift = await_drift(world, grant, "login", "roles", "valid until")
        check_equal(drift["roles"], {"field": "roles", "given": role, "found": "none",
                                     "widens": False}, "roles")  # fmt: skip
        check(not world.show(grant).get("widened"), "it is not widened")
        check("changed on the target" in world.cli("engineer", "requests").out, "the list")
        world.cli("engineer", "revoke", grant)
        world.await_state(grant, "ended")


@test
def an_end_that_is_brought_forward_ends_the_grant_and_says_so():
    with World().set_up() as world:
        view = world.active()
        world.server.query(f"ALTER ROLE {view['account']} VALID UNTIL '2020-01-01'")
        ended = world.await_state(view["id"], "ended")
        check_equal(ended["cause"], "drifted", "the cause")
        check("earlier" in ended["note"], ended["note"])
        check_equal(world.server.accounts(), [], "accounts")


@test
def a_mark_that_is_taken_or_altered_is_named_and_the_account_not_touched():
    with World().set_up() as world:
        view = world.active()
        grant, account = view["id"], view["account"]
        mark = comment_of(world, account)
        other = mark.replace(grant, "grt_someoneelses00")
        foreign = json.loads(mark.removeprefix("daypass ")) | {"deployment": "dep_someoneelses00"}
        longer = json.loads(mark.removeprefix("daypass ")) | {"expires": "2098-01-01T00:00:00Z"}
        for text, found in (
            (None, "none"), ("a note", "none"), ("daypass {broken", "none"),
            (other, "grt_someoneelses00"),
            ("daypass " + json.dumps(foreign), f"{grant} of installation dep_someoneelses00"),
        ):  # fmt: skip
            literal = "NULL" if text is None else "'" + text + "'"
            world.server.query(f"COMMENT ON ROLE {account} IS {literal}")
            drift = wait_until(
                f"the mark is {found}",
                lambda: (item := drift_of(world.show(grant)).get("mark"))
                and item["found"] == found and item,
            )  # fmt: skip
            check_equal(drift["given"], grant, "the mark given")
        check_equal(world.cli("admin", "orphans", "--json").json["items"], [], "no orphan")
        world.connect(grant, "SELECT 1")
        world.server.query(f"COMMENT ON ROLE {account} IS 'daypass {json.dumps(longer)}'")
        drift = await_drift(world, grant, "mark", "valid until")
        check(drift["mark"]["widens"] and not drift["valid until"]["widens"], drift)
        world.server.query(f"COMMENT ON ROLE {account} IS '{mark}'")
        await_drift(world, grant)
        world.cli("engineer", "revoke", grant)
        world.await_state(grant, "ended")


@test
def an_account_that_is_gone_ends_its_grant_and_one_in_its_place_is_named():
    with World().set_up() as world:
        first = world.active()
        second = world.active()
        mark = comment_of(world, second["account"])
        world.server.query(
            f"DROP ROLE {first['account']};"
            f"DROP ROLE {second['account']}; CREATE ROLE {second['account']} LOGIN CONNECTION LIMIT 10"
            f" VALID UNTIL '{json.loads(mark.removeprefix('daypass '))['expires']}';"
            f"COMMENT ON ROLE {second['account']} IS '{mark}'"
        )
        ended = world.await_state(first["id"], "ended")
        check_equal(ended["cause"], "drifted", "the cause")
        gone = events(world, "grant.drifted", first["id"])[0]["detail"]["drift"][0]
        check_equal((gone["field"], gone["found"]), ("account", "none"), "the drift")
        drift = await_drift(world, second["id"], "account", "roles")
        check("another of that name" in drift["account"]["found"], drift["account"])
        world.cli("engineer", "revoke", second["id"])
        world.await_state(second["id"], "ended")
        check_equal(world.server.accounts(), [], "accounts")


if __name__ == "__main__":
    main()
