"""What an account leaves behind on the target: handed over, or named with the SQL that solves it."""

import time

from world import World, check, check_equal, main, test, wait_until

BESIDE = "shop_beside"
OVERDUE_EXIT = 3


def set_up(server="pg15", **integration):
    """A flow by which engineers may create things, and a second database where everybody may.

    `integration`: other than usual; None leaves a key out.
    """
    world = World(server)
    world.is_to_begin = True
    return MakerWorld(world, integration)


class MakerWorld:
    def __init__(self, world, integration):
        self.world = world
        self.integration = integration

    def __enter__(self):
        world = self.world.__enter__()
        try:
            self.prepare(world)
        except BaseException:
            self.__exit__(Exception, None, None)
            raise
        return world

    def prepare(self, world):
        server = world.server
        server.query(f"DROP DATABASE IF EXISTS {BESIDE} WITH (FORCE)", "postgres")
        server.query(f"CREATE DATABASE {BESIDE}", "postgres")
        server.query("CREATE SCHEMA notes; GRANT USAGE, CREATE ON SCHEMA notes TO PUBLIC", BESIDE)
        server.query(
            "GRANT USAGE, CREATE ON SCHEMA schema_app TO daypass_admin WITH GRANT OPTION; "
            "GRANT CREATE ON SCHEMA schema_app TO daypass_custodian"
        )
        grants = [
            {"schema": "schema_app", "tables": ["customers_table"], "privileges": ["SELECT"]},
            {"schema": "schema_app", "privileges": ["USAGE", "CREATE"]},
        ]
        entries = world.integration(**self.integration).items()
        world.apply(
            integrations=[{key: value for key, value in entries if value is not None}],
            flows=[world.flow(name="make", grants=grants)],
        )

    def __exit__(self, kind, value, trace):
        server = self.world.server
        for database in ("shop", BESIDE):
            gids = server.psql(
                "SELECT format('ROLLBACK PREPARED %L;', gid) FROM pg_prepared_xacts "
                "WHERE database = current_database()",
                database,
            ).stdout_text
            server.psql(gids, database)
        server.psql(f"DROP DATABASE IF EXISTS {BESIDE} WITH (FORCE)", "postgres")
        self.world.__exit__(kind, value, trace)


def run_as(world, view, sql, database="shop", **options):
    credential = world.credential(view["id"])
    return world.server.psql(
        sql, database, user=view["account"], password=credential["password"], **options
    )


def make(world, view, sql, database="shop"):
    done = run_as(world, view, sql, database)
    check_equal(done.returncode, 0, f"{sql}: {done.stderr_text}")


def owner(world, table, database):
    return world.server.query(
        f"SELECT relowner::regrole FROM pg_class WHERE oid = '{table}'::regclass", database
    )


def attempts(world, grant):
    """Outcomes of the attempts at its revocation, so far."""
    evidence = world.show(grant).get("evidence", [])
    return [entry for entry in evidence if entry["kind"] == "revoke"]


def last_obstacles(world, grant):
    done = attempts(world, grant)
    return done[-1]["outcome"].get("obstacles", []) if done else []


def check_locked(world, view, password):
    """What a grant that cannot end is all the same: without logins and sessions."""
    refused = world.server.psql("SELECT 1", user=view["account"], password=password)
    check("FATAL" in refused.stderr_text, f"a login: {refused.stderr_text}")
    locked = f"SELECT NOT rolcanlogin FROM pg_roles WHERE rolname = '{view['account']}'"
    check_equal(world.server.query(locked), "t", "the account is locked")
    check_equal(world.server.sessions(view["account"]), 0, "sessions")


@test
def what_was_made_in_two_databases_goes_to_the_custodian_at_expiry():
    with set_up("pg18") as world:
        view = world.active(flow="make", duration="15s")
        make(world, view, "CREATE TABLE schema_app.made AS SELECT 7 AS a; "
                          "CREATE FUNCTION schema_app.f() RETURNS int LANGUAGE sql AS 'SELECT 1'")  # fmt: skip
        make(world, view, "CREATE TABLE notes.written AS SELECT 8 AS a", BESIDE)
        world.await_state(view["id"], "ended")
        check_equal(world.server.accounts(), [], "accounts")
        text = world.cli("engineer", "show", view["id"]).out
        for line in ("shop: table schema_app.made to daypass_custodian",
                     "shop: function schema_app.f() to daypass_custodian",
                     f"{BESIDE}: table notes.written to daypass_custodian"):  # fmt: skip
            check(f"handed over: {line}" in text, f"{line} in {text}")
        check_equal(owner(world, "schema_app.made", "shop"), "daypass_custodian", "its owner")
        check_equal(world.server.query("SELECT a FROM notes.written", BESIDE), "8", "its data")


@test
def a_grant_ends_by_itself_when_a_dba_has_run_the_sql_that_it_shows():
    with set_up() as world:
        view = world.active(flow="make", duration="15s")
        password = world.credential(view["id"])["password"]
        account = view["account"]
        make(world, view, "CREATE TABLE schema_app.made AS SELECT 7 AS a; "
                          "CREATE TEMPORARY TABLE scratch AS SELECT 1")  # fmt: skip
        make(world, view, "BEGIN; CREATE TABLE schema_app.unsettled AS SELECT 9 AS a; "
                          "PREPARE TRANSACTION 'two phases'")  # fmt: skip
        make(world, view, "CREATE TABLE notes.written AS SELECT 8 AS a", BESIDE)
        world.server.query("REVOKE CREATE ON SCHEMA notes FROM PUBLIC", BESIDE)
        obstacles = wait_until("it says what is in the way", lambda: last_obstacles(world, view["id"]))
        check_equal(len(obstacles), 2, f"what is in the way: {obstacles}")
        shown = world.show(view["id"])
        check_equal(shown["state"], "revoking", "state")
        check(shown.get("trouble"), "there is a reason")
        check_locked(world, view, password)
        text = world.cli("engineer", "show", view["id"]).out
        schema = f'GRANT CREATE ON SCHEMA "notes" TO "daypass_custodian"; -- in database "{BESIDE}"'
        commit = "COMMIT PREPARED 'two phases';"
        check(f"repair: {schema}" in text and commit in text, f"the SQL in {text}")
        check("ROLLBACK PREPARED 'two phases';" in text, "the other way to end it")
        world.server.query(schema, BESIDE)
        world.server.query(commit)
        world.await_state(view["id"], "ended")
        check_equal(world.server.accounts(), [], "accounts")
        lines = [line for one in world.show(view["id"])["evidence"]
                 for line in one["outcome"].get("handed_over", [])]  # fmt: skip
        for line in ("shop: table schema_app.made", "shop: table schema_app.unsettled",
                     f"{BESIDE}: table notes.written"):  # fmt: skip
            check(any(one.startswith(line) for one in lines), f"{line} in {lines}")
        check_equal(world.server.query("SELECT a FROM schema_app.unsettled"), "9", "its data")
        check(account not in owner(world, "notes.written", BESIDE), "another owns it")


@test
def an_end_that_waits_is_overdue_and_goes_on_at_once_when_it_is_asked_for():
    with set_up(custodian=None) as world:
        view = world.active(flow="make", duration="12s")
        password = world.credential(view["id"])["password"]
        make(world, view, "CREATE TABLE schema_app.made AS SELECT 7 AS a")
        check_equal(world.cli("admin", "overdue", expect=None).code, 0, "before the end")

        def overdue():
            result = world.cli("admin", "overdue", "--json", expect=None)
            return result if result.code == OVERDUE_EXIT else None

        late = wait_until("it is overdue", overdue, seconds=150)
        check(view["id"] in late.out, f"it is listed: {late.out}")
        check_locked(world, view, password)
        done = attempts(world, view["id"])
        check(4 <= len(done) <= 9, f"attempts in a minute, with growing pauses: {len(done)}")
        check_equal({one["failure"] for one in done}, {"conflict"}, "what came of them")
        repair = last_obstacles(world, view["id"])[0]["repair"]
        world.server.query(repair.replace("new_owner", "daypass_custodian", 1))
        asked = time.monotonic()
        world.cli("engineer", "revoke", view["id"], "--note", "solved")
        world.await_state(view["id"], "ended")
        check(time.monotonic() - asked < 20, "long before the pause of half a minute or more")
        hurried = world.cli("admin", "audit", "--grant", view["id"], "--event", "grant.hurried",
                            "--format", "jsonl").out  # fmt: skip
        check("solved" in hurried and "engineer" in hurried, f"the trail says who: {hurried}")
        check_equal(world.server.accounts(), [], "accounts")
        check_equal(world.cli("admin", "overdue", expect=None).code, 0, "nothing is overdue")


@test
def sessions_at_work_are_ended():
    with set_up() as world:
        view = world.active()
        waits = {
            "a parallel query": "SET force_parallel_mode = on; SELECT count(*) FROM "
                                "generate_series(1, 10) i, pg_sleep(300)",
            "a loop that catches what it can": "DO $$ BEGIN LOOP BEGIN PERFORM pg_sleep(300); "
                                               "EXCEPTION WHEN query_canceled OR OTHERS THEN "
                                               "NULL; END; END LOOP; END $$",
            "an aborted transaction": "\\set ON_ERROR_STOP 0\nBEGIN;\nSELECT 1/0;\n\\! sleep 300",
            "advisory locks": "SELECT pg_advisory_lock(1), pg_advisory_lock_shared(2), "
                              "pg_sleep(300)",
        }  # fmt: skip
        sessions = {name: run_as(world, view, sql, wait=False) for name, sql in waits.items()}
        try:
            wait_until(
                "all are at work", lambda: world.server.sessions(view["account"]) > len(waits)
            )
            world.cli("engineer", "revoke", view["id"])
            ended = world.await_state(view["id"], "ended")
            outcome = ended["evidence"][-1]["outcome"]
            check(outcome["sessions_ended"] >= len(waits), f"sessions ended: {outcome}")
            left = world.server.query(
                "SELECT count(*) FROM pg_stat_activity WHERE usesysid IS NOT NULL "
                "AND NOT EXISTS (SELECT FROM pg_roles WHERE oid = usesysid)"
            )
            check_equal(left, "0", "sessions of roles that are gone")
        finally:
            for session in sessions.values():
                session.kill()
                session.wait()


if __name__ == "__main__":
    main()
