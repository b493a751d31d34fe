"""Stores of earlier schemas, as those versions wrote them, under the newest program.

schemas/vN.sql is a store of schema N in use, as `.dump` of sqlite3 gives it, with its application_id;
the keys beside it are those that it was written with, and "fixture password of NAME" is what the
three people in it sign in with. A release that brings a new schema adds a file.
"""

import glob
import os
import re
import shutil
import sqlite3
import subprocess

from world import (
    DAYPASSD,
    ROOT,
    World,
    check,
    check_equal,
    main,
    test,
    test_with,
    wait_until,
    write_text,
)

SCHEMAS = os.path.join(ROOT, "test/integration/schemas")
OLD = sorted(
    int(re.search(r"v(\d+)\.sql$", path).group(1)) for path in glob.glob(SCHEMAS + "/v*.sql")
)
# What no migration may lose or alter: table, the columns that stay as they were.
KEPT = {
    "audit": "sequence, at, event, actor, actor_kind, peer, token, grant_id, flow, integration, "
    "person, detail, previous, hash, signature, public_key",
    "configuration": "type, name, document",
    "passwords": "principal, hash",
    "connectors": "name, created_at",
    "connector_instances": "id, connector, public_key, host, version, enrolled_at",
    "evidence": "grant_id, position, action_id, attempt, document",
    "grants": "id, requester, flow, integration, connector, requested_at",
    "actions": "id, kind, grant_id, integration, connector, queued_at",
    "tokens": "id, hash, kind, subject, label, scopes, created_at, expires_at",
}
FAILED_START_S = 60
UNDER_WAY = ("granting", "active", "revoking")


def put_store(world, schema):
    """The store of an older version, in the place of a state folder that has not been started."""
    os.makedirs(world.path("daypassd"), mode=0o700, exist_ok=True)
    path = world.path("daypassd/daypass.db")
    for old in glob.glob(path + "*"):
        os.unlink(old)
    write_text(path, "")
    store = sqlite3.connect(path)
    with open(os.path.join(SCHEMAS, f"v{schema}.sql"), encoding="utf-8") as dump:
        store.executescript(dump.read())
    # The server's port is another each time, and a frozen plan is good for one alone.
    for grant, document in store.execute("SELECT id, document FROM grants").fetchall():
        document = re.sub(r'"port":\d+', f'"port":{world.server.port}', document)
        store.execute("UPDATE grants SET document = ? WHERE id = ?", (document, grant))
    store.commit()
    store.close()
    for key in ("action.key", "audit.key"):
        shutil.copy(os.path.join(SCHEMAS, key), world.path("daypassd", key))
        os.chmod(world.path("daypassd", key), 0o600)
    return path


def read_store(path):
    """(schema, {table: rows}) of what is kept."""
    store = sqlite3.connect(path)
    check_equal(store.execute("PRAGMA integrity_check").fetchall(), [("ok",)], "integrity")
    check_equal(store.execute("PRAGMA foreign_key_check").fetchall(), [], "references")
    version = store.execute("SELECT version FROM schema_version").fetchall()
    rows = {
        table: store.execute(f"SELECT {columns} FROM {table} ORDER BY 1, 2").fetchall()
        for table, columns in KEPT.items()
    }
    store.close()
    check_equal(len(version), 1, "rows of schema_version")
    return version[0][0], rows


def whole_schema(path):
    store = sqlite3.connect(path)
    rows = store.execute("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2").fetchall()
    store.close()
    return rows


def newest_schema():
    """Number and tables of a store that the program makes today."""
    with World() as world:
        world.start_daypassd()
        world.daypassd.stop()
        path = world.path("daypassd/daypass.db")
        return read_store(path)[0], whole_schema(path)


def fixed_file(world):
    path = world.path("by-hand.yaml")
    write_text(path, f"listen: {{port: 0}}\nstate_folder: {world.path('daypassd')}\n")
    return path


def start_and_fail(world, code):
    """daypassd must end by itself with this exit code. Gives what it said."""
    done = subprocess.run(
        [DAYPASSD, "--config", fixed_file(world)],
        capture_output=True,
        text=True,
        timeout=FAILED_START_S,
    )
    check_equal(done.returncode, code, f"exit code: {done.stderr}")
    return done.stderr


def check_kept(before, after):
    for table, rows in before.items():
        missing = [row for row in rows if row not in after[table]]
        check_equal(missing, [], f"rows of {table} that are gone or altered")


def sign_in(world, who):
    os.makedirs(world.path("people", who), mode=0o700, exist_ok=True)
    password = world.path("people", who, "password")
    write_text(password, f"fixture password of {who}")
    world.cli(
        who, "login", world.url, "--principal", f"{who}@example.com", "--password-file", password
    )


@test
def there_is_a_store_of_the_first_schema():
    check_equal(OLD[:1], [1], "schemas kept")


@test_with(*[(schema,) for schema in OLD])
def an_old_store_is_brought_up_to_date_and_works(schema):
    newest, tables = newest_schema()
    with World() as world:
        path = put_store(world, schema)
        check(read_store(path)[0] == schema <= newest, f"schema of the fixture, newest {newest}")
        before = read_store(path)[1]
        world.start_daypassd()
        version, after = read_store(path)
        check_equal(version, newest, "schema")
        del before["tokens"], after["tokens"]  # those that are over are removed at once
        check_kept(before, after)
        for who in ("admin", "engineer", "dba"):
            sign_in(world, who)
        world.cli("admin", "audit", "verify")
        shown = world.cli("admin", "requests", "--all", "--json").json["items"]
        check_equal({item["id"] for item in shown}, {row[0] for row in before["grants"]}, "requests")
        for item in shown:
            world.cli("admin", "show", item["id"], "--json")
        use_it(world)
        world.daypassd.stop()
        after = read_store(path)[1]
        check_kept({table: before[table] for table in ("audit", "grants", "evidence")}, after)
        check_equal(
            [row[1] for row in whole_schema(path)], [row[1] for row in tables],
            "tables and indexes, as of a new store",
        )  # fmt: skip


def use_it(world):
    """The main job, with what the old store holds: its people, its flow, its connector's name."""
    world.apply(integrations=[world.integration()])  # the server's port is another each time
    world.connector = world.start_connector()
    view = world.active()
    check_equal(world.connect(view["id"], "SELECT 1").out.strip(), "1", "a query")
    world.cli("engineer", "revoke", view["id"])
    world.await_state(view["id"], "ended")
    # What was begun under the old version comes to its end.
    for item in world.cli("admin", "requests", "--all", "--json").json["items"]:
        world.cli("admin", "revoke" if item["state"] != "pending" else "show", item["id"], expect=None)
        wait_until(
            f"{item['id']} is over, or was never begun",
            lambda id=item["id"]: world.show(id, "admin")["state"] not in UNDER_WAY,
        )
    check_equal(world.server.accounts(), [], "accounts in the end")
    world.cli("admin", "audit", "verify")


def start_and_be_killed(world, point):
    """Starts it, to be killed at the first time that it comes to this point."""
    faults = world.path("faults")
    os.makedirs(faults, exist_ok=True)
    write_text(os.path.join(faults, point), "kill")
    program = world.run("killed", [DAYPASSD, "--config", fixed_file(world)], {"DAYPASS_FAULTS": faults})
    check_equal(program.process.wait(timeout=FAILED_START_S), -9, f"killed at {point}")


@test_with(*[(schema,) for schema in OLD])
def a_kill_in_a_migration_leaves_the_old_or_the_new(schema):
    newest, _ = newest_schema()
    with World() as world:
        path = put_store(world, schema)
        before = read_store(path)[1]
        for version in range(schema, newest):
            for point in ("schema.half_made", "store.before_commit"):
                start_and_be_killed(world, point)
                check(read_store(path) == (version, before), f"schema {version} after {point}")
            start_and_be_killed(world, "store.committed")
            check(read_store(path) == (version + 1, before), f"schema {version + 1} is committed")
        start_and_be_killed(world, "schema.made")
        check(read_store(path) == (newest, before), "the newest schema after schema.made")
        world.start_daypassd()
        check_equal(read_store(path)[0], newest, "schema in the end")


@test_with(*[(schema,) for schema in OLD])
def a_step_that_fails_leaves_the_store_as_it_was(schema):
    newest, tables = newest_schema()
    with World() as world:
        path = put_store(world, schema)
        added = {row[1] for row in tables} - {row[1] for row in whole_schema(path)}
        if newest == schema:
            return
        before = read_store(path)
        for name in sorted(added):
            if name.startswith("sqlite_"):
                continue
            put_store(world, schema)
            run_sql(path, f"CREATE TABLE {name} (in_the_way TEXT)")
            start_and_fail(world, 18)
            version, rows = read_store(path)
            check(schema <= version < newest, f"schema {version} with {name} in the way")
            check(rows == before[1], f"all is kept with {name} in the way")
            run_sql(path, f"DROP TABLE {name}")
        world.start_daypassd()
        check_equal(read_store(path)[0], newest, "schema in the end")


def run_sql(path, sql):
    store = sqlite3.connect(path)
    store.execute(sql)
    store.commit()
    store.close()


@test
def a_newer_store_is_refused_and_left_alone():
    newest, _ = newest_schema()
    with World() as world:
        path = put_store(world, OLD[0])
        store = sqlite3.connect(path)
        store.execute(f"UPDATE schema_version SET version = {newest + 1}")
        store.commit()
        store.close()
        before = (read_store(path), whole_schema(path))
        said = start_and_fail(world, 19)
        for text in ("newer Daypass", str(newest + 1), f"this one knows {newest}", "start the newer"):
            check(text in said, f"{text!r} in: {said}")
        check_equal((read_store(path), whole_schema(path)), before, "the store")


FOREIGN = {
    "of another program": "PRAGMA application_id = 1196444487; CREATE TABLE notes (text TEXT);",
    "of a program without a number": "CREATE TABLE notes (text TEXT);",
}


@test_with(*[(name,) for name in FOREIGN])
def another_programs_database_is_refused_and_left_alone(name):
    with World() as world:
        os.mkdir(world.path("daypassd"), 0o700)
        path = world.path("daypassd/daypass.db")
        write_text(path, "")
        store = sqlite3.connect(path)
        store.executescript(FOREIGN[name])
        store.close()
        with open(path, "rb") as file:
            before = file.read()
        said = start_and_fail(world, 10)
        check("another program" in said and "name a file of Daypass's own" in said, said)
        with open(path, "rb") as file:
            check(file.read() == before, "the file is as it was")


@test
def what_is_no_database_is_refused():
    with World() as world:
        os.mkdir(world.path("daypassd"), 0o700)
        write_text(world.path("daypassd/daypass.db"), "not a database\n" * 100)
        said = start_and_fail(world, 20)
        check("restore it from a backup" in said, said)


if __name__ == "__main__":
    main()
