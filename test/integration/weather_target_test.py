"""A PostgreSQL in trouble: each has its words for the person, and passes. See docs/failures.md."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time

from weather import SOON_S, Authority, Disk, WeatherWorld, faketime_library, no_sanitizer_report
from weather import own_mounts
from world import ROOT, Failure, Server, check, main, read_text, test, wait_until
from world import write_text

SETTINGS = """
listen_addresses = '127.0.0.1'
ssl = on
ssl_cert_file = '{folder}/server.pem'
ssl_key_file = '{folder}/server.key'
unix_socket_directories = '{folder}'
max_connections = 14
superuser_reserved_connections = 3
max_locks_per_transaction = 10
max_wal_size = 48MB
min_wal_size = 32MB
shared_buffers = 16MB
dynamic_shared_memory_type = mmap
client_connection_check_interval = 200ms
fsync = off
log_statement = 'none'
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class OwnServer(Server):
    """One that may be stopped, filled and hurt; on a small disk. Its superuser comes by a socket
    that is not TCP, whatever is wrong with TLS."""

    def __init__(self):
        super().__init__("pg15")
        self.bindir = os.environ["DAYPASS_TEST_PG15_BINDIR"]
        self.folder = tempfile.mkdtemp(prefix="daypass-weather-")
        names = [user.pw_name for user in pwd.getpwall()]
        self.owner = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
        self.disk = Disk(os.path.join(self.folder, "disk"), 160, self.owner.pw_uid)
        self.data = os.path.join(self.disk.path, "data")
        self.log = os.path.join(self.folder, "server.log")
        self.port = free_port()
        self.env = dict(os.environ)
        self.authority = Authority(self.folder)
        self.certify()
        os.chmod(self.folder, 0o755)
        os.chown(self.folder, self.owner.pw_uid, self.owner.pw_gid)
        self.make()

    def drop_leftovers(self):
        pass  # the whole server goes

    def run(self, *command, check_code=True):
        return subprocess.run(
            [os.path.join(self.bindir, command[0]), *command[1:]], user=self.owner.pw_uid,
            group=self.owner.pw_gid, extra_groups=[], cwd="/", check=check_code, env=self.env,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def certify(self, authority=None, **term):
        pair = [os.path.join(self.folder, name) for name in ("server.pem", "server.key")]
        (authority or self.authority).sign(*pair, **{"name": "localhost", **term})
        for path in pair:
            os.chown(path, self.owner.pw_uid, self.owner.pw_gid)

    def make(self):
        secret = os.path.join(self.folder, "password")
        write_text(secret, self.password + "\n")
        os.chown(secret, self.owner.pw_uid, self.owner.pw_gid)
        self.run("initdb", "-D", self.data, "-N", "-U", self.user, f"--pwfile={secret}",
                 "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8")  # fmt: skip
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="utf-8") as file:
            file.write(SETTINGS.format(folder=self.folder))
        facts = {
            "SUPERUSER": self.user,
            "PASSWORD_FILE": secret,
            "CA_FILE": self.authority.file,
            "PG15_PORT": self.port,
        }
        lines = [f"DAYPASS_TEST_{name}={value}\n" for name, value in facts.items()]
        write_text(os.path.join(self.folder, "facts"), "".join(lines))
        self.start()

    def control(self, *what):
        self.run("pg_ctl", "-D", self.data, "-w", "-t", "60", "-s", *what)

    def start(self):
        self.control("-o", f"-p {self.port}", "-l", self.log, "start")

    def stop(self):
        self.control("-m", "fast", "stop")

    def set_clock(self, ahead_s):
        """Returns when the server goes by it."""
        clock = os.path.join(self.folder, "clock")
        write_text(clock, f"{ahead_s:+d}s\n", 0o644)
        os.chmod(clock, 0o644)
        if "FAKETIME_TIMESTAMP_FILE" not in self.env:
            self.stop()
            self.env.update(
                LD_PRELOAD=faketime_library(), FAKETIME_TIMESTAMP_FILE=clock,
                FAKETIME_CACHE_DURATION="1", FAKETIME_DONT_FAKE_MONOTONIC="1",
            )  # fmt: skip
            self.start()
        ahead = "SELECT abs(extract(epoch FROM now()) - {} - {}) < 5"
        wait_until("the server's clock is set", lambda: self.query(
            ahead.format(time.time(), ahead_s), "postgres") == "t")  # fmt: skip

    def remove(self):
        if os.path.exists(os.path.join(self.data, "postmaster.pid")):
            self.run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop", check_code=False)
        self.disk.gone()
        shutil.rmtree(self.folder)

    def psql(self, sql, database="shop", user=None, password=None, wait=True):
        env = {**os.environ, "PGPASSWORD": password or self.password, "PGSSLMODE": "disable"}
        command = ["psql", "-X", "-At", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-f", "-"]
        command += ["-p", str(self.port), "-U", user or self.user, "-d", database]
        process = subprocess.Popen(
            command, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )  # fmt: skip
        if not wait:
            process.stdin.write(sql)
            process.stdin.close()
            process.stdin = None
            return process
        process.stdout_text, process.stderr_text = process.communicate(sql, timeout=60)
        return process

    def make_shop(self):
        subprocess.run(
            [os.path.join(ROOT, "scripts/make-shop"), self.folder, "pg15"],
            check=True, capture_output=True,
        )  # fmt: skip
        return os.path.join(self.folder, "admin-password-pg15")

    def hold(self, sql, seen):
        """A session that does this and stays. Gives what ends it; `seen` tells that it is done."""
        process = self.psql(f"{sql};\nSELECT 'held';\nSELECT pg_sleep(600);", wait=False)
        os.set_blocking(process.stdout.fileno(), True)
        for line in process.stdout:
            if "held" in line:
                break
        else:
            raise Failure(f"{seen}: {process.stderr.read()}")

        def let_go():
            process.kill()  # the server looks now and then whether its client is there
            process.communicate()

        return let_go


class TargetWorld(WeatherWorld):
    """On a server of its own, with short patience."""

    def __init__(self, privilege_mode="shared-role", statement_timeout="10s"):
        super().__init__()
        self.server = OwnServer()
        self.privilege_mode = privilege_mode
        self.statement_timeout = statement_timeout

    def __exit__(self, kind, value, trace):
        if kind:
            print("".join(f"# server: {line}\n" for line in
                          read_text(self.server.log).splitlines()[-20:]))  # fmt: skip
        try:
            super().__exit__(kind, value, trace)
        finally:
            self.server.remove()

    def connector_config(self, name, url=None, changes=None):
        trust = {"ca_file": self.server.authority.file, **(changes or {})}
        path = super().connector_config(name, url, trust)
        self.connector_changes(name, connect_timeout="2s", statement_timeout=self.statement_timeout)
        return path


def spell(world, begin, said, outcome="active"):
    """One spell of bad weather on the target, from before an approval to after it. `begin` gives
    what ends it; `said`: what the requester reads. What was refused for good is asked for anew."""
    before = world.active()
    end = begin()
    grant = world.request()
    world.cli("dba", "approve", grant)
    trouble = wait_until(
        f"somebody reads '{said}' of {grant}",
        lambda: (text := world.show(grant).get("trouble")) and said in text and text,
        SOON_S,
    )
    world.cli("dba", "revoke", before["id"], "--note", "weather")
    wait_until("it is tried", lambda: world.show(before["id"]).keys() & {"trouble", "ended_at"}, SOON_S)
    check("SELECT" not in trouble and "CREATE" not in trouble, f"no statement: {trouble}")
    end()
    view = world.await_state(grant, outcome, seconds=SOON_S)
    world.await_state(before["id"], "ended", seconds=SOON_S)
    if outcome == "active":
        world.end(grant)
    else:
        check(said in view["note"], f"what stays to be read: {view}")
    wait_until("no account is left", lambda: not world.server.accounts(), SOON_S)


def standby(server):
    server.stop()
    signal_file = os.path.join(server.data, "standby.signal")
    write_text(signal_file, "")
    os.chown(signal_file, server.owner.pw_uid, server.owner.pw_gid)
    server.start()
    return lambda: server.control("promote")


def stopped(server):
    server.stop()
    return server.start


def starting(server):
    """In recovery, and not yet open to anybody."""
    server.stop()
    signal_file = os.path.join(server.data, "standby.signal")
    write_text(signal_file, "")
    os.chown(signal_file, server.owner.pw_uid, server.owner.pw_gid)
    server.control("-o", f"-p {server.port} -c hot_standby=off", "-l", server.log, "start")
    return lambda: server.control("promote")


def shutting_down(server):
    let_go = server.hold("SELECT 1", "somebody is connected")
    server.run("pg_ctl", "-D", server.data, "-W", "-s", "-m", "smart", "stop")

    def end():
        let_go()
        pid_file = os.path.join(server.data, "postmaster.pid")
        wait_until("the server has stopped", lambda: not os.path.exists(pid_file))
        server.start()

    return end


def full_of_sessions(server):
    server.query("DROP ROLE IF EXISTS filler; CREATE ROLE filler LOGIN PASSWORD 'filler'")
    sessions = []
    while not sessions or sessions[-1].stdout.readline():
        check(len(sessions) < 30, "the server takes any number of sessions")
        sessions.append(server.psql("SELECT 'in'; SELECT pg_sleep(600);", user="filler",
                                    password="filler", wait=False))  # fmt: skip

    def end():
        server.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                     " WHERE usename = 'filler'", "postgres")  # fmt: skip
        for process in sessions:
            process.communicate()

    return end


def out_of_locks(server):
    return server.hold(
        "\\set ON_ERROR_STOP off\nSELECT pg_advisory_lock(g) FROM generate_series(1, 100000) g",
        "locks are taken",
    )


def roles_locked(server):
    return server.hold("BEGIN;\nLOCK TABLE pg_authid IN EXCLUSIVE MODE", "pg_authid is locked")


def logins_locked(server):
    return server.hold("BEGIN;\nLOCK TABLE pg_authid IN ACCESS EXCLUSIVE MODE", "and reading it")


def disk_full(server):
    server.disk.fill()
    for name in ("a", "temo", "temp-", "ten"):  # what room is left in files, and wherever in indexes
        roles = [f'"{name}{i}"' for i in range(1000)]
        for each in ("CREATE ROLE {} PASSWORD NULL;\n", "COMMENT ON ROLE {} IS 'ballast';\n"):
            made = server.psql("".join(each.format(role) for role in roles), "postgres")
            check(made.returncode != 0, f"the disk is not full: {made.stderr_text}")
    return server.disk.empty


@test
def a_server_that_is_not_itself_is_named_and_waited_for():
    with TargetWorld().set_up() as world:
        server = world.server
        for begin, said in (
            (standby, "is a standby"),
            (stopped, "check address, port and route"),
            (starting, "the server is starting up, shutting down, or recovering"),
            (shutting_down, "the server is starting up, shutting down, or recovering"),
            (full_of_sessions, "max_connections"),
            (out_of_locks, "max_locks_per_transaction"),
            (roles_locked, "somebody holds a lock"),
            (logins_locked, "did not answer within 2000 ms"),
            (disk_full, "disk is full"),
        ):
            spell(world, lambda b=begin: b(server), said)
        server.query("ALTER SYSTEM SET default_transaction_read_only = on; SELECT pg_reload_conf()")
        world.works()
        world.cli("admin", "audit", "verify")
        no_sanitizer_report(world.connector)


def password_rotated(world):
    """Where the server has the new one first; the connector's file follows."""
    world.server.query("ALTER ROLE daypass_admin PASSWORD 'another one'")
    return lambda: write_text(world.admin_password_file, "another one\n")


def both(server, first, second):
    server.query(first)
    return lambda: server.query(second)


@test
def a_server_that_refuses_its_admin_fails_the_grant_with_a_reason():
    with TargetWorld().set_up() as world:
        server = world.server
        other = Authority(server.folder, "another")

        def certified(**term):
            server.certify(**term)
            server.control("reload")
            return renew

        def renew():
            server.certify()
            server.control("reload")

        for begin, said in (
            (lambda: password_rotated(world), "check the user and password"),
            (lambda: both(server, "ALTER ROLE daypass_admin NOLOGIN",
                          "ALTER ROLE daypass_admin LOGIN"), "that the role may log in"),
            (lambda: both(server, "REVOKE CONNECT ON DATABASE shop FROM public, daypass_admin",
                          "GRANT CONNECT ON DATABASE shop TO public"), "GRANT CONNECT ON DATABASE"),
            (lambda: certified(from_days=-20, days=10), "certificate is not accepted"),
            (lambda: certified(name="db.elsewhere.test", here=False), "certificate is not accepted"),
            (lambda: certified(authority=other), "certificate is not accepted"),
        ):  # fmt: skip
            spell(world, begin, said, outcome="failed")
        world.works()
        no_sanitizer_report(world.connector)


SLOW_GRANTS = """
CREATE FUNCTION slow() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); END $$;
CREATE EVENT TRIGGER slow ON ddl_command_start WHEN TAG IN ('GRANT') EXECUTE FUNCTION slow()
"""
# As many grantees as the table's row in the catalogue has room for.
MANY_GRANTEES = r"""
CREATE TABLE saved AS SELECT relacl FROM pg_class WHERE oid = 'schema_app.orders_table'::regclass;
SELECT format('CREATE ROLE grantee_%s', i) FROM generate_series(1, 3000) i \gexec
\set ON_ERROR_STOP off
SELECT format('GRANT SELECT ON schema_app.orders_table TO grantee_%s', i) FROM generate_series(1, 3000) i \gexec
"""
FEW_GRANTEES = """
UPDATE pg_class SET relacl = (SELECT relacl FROM saved) WHERE oid = 'schema_app.orders_table'::regclass
"""


@test
def a_server_that_cannot_give_privileges_says_why():
    with TargetWorld("direct", "3s").set_up() as world:
        server = world.server
        spell(world, lambda: both(server, SLOW_GRANTS, "DROP EVENT TRIGGER slow"),
              "it took longer than statement_timeout")  # fmt: skip
        before = world.active()
        server.query(MANY_GRANTEES)
        full = world.request()
        world.cli("dba", "approve", full)
        note = world.await_state(full, "failed", seconds=SOON_S)["note"]
        check("a limit of the server is reached" in note, f"what stays to be read: {note}")
        # What was given before is taken back all the same.
        world.end(before["id"])
        server.query(FEW_GRANTEES)
        world.works()
        no_sanitizer_report(world.connector)


@test
def a_server_whose_clock_is_set_gives_nobody_longer():
    with TargetWorld().set_up() as world:
        world.server.set_clock(0)
        view = world.active(duration="8s")
        given = time.monotonic()
        world.server.set_clock(-3600)
        wait_until("access ends", lambda: not world.server.accounts(), SOON_S)
        check(time.monotonic() - given < 30, "and in time, by daypassd's clock")
        world.await_state(view["id"], "ended", seconds=SOON_S)
        world.works()
        view = world.active(duration="30m")
        world.server.set_clock(3600)
        wait_until("access ends early", lambda: not world.server.accounts(), SOON_S)
        view = world.await_state(view["id"], "ended", seconds=SOON_S)
        check(view["cause"] == "expired", f"cause: {view['cause']}")
        world.works()


if __name__ == "__main__":
    own_mounts()
    main()
