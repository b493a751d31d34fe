"""Accounts that no grant explains: after the store or the database came back from a backup, of other
installations and tools, and with marks that somebody forged."""

import json
import os
import shutil
import sqlite3
import subprocess

from world import CA_FILE, World, check, check_equal, main, read_text, test, wait_until

OTHER = "dep_anotherinstallation"


def orphans(world, *arguments, who="admin"):
    """What is listed, by the names of the accounts."""
    result = world.cli(who, "orphans", "--json", *arguments, expect=None)
    items = {item["account"]: item for item in result.json["items"]}
    attention = any(item["kind"] != "leftover" for item in items.values())
    check_equal(result.code, 3 if attention else 0, f"exit code with {sorted(items)}")
    return items


def await_orphan(world, account, **values):
    return wait_until(
        f"{account} is listed with {values}",
        lambda: (item := orphans(world).get(account))
        and all(item.get(key) == value for key, value in values.items()) and item,
    )  # fmt: skip


def events(world, event):
    out = world.cli("admin", "audit", "--event", event, "--format", "jsonl").out
    return [json.loads(line) for line in out.splitlines()]


def accounts_of(world, event):
    return [item["detail"]["account"] for item in events(world, event)]


def mark(world, grant="grt_nobodyknowsit0", **changes):
    deployment = world.cli("admin", "whoami", "--json").json["deployment"]
    content = {
        "v": 1, "deployment": deployment, "grant": grant, "connector": "main",
        "custodian": "daypass_custodian", "database": "shop", "expires": "2098-01-01T00:00:00Z",
        **changes,
    }  # fmt: skip
    return "daypass " + json.dumps(content)


def make_account(world, name, comment=None, options="VALID UNTIL '2098-01-01T00:00:00Z'"):
    """As the connector's account would have made it, and can remove it."""
    admin = read_text(world.admin_password_file).strip()
    sql = f"CREATE ROLE {name} LOGIN PASSWORD 'kept' {options};"
    sql += f"COMMENT ON ROLE {name} IS '{comment}';" if comment else ""
    made = world.server.psql(sql, user="daypass_admin", password=admin)
    check_equal(made.returncode, 0, made.stderr_text)


def exists(world, *names):
    listed = ", ".join(f"'{name}'" for name in names)
    return int(world.server.query(f"SELECT count(*) FROM pg_roles WHERE rolname IN ({listed})"))


def await_sweeps(world, count=3):
    """Waits until the connector has reported sweeps, by a change that each of them would find."""
    for number in range(count):
        name = f"temp_probe_{number}"
        world.server.query(f"CREATE ROLE {name} NOLOGIN")
        await_orphan(world, name, kind="leftover")
        world.server.query(f"DROP ROLE {name}")
        wait_until(f"{name} is not listed any more", lambda: name not in orphans(world))


def backup(world):
    source = sqlite3.connect(world.path("daypassd", "daypass.db"))
    target = sqlite3.connect(world.path("backup.db"))
    with source, target:
        source.backup(target)
    source.close()
    target.close()


def restore(world):
    world.daypassd.stop()
    for ending in ("", "-wal", "-shm"):
        path = world.path("daypassd", "daypass.db" + ending)
        if os.path.exists(path):
            os.unlink(path)
    shutil.copy(world.path("backup.db"), world.path("daypassd", "daypass.db"))
    os.chmod(world.path("daypassd", "daypass.db"), 0o600)
    world.restart_daypassd()


@test
def after_an_old_store_came_back_no_account_is_left_that_it_does_not_know():
    with World().set_up() as world:
        kept = world.active()
        ended = world.active()
        backup(world)
        later = world.active()
        stuck = world.active()
        world.cli("engineer", "revoke", ended["id"])
        world.await_state(ended["id"], "ended")
        # One that the connector's account may not change, so that it can be looked at.
        world.server.query(f"ALTER ROLE {stuck['account']} SUPERUSER")
        restore(world)
        world.connector.stop()
        world.connector.start()

        item = await_orphan(world, stuck["account"], kind="unknown", state="removing")
        check_equal(item["grant_id"], stuck["id"], "the grant it was made for")
        wait_until("it is tried on", lambda: orphans(world)[stuck["account"]]["failures"] > 0)
        item = orphans(world)[stuck["account"]]
        check("lacks a right" in item["trouble"], item["trouble"])
        shown = world.cli("admin", "orphans", expect=3).out
        check(stuck["account"] in shown and "not removed yet" in shown, shown)
        wait_until("the other one is gone", lambda: not exists(world, later["account"]))

        # What had ended since the backup looks live, and its account is gone.
        check_equal(world.show(ended["id"])["state"], "active", "as the backup has it")
        view = world.await_state(ended["id"], "ended")
        check_equal(view["cause"], "drifted", "the cause")
        check_equal(world.show(kept["id"])["state"], "active", "what both know")
        world.connect(kept["id"], "SELECT 1")

        world.server.query(f"ALTER ROLE {stuck['account']} NOSUPERUSER")
        wait_until("it is gone too", lambda: not exists(world, stuck["account"]))
        wait_until("nothing is listed", lambda: not orphans(world))
        both = {later["account"], stuck["account"]}
        check_equal(set(accounts_of(world, "account.orphan")), both, "on record as orphans")
        check_equal(set(accounts_of(world, "account.removed")), both, "on record as removed")
        gone = events(world, "account.removed")[0]["detail"]
        check("DROP ROLE" in str(gone["statements"]), f"what was done: {gone}")
        world.cli("admin", "audit", "verify")


def dump_roles(world):
    """What pg_dumpall would bring back."""
    env = {**os.environ, "PGPASSWORD": world.server.password, "PGSSLMODE": "verify-full",
           "PGSSLROOTCERT": CA_FILE}  # fmt: skip
    command = ["pg_dumpall", "--roles-only", "-h", "localhost", "-p", str(world.server.port)]
    done = subprocess.run(
        command + ["-U", world.server.user], env=env, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


@test
def after_an_old_database_came_back_its_accounts_end_and_the_grants_it_lacks_too():
    with World().set_up() as world:
        first, second = world.active(), world.active()
        dumped = dump_roles(world)
        for view in (first, second):
            world.cli("engineer", "revoke", view["id"])
            world.await_state(view["id"], "ended")
        newer = world.active()
        old = [line for line in dumped if first["account"] in line or second["account"] in line]
        roles = [line for line in dumped if line.startswith("CREATE ROLE daypass_") and "admin" not in line
                 and "custodian" not in line]  # fmt: skip
        for line in roles:
            world.server.psql(line)  # shared roles, where they are gone
        world.server.query("\n".join(old) + f"\nDROP ROLE {newer['account']};")
        check_equal(exists(world, first["account"], second["account"]), 2, "what came back")
        wait_until("they are gone again", lambda: not world.server.accounts())
        view = world.await_state(newer["id"], "ended")
        check_equal((view["cause"], view["note"]),
                    ("drifted", "the account is not on the target any more"), "the end")  # fmt: skip
        for view in (first, second):
            strays = [item for item in events(world, "account.stray") if item["grant"] == view["id"]]
            check_equal(len(strays), 1, "on record")
        check_equal(orphans(world), {}, "orphans")


@test
def what_is_not_ours_is_listed_and_never_touched():
    with World().set_up() as world:
        world.add_person("auditor", "auditor")
        past = "VALID UNTIL '2020-01-01'"
        make_account(world, "temp_theirs_1", mark(world, deployment=OTHER))
        make_account(world, "temp_theirs_2", mark(world, deployment=OTHER), past)
        make_account(world, "temp_john_a1b2c3", options=past)
        make_account(world, "tmp_x", "daypass {not a mark")
        world.server.query('CREATE ROLE "v-token-shop-x6q809467q98yp4yx4z4-1525378026" LOGIN')
        try:
            foreign = await_orphan(world, "temp_theirs_1", kind="foreign")
            check_equal((foreign["deployment"], foreign["grant_id"], foreign["sessions"]),
                        (OTHER, "grt_nobodyknowsit0", 0), "whose it is")  # fmt: skip
            vault = await_orphan(world, "v-token-shop-x6q809467q98yp4yx4z4-1525378026", kind="leftover")
            check("v-*" in vault["why"] and not vault["removable"], vault["why"])
            for name in ("temp_john_a1b2c3", "tmp_x"):
                await_orphan(world, name, kind="leftover")
            names = ["temp_theirs_1", "temp_theirs_2", "temp_john_a1b2c3", "tmp_x", vault["account"]]
            await_sweeps(world)
            check_equal(exists(world, *names), 5, "after several sweeps")
            check_equal(len(events(world, "account.removed")), 0, "removals")
            check_equal(sorted(set(accounts_of(world, "account.orphan")) & set(names)), sorted(names),
                        "on record")  # fmt: skip
            listing(world, names)
            refusals(world, vault["account"])
            check_equal(exists(world, *names), 5, "after refusals")
        finally:
            world.server.query('DROP ROLE "v-token-shop-x6q809467q98yp4yx4z4-1525378026"')
            world.server.query("DROP ROLE tmp_x")


def listing(world, names):
    """The list in pages, narrowed, and for whom it is."""
    token = world.token_of("admin")
    seen, cursor = [], ""
    while cursor is not None:
        page = json.loads(world.curl("GET", f"/v1/orphans?limit=2{cursor}", token=token)[1])
        check(len(page["items"]) <= 2, "a page")
        seen += [item["account"] for item in page["items"]]
        cursor = f"&cursor={page['next']}" if "next" in page else None
    check_equal(sorted(seen), sorted(names), "all pages")
    check_equal(sorted(orphans(world, "--kind", "foreign")), ["temp_theirs_1", "temp_theirs_2"], "kind")
    check_equal(len(orphans(world, "--integration", "shop-prod", who="auditor")), 5, "to an auditor")
    world.refuse("admin", "unknown_integration", "orphans", "--integration", "other")
    text = world.curl("GET", "/metrics")[1]
    check('daypass_orphans{kind="foreign"} 2' in text, "the metric")
    for who in ("engineer", "dba"):
        world.refuse(who, "role_missing", "orphans")
    for what in ("inspect", "remove"):
        one = orphans(world)["temp_theirs_1"]["id"]
        status, _ = world.curl("POST", f"/v1/orphans/{one}/{what}", {} if what == "remove" else None,
                               world.token_of("auditor"))  # fmt: skip
        check_equal(status, 403, f"{what} by an auditor")


def refusals(world, leftover):
    for name in (leftover, "temp_john_a1b2c3", "tmp_x"):
        refused = world.refuse("admin", "not_daypass", "orphans", "remove", "shop-prod", name, "--yes")
        check("REASSIGN OWNED" in refused.error["message"], "what to do by hand")
    refused = world.refuse("admin", "not_adopted", "orphans", "remove", "shop-prod", "temp_theirs_1",
                           "--yes")  # fmt: skip
    check(f"adopt_deployments: [{OTHER}]" in refused.error["message"], refused.error["message"])
    # Not only the command refuses: the connector does.
    one = orphans(world)["temp_theirs_1"]
    body = {"grant_id": one["grant_id"], "deployment": OTHER}
    path = f"/v1/orphans/{one['id']}/remove"
    status, text = world.curl("POST", path, body, world.token_of("admin"))
    check_equal(status, 202, text)
    refused = wait_until("a refusal", lambda: events(world, "account.removal_refused"))[0]
    check("adopt_deployments" in refused["detail"]["message"], refused["detail"])
    check_equal(orphans(world)["temp_theirs_1"]["state"], "found", "state")
    status, text = world.curl("POST", path, {**body, "grant_id": "grt_x"}, world.token_of("admin"))
    check_equal((status, json.loads(text)["code"]), (409, "orphan_changed"), "another mark")
    world.refuse("admin", "unknown_orphan", "orphans", "remove", "shop-prod", "daypass_admin", "--yes")


@test
def those_of_an_adopted_installation_are_removed_when_somebody_asks():
    with World().set_up() as world:
        make_account(world, "temp_theirs_1", mark(world, deployment=OTHER))
        make_account(world, "temp_theirs_2", mark(world, deployment=OTHER, expires="2020-01-01T00:00:00Z"))
        world.server.query(
            "CREATE TABLE schema_app.theirs AS SELECT 7 AS seven;"
            "ALTER TABLE schema_app.theirs OWNER TO temp_theirs_1"
        )
        await_orphan(world, "temp_theirs_2", kind="foreign")
        world.connector.stop()
        world.connector_config("connector", changes={"ceiling": {"adopt_deployments": [OTHER]}})
        world.connector.start()
        await_sweeps(world)
        check_equal(exists(world, "temp_theirs_1", "temp_theirs_2"), 2, "nothing goes by itself")
        session = world.server.psql("SELECT pg_sleep(600)", user="temp_theirs_1", password="kept",
                                    wait=False)  # fmt: skip
        wait_until("the session is there", lambda: world.server.sessions("temp_theirs_1"))
        command = ["orphans", "remove", "shop-prod", "temp_theirs_1", "temp_theirs_2"]
        asked = world.cli("admin", *command, expect=None)
        check(asked.code != 0 and "--yes" in asked.err, f"without --yes and a terminal: {asked.err}")
        for part in ("by another installation", "sessions that are ended: 1",
                     "handed over to daypass_custodian: 1", "shop: table schema_app.theirs"):  # fmt: skip
            check(part in asked.err, f"{part} in the plan: {asked.err}")
        check_equal(exists(world, "temp_theirs_1", "temp_theirs_2"), 2, "before the answer")
        done = world.cli("admin", *command, "--yes")
        check_equal(done.out.split(), ["Removed", "temp_theirs_1", "Removed", "temp_theirs_2"], "done")
        check_equal(exists(world, "temp_theirs_1", "temp_theirs_2"), 0, "afterwards")
        check(session.wait(timeout=60) != 0, "the session is ended")
        owner = world.server.query(
            "SELECT tableowner FROM pg_tables WHERE tablename = 'theirs' AND schemaname = 'schema_app'"
        )
        check_equal(owner, "daypass_custodian", "who has the table")
        requested = events(world, "account.removal_requested")
        check_equal([item["actor"] for item in requested], ["admin@example.com"] * 2, "who asked")
        check_equal(accounts_of(world, "account.removed"), ["temp_theirs_1", "temp_theirs_2"], "record")
        check_equal(orphans(world), {}, "nothing is listed")


@test
def a_forged_mark_reaches_no_account_but_its_own():
    with World() as world:
        world.is_to_begin = False
        world.begin()
        world.connector.stop()
        world.connector_config("connector", changes={"ceiling": {"account_prefixes": ["temp_"]}})
        world.connector.start()
        live = world.active()
        copied = world.server.query(
            "SELECT shobj_description(oid, 'pg_authid') FROM pg_roles"
            f" WHERE rolname = '{live['account']}'"
        )
        make_account(world, "temp_copy_1", copied)  # names a live grant of another account
        make_account(world, "temp_unknown_1", mark(world))  # a grant that never was
        make_account(world, "shop_service", mark(world, grant="grt_never00000000"))
        try:
            await_orphan(world, "temp_copy_1", kind="mismatched")
            wait_until("the unknown one is gone", lambda: not exists(world, "temp_unknown_1"))
            item = await_orphan(world, "shop_service", kind="unknown", state="removing")
            item = wait_until("the connector refuses it",
                              lambda: (found := orphans(world)["shop_service"])["failures"] and found)  # fmt: skip
            check("account_prefixes" in item["trouble"], item["trouble"])
            await_sweeps(world)
            check_equal(exists(world, "temp_copy_1", "shop_service"), 2, "what is not touched")
            check_equal(world.show(live["id"])["state"], "active", "the live grant")
            check(not world.show(live["id"])["drifted"], "the live grant has not drifted")
            world.connect(live["id"], "SELECT 1")
            world.cli("admin", "orphans", "remove", "shop-prod", "temp_copy_1", "--yes")
            check_equal(exists(world, "temp_copy_1"), 0, "when somebody asks")
            world.connect(live["id"], "SELECT 1")
        finally:
            world.server.query("DROP ROLE shop_service")


if __name__ == "__main__":
    main()
