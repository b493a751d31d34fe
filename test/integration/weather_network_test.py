"""Names, certificates, clocks and packets that fail between the programs. See docs/failures.md."""

import json
import os
import socket
import subprocess
import threading

from weather import SOON_S, Authority, WeatherWorld, account_gone, no_sanitizer_report
from world import CLI, Result, World, check, check_equal, main, read_text, test, wait_until
from world import write_text

HOUR_S = 3600
HOST = "daypass.test"


class TlsWorld(WeatherWorld):
    """daypassd has a name and a certificate, and everybody looks the name up."""

    def __init__(self, **options):
        super().__init__(shimmed=("connector", "person"), **options)
        self.authority = Authority(self.folder)
        self.certificate = self.path("server.crt")
        self.key = self.path("server.key")
        self.authority.sign(self.certificate, self.key)
        self.trust = self.path("trust.pem")
        write_text(self.trust, read_text(self.authority.file))

    def start_daypassd(self, extra=""):
        tls = json.dumps({"certificate_file": self.certificate, "key_file": self.key})
        return super().start_daypassd(f"tls: {tls}\n{extra}")

    def await_daypassd(self):
        address = self.path("daypassd", "address")
        wait_until("daypassd listens", lambda: os.path.exists(address))
        if not self.url:
            port = read_text(address).strip().rsplit(":", 1)[1]
            self.url = f"https://{HOST}:{port}"
            config = read_text(self.path("daypassd.yaml")).replace("port: 0", f"port: {port}")
            write_text(self.path("daypassd.yaml"), config)
        wait_until("daypassd answers", lambda: self.ready() == 200)

    def curl(self, method, path, body=None, token=None, headers=()):
        """What is looked at here is what daypassd does, not what it shows of itself."""
        port = self.url.rsplit(":", 1)[1]
        command = ["curl", "-sSk", "-m", "20", "--resolve", f"{HOST}:{port}:127.0.0.1", "-X", method]
        done = subprocess.run(
            [*command, "-w", "\n%{http_code}", self.url + path], capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        text, _, status = done.stdout.rpartition("\n")
        return int(status or 0), text

    def connector_config(self, name, url=None, changes=None):
        path = super().connector_config(name, url, changes)
        config = json.loads(read_text(path))
        write_text(path, json.dumps({**config, "ca_file": self.trust}))
        return path

    def enroll(self, name, connector="main", changes=None):
        before = dict(os.environ)
        os.environ.update(self.environment("connector"))
        try:
            return super().enroll(name, connector, changes)
        finally:
            for key in set(os.environ) - set(before):
                del os.environ[key]
            os.environ.update(before)

    def cli(self, who, *arguments, expect=0, stdin=None):
        if arguments[0] == "login":
            arguments = (*arguments, "--ca-file", self.trust)
        before = dict(os.environ)
        os.environ.update(self.environment("person"))
        try:
            return super().cli(who, *arguments, expect=expect, stdin=stdin)
        finally:
            for key in set(os.environ) - set(before):
                del os.environ[key]
            os.environ.update(before)

    def reload(self, event="server.reloaded"):
        before = read_text(self.daypassd.log).count(f"event={event}")
        self.daypassd.process.send_signal(1)
        wait_until(
            f"{event} is logged",
            lambda: read_text(self.daypassd.log).count(f"event={event}") > before,
        )

    def await_poll(self, code):
        wait_until(
            f"the connector's polls fail with {code}",
            lambda: self.connector.has_logged(f"event=poll.failed code={code}"),
            SOON_S,
        )


@test
def a_certificate_can_end_be_wrong_and_be_replaced():
    with TlsWorld().set_up() as world:
        expires = world.metric("daypass_certificate_expires_seconds")
        check(28 * 24 * HOUR_S < expires < 30 * 24 * HOUR_S, f"the metric: {expires}")
        check(world.daypassd.has_logged("event=certificate.good"), "said at start")

        # A key of another certificate, and a certificate that is over: the old ones stay.
        Authority.sign(world.authority, world.certificate, world.path("other.key"))
        world.reload("server.not_reloaded")
        check(world.daypassd.has_logged("does not belong to the certificate"), "why")
        world.authority.sign(world.certificate, world.key, from_days=-20, days=10)
        world.reload("server.not_reloaded")
        check(world.daypassd.has_logged("code=certificate_expired"), "why")
        world.works()

        # Near its end: served, and said.
        world.authority.sign(world.certificate, world.key, from_days=-20, days=21)
        world.reload()
        wait_until("said", lambda: world.daypassd.has_logged("event=certificate.ends"))
        check(world.metric("daypass_certificate_expires_seconds") < 86400 + 60, "the metric")
        world.works()

        ended_alone(world)
        wrong_host(world)
        other_authority(world)
        no_sanitizer_report(world.daypassd)
        no_sanitizer_report(world.connector)


def ended_alone(world):
    """daypassd starts with a certificate that is over: nobody talks to it, access ends all the
    same, and a reload is enough."""
    view = world.active(duration="8s")
    world.authority.sign(world.certificate, world.key, from_days=-20, days=10)
    world.daypassd.stop()
    world.restart_daypassd()
    wait_until("said", lambda: world.daypassd.has_logged("level=error event=certificate.over"))
    check(world.metric("daypass_certificate_expires_seconds") < 0, "the metric")
    refused = world.refuse("engineer", "tls_not_trusted", "whoami")
    check("expired" in refused.err, f"what a person reads: {refused.err}")
    world.await_poll("tls_not_trusted")
    wait_until("access ends", lambda: account_gone(world, view["account"]), SOON_S)
    world.authority.sign(world.certificate, world.key, from_days=20, days=10)
    world.reload()
    wait_until("said", lambda: world.daypassd.has_logged("event=certificate.early"))
    refused = world.refuse("engineer", "tls_not_trusted", "whoami")
    check("not yet valid" in refused.err, f"what a person reads: {refused.err}")
    world.authority.sign(world.certificate, world.key)
    world.reload()
    world.await_state(view["id"], "ended", seconds=SOON_S)


def wrong_host(world):
    world.authority.sign(world.certificate, world.key, name="elsewhere.test")
    world.reload()
    refused = world.refuse("engineer", "tls_not_trusted", "whoami")
    check(HOST in refused.err, f"what a person reads: {refused.err}")
    world.authority.sign(world.certificate, world.key)
    world.reload()
    world.works()


def other_authority(world):
    """Both are trusted for a while, as one changes it; then the new one alone."""
    other = Authority(world.folder, "other")
    other.sign(world.certificate, world.key)
    world.reload()
    world.refuse("engineer", "tls_not_trusted", "whoami")
    write_text(world.trust, read_text(world.authority.file) + read_text(other.file))
    wait_until("trusted", lambda: world.cli("engineer", "whoami", expect=None).code == 0, SOON_S)
    world.works()


@test
def a_reload_turns_nobody_away():
    with TlsWorld().set_up() as world:
        stop = threading.Event()
        failures = []

        def ask(who):
            while not stop.is_set():
                done = world_cli(world, who, "request", "shop-read", "--for", "1h", "--reason", "x",
                                 "--json")  # fmt: skip
                if done.code == 0:
                    done = world_cli(world, who, "cancel", done.json["id"])
                if done.code != 0:
                    failures.append(done.out + done.err)

        people = [threading.Thread(target=ask, args=("engineer",)) for _ in range(2)]
        for person in people:
            person.start()
        view = world.active()
        for _ in range(6):
            world.authority.sign(world.certificate, world.key)
            world.reload()
        stop.set()
        for person in people:
            person.join()
        check_equal(failures, [], "what was refused or lost")
        world.end(view["id"])
        check(not world.daypassd.has_logged("not_reloaded"), "all were taken")
        no_sanitizer_report(world.daypassd)


def world_cli(world, who, *arguments):
    """As World.cli, from several threads: the environment is not shared."""
    env = {**os.environ, **world.environment("person"), "XDG_STATE_HOME": world.path("people", who)}
    return Result(
        subprocess.run([CLI, *arguments], env=env, capture_output=True, text=True, check=False,
                       stdin=subprocess.DEVNULL, timeout=120)
    )  # fmt: skip


@test
def a_name_that_is_not_resolved_is_said_and_comes_back():
    with TlsWorld().set_up() as world:
        view = world.active(duration="8s")
        world.order(f"dns.{HOST}", "fail")
        refused = world.refuse("engineer", "cannot_resolve", "whoami")
        check(HOST in refused.err, f"what a person reads: {refused.err}")
        # The parked poll goes on; a new connection is what needs the name.
        world.daypassd.stop()
        world.restart_daypassd()
        world.await_poll("cannot_resolve")
        wait_until("access ends", lambda: account_gone(world, view["account"]), SOON_S)
        world.calm(f"dns.{HOST}")
        world.await_state(view["id"], "ended", seconds=SOON_S)
        world.works()


@test
def a_slow_name_service_holds_up_its_own_target_alone():
    with SlowNameWorld().set_up() as world:
        world.order("dns.slow.test", "wait")
        slow = world.request(flow="slow-read")
        world.cli("dba", "approve", slow)
        wait_until("it is tried", lambda: world.show(slow)["state"] == "granting")
        world.works()
        check_equal(world.show(slow)["state"], "granting", "it waits")
        world.order("dns.slow.test", "fail")
        trouble = wait_until("the reason shows", lambda: world.show(slow).get("trouble"), SOON_S)
        check("cannot resolve slow.test" in trouble, f"what the person reads: {trouble}")
        world.calm("dns.slow.test")
        world.await_state(slow, "active", seconds=SOON_S)
        world.end(slow)


class SlowNameWorld(WeatherWorld):
    """The same server has two names; one of them is looked up by a name service that fails."""

    def __init__(self):
        super().__init__(shimmed=("connector",))

    def connector_config(self, name, url=None, changes=None):
        path = super().connector_config(name, url, changes)
        config = json.loads(read_text(path))
        first = config["secrets"][0]
        target = {**first["target"], "host": "slow.test", "tls": "require"}
        second = {**first, "name": "slow-admin", "target": target}
        del second["ca_file"]
        write_text(path, json.dumps({**config, "secrets": [first, second]}))
        return path

    def apply(self, *arguments, expect=0, **configuration):
        slow = self.integration(
            name="slow-prod", host="slow.test", admin_secret="slow-admin", tls="require"
        )
        configuration["integrations"] = [*configuration.get("integrations", []), slow]
        configuration["flows"] = [
            *configuration.get("flows", []),
            self.flow(name="slow-read", integration="slow-prod"),
        ]
        return super().apply(*arguments, expect=expect, **configuration)


# ---- Time ------------------------------------------------------------------------------------------


class ClockWorld(TlsWorld):
    """The certificates of targets are new, and not good an hour ago: nobody looks at them."""

    def integration(self, **changes):
        return super().integration(tls="require", **changes)

    def connector_config(self, name, url=None, changes=None):
        path = super().connector_config(name, url, changes)
        config = json.loads(read_text(path))
        secret = config["secrets"][0]
        secret["target"]["tls"] = "require"
        del secret["ca_file"]
        write_text(path, json.dumps(config))
        return path


@test
def clocks_of_connector_and_requester_that_are_set_change_nothing():
    with ClockWorld().set_up() as world:
        for step_s in (HOUR_S, -HOUR_S):
            view = world.active(duration="6s")
            world.set_clocks(ahead_s=step_s)
            left = float(world.server.query(
                "SELECT coalesce(max(extract(epoch FROM rolvaliduntil - now())), 0) FROM pg_roles"
                f" WHERE rolname = '{view['account']}'"
            ))  # fmt: skip
            check(left <= 6, f"the target gives {left} s")
            wait_until("access ends", lambda v=view: account_gone(world, v["account"]), SOON_S)
            world.await_state(view["id"], "ended", seconds=SOON_S)
            world.works()
        check(world.connector.has_logged("clock.differs"), "it is said")
        check(not world.connector.has_logged("clock.refused"), "an hour is followed")


@test
def what_was_ordered_before_a_sleep_is_not_done_after_it():
    with WeatherWorld(shimmed=("connector",)) as world:
        faults = world.path("faults")
        os.mkdir(faults)
        environment = world.environment
        world.environment = lambda name: {
            **environment(name), **({"DAYPASS_FAULTS": faults} if name == "connector" else {})
        }  # fmt: skip
        world.begin()
        over = world.active(duration="6s")
        write_text(os.path.join(faults, "grant.before_commit"), "stop")
        grant = world.request()
        world.cli("dba", "approve", grant)
        hit = os.path.join(faults, "grant.before_commit.hit")
        wait_until("it stands before its commit", lambda: os.path.exists(hit))
        wait_until("it has stopped", lambda: is_stopped(world.connector))
        world.set_clocks(slept_s=HOUR_S)
        world.connector.resume()
        wait_until("refused", lambda: world.connector.has_logged("code=deadline_passed"), SOON_S)
        world.await_state(over["id"], "ended", seconds=SOON_S)
        world.await_state(grant, "active", seconds=2 * SOON_S)
        left = float(world.server.query(
            "SELECT extract(epoch FROM max(rolvaliduntil) - now()) FROM pg_roles"
            " WHERE rolname LIKE 'temp\\_%'"
        ))  # fmt: skip
        check(left <= HOUR_S, f"the target gives {left} s")
        world.end(grant)


def is_stopped(program):
    return "\nState:\tT" in read_text(f"/proc/{program.process.pid}/status")


@test
def a_daypassd_that_stood_still_goes_on_where_it_was():
    with WeatherWorld(shimmed=("daypassd",)).set_up() as world:
        over = world.active(duration="6s")
        world.daypassd.pause()
        wait_until("access ends", lambda: not world.server.accounts(), SOON_S)
        world.set_clocks(slept_s=600)  # what waits in its queue was signed ten minutes ago
        world.daypassd.resume()
        world.await_state(over["id"], "ended", seconds=SOON_S)
        world.works()
        world.cli("admin", "audit", "verify")


# ---- Packets ---------------------------------------------------------------------------------------


class Proxy:
    """Passes on what clients send, and what they are answered unless that is held."""

    def __init__(self, port):
        self.port = port
        self.flows = threading.Event()
        self.flows.set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.port))
            for pair in ((client, server, False), (server, client, True)):
                threading.Thread(target=self.pass_on, args=pair, daemon=True).start()

    def pass_on(self, source, sink, answers):
        try:
            while data := source.recv(65536):
                if answers:
                    self.flows.wait()
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class ProxiedWorld(World):
    """The connector reaches daypassd by the proxy."""

    def __init__(self):
        super().__init__()
        self.proxy = None

    def start_daypassd(self, extra=""):
        program = super().start_daypassd("actions: {lease: 15s}\n" + extra)
        self.proxy = Proxy(int(self.url.rsplit(":", 1)[1]))
        return program

    def connector_config(self, name, url=None, changes=None):
        return super().connector_config(name, self.proxy.url, changes)


@test
def answers_that_do_not_arrive_lose_nothing_and_come_too_late_for_nothing():
    with ProxiedWorld().set_up() as world:
        over = world.active(duration="8s")
        world.proxy.flows.clear()
        grant = world.request()
        world.cli("dba", "approve", grant)
        wait_until("leased, unheard", lambda: world.show(grant)["state"] == "granting")
        wait_until("access ends", lambda: account_gone(world, over["account"]), SOON_S)
        queued = "daypass_actions_queued 2"  # to give the one, to record the end of the other
        wait_until("the lease is over", lambda: queued in world.curl("GET", "/metrics")[1], SOON_S)
        check_equal(world.server.accounts(), [], "nothing is made of what nobody heard")
        world.proxy.flows.set()
        view = world.await_state(grant, "active", seconds=SOON_S)
        check(world.connector.has_logged("deadline_passed"), "the late answer is not acted upon")
        world.await_state(over["id"], "ended", seconds=SOON_S)
        check_equal(world.server.accounts(), [view["account"]], "accounts")
        world.cli("engineer", "revoke", grant)
        world.await_state(grant, "ended", seconds=SOON_S)
        world.proxy.listener.close()


if __name__ == "__main__":
    main()
