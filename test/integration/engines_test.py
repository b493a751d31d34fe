"""The same promises on every engine, through the real programs: from nothing to an ended grant."""

import os
import re
import subprocess
import sys

from colleague import now_s, seconds_of
from drift_test import drift_of
from orphans_test import backup, orphans, restore
from servers import CA_FILE, ROOT, MysqlServer, RedisServer
from witness import FaultWorld
from world import (
    CONNECTOR, WAIT_S, check, check_equal, main, read_text, test_with, wait_until, write_text,
)  # fmt: skip

LEASE_S = 15  # the least there is
REPAIRS_MAX = 6  # rounds of check and repair until a new admin account has all it needs
MYSQL = ("mysql97", "mariadb1011", "mariadb118")
ENGINES = [(name,) for name in (*MYSQL, "redis")]
# The last one wants an account that is there already, which the contract of drivers has.
NOT_REACHED = {name: {"grant.again"} for name in (*MYSQL, "redis")}
NOT_REACHED["mysql97"].add("grant.account_announced")  # MySQL keeps the mark with the account


class EngineWorld(FaultWorld):
    """A World on another engine than PostgreSQL."""

    def __init__(self, name):
        server = RedisServer(name) if name == "redis" else MysqlServer(name)
        super().__init__(server, privilege_mode="auto")

    def integration(self, **changes):
        integration = {**super().integration(), **changes}
        del integration["custodian"]
        return integration

    def start_daypassd(self, extra=""):
        return super().start_daypassd(f"actions: {{lease: {LEASE_S}s}}\n" + extra)

    def flow(self, **changes):
        grants = [{"keys": ["cache:*"], "preset": "read-only"}]
        if self.server.kind != "redis":
            grants = [{"schema": "shop", "tables": ["customers"], "privileges": ["SELECT"]}]
        return super().flow(grants=grants, **changes)

    def start_connector(self, name="connector"):
        """Before the first one starts, its account is given what its own check asks for."""
        if not os.path.exists(self.path(name + ".yaml")):
            self.enroll(name)
            self.repairs = self.repair(name)
        return super().start_connector(name)

    def check_rights(self, name):
        return subprocess.run(
            [CONNECTOR, "check", "--config", self.path(name + ".yaml")],
            capture_output=True,
            text=True,
        )

    def repair(self, name):
        """What a person does who sets up a connector: runs what check says. Gives the statements."""
        said = []
        for _ in range(REPAIRS_MAX):
            result = self.check_rights(name)
            if result.returncode == 0:
                return said
            lines = [line.strip() for line in result.stdout.splitlines()]
            repairs = [l for l in lines if l.endswith(";") or l.startswith("ACL SETUSER ")]
            check(repairs, f"each failure says what to do: {result.stdout}{result.stderr}")
            for statement in repairs:
                self.server.query(statement)
            said += repairs
        check(False, f"check is content after {REPAIRS_MAX} rounds: {result.stdout}")
        return said

    def read(self, view, what, expect=0):
        """What the engineer's own client says, as `daypass connect` starts it."""
        if self.server.kind == "redis":
            return self.connect(view["id"], "GET", f"{what}:1", expect=expect)
        return self.connect(view["id"], "-N", "-B", "-e", f"SELECT count(*) FROM shop.{what}",
                            expect=expect)  # fmt: skip

    def connect(self, grant, *arguments, who="engineer", expect=0):
        # redis-cli does not compare names of certificates, and is not used as if it did.
        tls = "verify-ca" if self.server.kind == "redis" else "verify-full"
        return self.cli(who, "connect", grant, "--ca-file", CA_FILE, "--tls", tls, "--", *arguments,
                        expect=expect)  # fmt: skip

    def can_log_in(self, credential):
        """By itself: the control plane is away."""
        client = self.start_client(credential, "SELECT 1;\n")
        client.stdin.close()
        return client.wait(timeout=WAIT_S) == 0

    def names(self):
        """(what may be read, what may not)"""
        return ("cache", "orders") if self.server.kind == "redis" else ("customers", "orders")

    def start_client(self, credential, words):
        """A client of the engine's own, which has been told the words and waits for more."""
        if self.server.kind == "redis":
            command = ["redis-cli", "-s", self.server.socket, "--user", credential["user"]]
            env = {**os.environ, "REDISCLI_AUTH": credential["password"]}
        else:
            options = self.path("client.cnf")
            write_text(
                options, f'[client]\nuser={credential["user"]}\npassword={credential["password"]}\n'
            )
            command = ["mariadb", f"--defaults-file={options}", "--ssl-verify-server-cert=0"]
            command += ["-h", "127.0.0.1", "-P", str(self.server.port), "-N", "-B", "-n"]
            env = dict(os.environ)
        client = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, text=True,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        client.stdin.write(words)
        client.stdin.flush()
        return client

    def hold(self, view):
        """A session of the account that stays open until somebody ends it."""
        words = "PING\n" if self.server.kind == "redis" else "SELECT 1;\n"
        session = self.start_client(self.credential(view["id"]), words)
        wait_until("the session is there", lambda: self.server.sessions(view["account"]) == 1)
        return session

    def await_gone(self, account):
        wait_until("the account is gone", lambda: account not in self.server.accounts())
        check_equal(self.server.sessions(account), 0, "sessions")


@test_with(*ENGINES)
def a_grant_is_given_used_and_taken_back(name):
    with EngineWorld(name).set_up() as world:
        check(world.repairs, "an admin account without rights was told what it lacks")
        readable, other = world.names()
        view = world.active()
        out = world.read(view, readable).out.strip()
        check_equal(out, "one" if name == "redis" else "2", "what was granted")
        denied = world.read(view, other, expect=None)
        check(denied.code != 0 or "NOPERM" in denied.out, f"what was not: {denied.out}")
        session = world.hold(view)
        world.cli("engineer", "revoke", view["id"])
        ended = world.await_state(view["id"], "ended")
        world.await_gone(view["account"])
        session.stdin.close()
        session.wait(timeout=30)
        evidence = ended["evidence"][-1]["outcome"]
        check_equal((evidence["sessions_ended"], evidence["sessions_left"]), (1, 0), "sessions")
        check(world.read(view, readable, expect=None).code != 0, "the credential is of no use")
        world.cli("admin", "audit", "verify")


@test_with(*ENGINES)
def access_ends_without_the_control_plane(name):
    with EngineWorld(name).set_up() as world:
        view = world.active(duration="8s")
        world.daypassd.kill()
        world.await_gone(view["account"])
        world.restart_daypassd()
        ended = world.await_state(view["id"], "ended")
        check_equal(ended["cause"], "expired", "cause")


@test_with(*ENGINES)
def a_connector_with_an_empty_memory_ends_what_is_over(name):
    with EngineWorld(name).set_up() as world:
        view = world.active(duration="8s")
        world.connector.kill()
        world.daypassd.kill()
        wait_until("it is over", lambda: now_s() > seconds_of(view["expires_at"]))
        check(view["account"] in world.server.accounts(), "nobody removed it")
        world.connector.start()
        world.await_gone(view["account"])
        world.restart_daypassd()
        world.await_state(view["id"], "ended")


@test_with(("mysql97",), ("mariadb118",))
def the_server_itself_refuses_logins_at_the_end(name):
    with EngineWorld(name).set_up() as world:
        view = world.active(duration="8s")
        credential = world.credential(view["id"])
        world.connector.kill()
        world.daypassd.kill()
        wait_until("logins are refused", lambda: not world.can_log_in(credential))
        check(view["account"] in world.server.accounts(), "by its lock alone")


@test_with(*ENGINES)
def no_secret_reaches_the_servers_log(name):
    with EngineWorld(name).set_up() as world:
        view = world.active()
        password = world.credential(view["id"])["password"]
        world.cli("engineer", "credentials", view["id"], "--reset", "--format", "json")
        second = world.credential(view["id"])["password"]
        world.cli("engineer", "revoke", view["id"])
        world.await_state(view["id"], "ended")
        seen = read_text(world.server.log)
        if name == "redis":
            seen += world.server.query("SLOWLOG GET 1000")
        for program in world.programs:
            seen += read_text(program.log)
        for text in (password, second, read_text(world.admin_password_file).strip()):
            check(text not in seen, "a password is in a log")
        check(view["account"] in seen, "and what was done is")


@test_with(*ENGINES)
def an_account_that_an_old_store_does_not_know_is_removed(name):
    with EngineWorld(name).set_up() as world:
        backup(world)
        view = world.active()
        restore(world)
        world.await_gone(view["account"])
        wait_until("nothing is listed", lambda: not orphans(world))
        world.cli("admin", "audit", "verify")


@test_with(*[(name,) for name in MYSQL])
def an_account_that_was_made_mighty_by_hand_is_reported_as_more_than_was_given(name):
    with EngineWorld(name).set_up() as world:
        view = world.active()
        world.server.query(f"GRANT ALL ON *.* TO '{view['account']}'@'%' WITH GRANT OPTION")
        drift = wait_until("drift is told", lambda: drift_of(world.show(view["id"])))
        check(drift["attributes"]["widens"], f"it widens: {drift}")
        check("CREATE USER" in drift["attributes"]["found"], f"by what: {drift}")


def fault_points(name, kind):
    """Of the driver of an engine, in its source."""
    folder = os.path.join(ROOT, "src/driver", "redis" if name == "redis" else "mysql")
    source = "".join(read_text(os.path.join(folder, file)) for file in sorted(os.listdir(folder)))
    points = re.findall(rf'FAULT_POINT\("({kind}\.\w+)"\)', source)
    check(len(points) > 2, f"there are points of {kind}: {points}")
    return [point for point in points if point not in NOT_REACHED.get(name, ())]


def die_at(world, point, begin):
    """Has the connector come to the point by what begin() asks for, and starts it anew."""
    world.arm("connector", point, "kill")
    given = begin()
    world.await_hit("connector", point)
    world.connector.process.wait(timeout=WAIT_S)
    world.connector.start()
    return given


@test_with(*ENGINES)
def a_connector_that_dies_at_any_step_leaves_nothing_half_made(name):
    with EngineWorld(name).set_up() as world:
        world.apply(flows=[world.flow(name="auto", approval=[{"auto": True}])])
        ask = lambda: world.request(flow="auto")
        grants = [die_at(world, point, ask) for point in fault_points(name, "grant")]
        views = [world.await_state(grant, "active") for grant in grants]
        accounts = sorted(view["account"] for view in views)
        check_equal(sorted(world.server.accounts()), accounts, "accounts")
        for view in views:
            world.read(view, world.names()[0])
        for point in fault_points(name, "revoke"):
            if not grants:
                grants.append(world.await_state(ask(), "active")["id"])
            grant = grants.pop()
            die_at(world, point, lambda: world.cli("engineer", "revoke", grant))
        for view in views:
            world.cli("engineer", "revoke", view["id"], expect=None)
            world.await_state(view["id"], "ended")
        wait_until("no account is left", lambda: not world.server.accounts())
        world.cli("admin", "audit", "verify")


if __name__ == "__main__":
    sys.exit(main())
