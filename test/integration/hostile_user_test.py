"""A requester who wants to stay: whatever is done with the account, it ends, whole and on time."""

import os
import subprocess
import threading

from world import World, check, check_equal, main, test, test_with, wait_until


def run_as(world, view, sql, database="shop", **options):
    credential = world.credential(view["id"])
    return world.server.psql(
        sql, database, user=view["account"], password=credential["password"], **options
    )


def must_run(world, view, sql, database="shop"):
    done = run_as(world, view, sql, database)
    check_equal(done.returncode, 0, f"{sql}: {done.stderr_text}")


@test_with(("shared-role",), ("direct",))
def an_account_cannot_raise_or_prolong_itself(mode):
    with World(privilege_mode=mode).set_up() as world:
        view = world.active()
        account = view["account"]
        role = world.server.query(
            f"SELECT rolvaliduntil FROM pg_roles WHERE rolname = '{account}'"
        )
        for sql in (
            f"ALTER ROLE {account} VALID UNTIL 'infinity'",
            f"ALTER ROLE {account} CREATEROLE",
            f"ALTER ROLE {account} CONNECTION LIMIT -1",
            f"COMMENT ON ROLE {account} IS NULL",
            f"ALTER ROLE {account} RENAME TO somebody",
            "CREATE ROLE helper",
            "SET ROLE daypass_admin",
            "SET ROLE daypass_custodian",
            "SET ROLE shop_owner",
            "GRANT daypass_admin TO CURRENT_USER",
            "SELECT * FROM schema_app.salaries_table",
            "INSERT INTO schema_app.orders_table (customer_id, item, price) VALUES (1, 'x', 1)",
            "CREATE TABLE schema_app.mine (a int)",
            "CREATE SCHEMA mine",
            "GRANT SELECT ON schema_app.orders_table TO daypass_custodian",
            "SELECT rolpassword FROM pg_authid",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'daypass_admin'",
            "COPY schema_app.orders_table TO PROGRAM 'cat'",
            "ALTER TABLE schema_app.orders_table OWNER TO CURRENT_USER",
        ):
            done = run_as(world, view, sql)
            # Of what it may not see or pass on, the server does nothing and says that it is done.
            nothing_done = sql.startswith("SELECT") and not done.stdout_text.strip()
            nothing_done = nothing_done or "no privileges were granted" in done.stderr_text
            check(done.returncode != 0 or nothing_done, f"{sql} was allowed: {done.stdout_text}")
        again = world.server.query(
            f"SELECT rolvaliduntil FROM pg_roles WHERE rolname = '{account}'"
        )
        check_equal(again, role, "its end")
        granted = world.server.query(
            "SELECT has_table_privilege('daypass_custodian', 'schema_app.orders_table', 'SELECT')"
        )
        check_equal(granted, "f", "nobody got anything from it")
        world.cli("engineer", "revoke", view["id"])
        world.await_state(view["id"], "ended")
        check_equal(world.server.accounts(), [], "accounts")


@test
def what_it_leaves_behind_anywhere_does_not_keep_it():
    with World().set_up() as world:
        world.server.query("CREATE ROLE accomplice LOGIN PASSWORD NULL", "postgres")
        try:
            view = world.active()
            account = view["account"]
            databases = ("shop", "postgres", "template1")
            for database in databases:
                must_run(world, view, "SELECT lo_create(0)", database)
            # On 15 a role may hand out membership in itself, and keep settings of its own.
            for sql in (
                f"GRANT {account} TO accomplice",
                f"ALTER ROLE {account} SET search_path = schema_app",
                f"ALTER ROLE {account} PASSWORD 'of-its-own-choice'",
                "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
                "CREATE TEMP TABLE t (a int)",
            ):
                run_as(world, view, sql)
            account_has_objects = world.server.query(
                "SELECT count(*) FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid "
                f"WHERE r.rolname = '{account}' AND d.deptype = 'o'"
            )
            check(int(account_has_objects) >= 3, "it owns something in each database")
            world.cli("engineer", "revoke", view["id"])
            ended = world.await_state(view["id"], "ended")
            check_equal(world.server.accounts(), [], "accounts")
            outcome = ended["evidence"][-1]["outcome"]
            check(len(outcome.get("handed_over", [])) >= 3, f"handed over: {outcome}")
            left = world.server.query(
                "SELECT count(*) FROM pg_auth_members m WHERE m.member = 'accomplice'::regrole"
            )
            check_equal(left, "0", "memberships of the accomplice")
            for database in databases:
                owners = world.server.query(
                    "SELECT DISTINCT lomowner::regrole FROM pg_largeobject_metadata", database
                )
                check_equal(owners, "daypass_custodian", f"owner of what it made in {database}")
        finally:
            for database in ("postgres", "template1"):
                world.server.query(
                    "SELECT lo_unlink(oid) FROM pg_largeobject_metadata", database
                )
            world.server.psql("DROP OWNED BY accomplice; DROP ROLE accomplice", "postgres")


@test
def sessions_of_every_kind_are_ended():
    with World().set_up() as world:
        view = world.active(duration="20s")
        waits = {
            "asleep": "SELECT pg_sleep(300)",
            "in a transaction": "BEGIN; LOCK TABLE schema_app.orders_table IN ACCESS SHARE MODE; "
                                "SELECT pg_sleep(300)",
            "with a cursor": "BEGIN; DECLARE c CURSOR FOR SELECT * FROM schema_app.orders_table; "
                             "FETCH 1 FROM c; SELECT pg_sleep(300)",
            "with a held cursor": "DECLARE h CURSOR WITH HOLD FOR SELECT * FROM "
                                  "schema_app.orders_table; SELECT pg_sleep(300)",
            "listening": "LISTEN x; SELECT pg_sleep(300)",
            "catching errors": "DO $$ BEGIN LOOP BEGIN PERFORM pg_sleep(300); EXCEPTION WHEN "
                               "query_canceled THEN NULL; END; END LOOP; END $$",
        }  # fmt: skip
        sessions = {
            name: run_as(world, view, sql, wait=False) for name, sql in waits.items()
        }
        wait_until("all are there", lambda: world.server.sessions(view["account"]) == len(waits))
        ended = world.await_state(view["id"], "ended")
        for name, session in sessions.items():
            check(session.wait(timeout=30) != 0, f"the session {name} was ended")
        check_equal(ended["evidence"][-1]["outcome"]["sessions_ended"], len(waits), "sessions ended")
        left = world.server.query(
            "SELECT count(*) FROM pg_stat_activity WHERE usename IS NULL AND backend_type = "
            "'client backend' AND usesysid IS NOT NULL"
        )
        check_equal(left, "0", "sessions of roles that are gone")


@test
def who_reconnects_all_the_time_is_out_all_the_same():
    with World().set_up() as world:
        view = world.active()
        credential = world.credential(view["id"])
        stop = threading.Event()
        logins = {"good": 0, "refused": 0}

        def hammer():
            while not stop.is_set():
                done = world.server.psql(
                    "SELECT 1", user=view["account"], password=credential["password"]
                )
                logins["good" if done.returncode == 0 else "refused"] += 1

        threads = [threading.Thread(target=hammer) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            wait_until("logins work", lambda: logins["good"] > 10)
            world.cli("engineer", "revoke", view["id"])
            world.await_state(view["id"], "ended")
            good = logins["good"]
            before = logins["refused"]
            wait_until("logins are refused", lambda: logins["refused"] > before + 10)
            check(logins["good"] <= good + 4, f"logins after the end: {logins}, {good}")
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        check_equal(world.server.accounts(), [], "accounts")


# ---- Names that would be commands elsewhere --------------------------------------------------------

TERRIBLE = """a'b "; touch x; $(touch y) `touch z` \\ : @ / ? # % é"""  # 54 bytes


@test
def a_database_with_a_terrible_name_is_quoted_wherever_it_goes():
    with World().set_up() as world:
        quoted = '"' + TERRIBLE.replace('"', '""') + '"'
        literal = "'" + TERRIBLE.replace("'", "''") + "'"
        world.server.query(f"CREATE DATABASE {quoted}", "postgres")
        try:
            world.server.query(
                "CREATE SCHEMA s; CREATE TABLE s.t AS SELECT 7 AS a; GRANT USAGE ON SCHEMA s TO "
                "daypass_admin WITH GRANT OPTION; GRANT SELECT ON s.t TO daypass_admin WITH GRANT "
                "OPTION",
                database=TERRIBLE,
            )
            world.apply(
                integrations=[world.integration(name="terrible", database=TERRIBLE)],
                flows=[world.flow(name="terrible", integration="terrible", grants=[
                    {"schema": "s", "tables": ["t"], "privileges": ["SELECT"]}])],
            )  # fmt: skip
            view = world.active(flow="terrible")
            check_equal(world.connect(view["id"], "SELECT a FROM s.t").out.strip(), "7", "a row")
            check_shell(world, view)
            check_equal(world.credential(view["id"])["database"], TERRIBLE, "as JSON")
            url = world.cli("engineer", "credentials", view["id"], "--format", "url").out.strip()
            env = {"PGSSLROOTCERT": os.environ["DAYPASS_TEST_CA_FILE"]}
            done = run_psql(["-d", url], env, world.folder)
            check_equal(done.stdout.strip(), "7", f"by its URL: {done.stderr}")
            pgpass = world.cli("engineer", "credentials", view["id"], "--format", "pgpass").out
            check_equal(len(pgpass.strip().splitlines()), 1, "one line of a password file")
            world.cli("engineer", "revoke", view["id"])
            world.await_state(view["id"], "ended")
            check_equal(world.server.accounts(), [], "accounts")
        finally:
            world.server.query(f"DROP DATABASE {quoted} WITH (FORCE)", "postgres")
        gone = world.server.query(
            f"SELECT count(*) FROM pg_database WHERE datname = {literal}", "postgres"
        )
        check_equal(gone, "0", "the database")


def run_psql(arguments, env, folder):
    command = ["psql", "-X", "-At", "-c", "SELECT a FROM s.t", *arguments]
    return subprocess.run(
        command, env={**os.environ, **env}, cwd=folder, capture_output=True, text=True, timeout=60
    )


def check_shell(world, view):
    """What a shell makes of `eval "$(daypass credentials ID)"`, in a folder of its own."""
    lines = world.cli("engineer", "credentials", view["id"], "--format", "env").out
    folder = world.path("shell")
    os.makedirs(folder)
    script = lines + '\nprintf "%s" "$PGDATABASE"; exec psql -X -At -c "SELECT a FROM s.t" >&2'
    for shell in ("sh", "bash"):
        done = subprocess.run(
            [shell, "-c", script], cwd=folder, capture_output=True, text=True, timeout=60,
            env={**os.environ, "PGSSLROOTCERT": os.environ["DAYPASS_TEST_CA_FILE"]},
        )  # fmt: skip
        check_equal(done.stdout, TERRIBLE, f"PGDATABASE in {shell}")
        check_equal(done.stderr.strip(), "7", f"a row, by {shell}")
        check_equal(os.listdir(folder), [], f"files that {shell} was made to write")


if __name__ == "__main__":
    main()
