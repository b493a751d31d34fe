"""A slow or dead target delays no other: each beside a healthy one, on one connector."""

import json
import os
import secrets
import socket
import statistics
import threading
import time

from fake_plane import FakePlane, Scene
from flood import Caller
from world import (
    Server, World, check, check_equal, main, read_text, test, test_with, wait_until, write_text,
)  # fmt: skip

# Against the median of the same run before; and what nobody calls a delay on a busy machine.
RATIO, AT_LEAST_S = 4.0, 1.5


# ---- Targets that are not well --------------------------------------------------------------------


class Listener:
    """A TCP port with a thread that does something bad with each connection."""

    def __init__(self, backlog=512):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self.port = self.socket.getsockname()[1]
        self.held = []

    def close(self):
        for each in [self.socket, *self.held]:
            each.close()


class Silent(Listener):
    """Accepts, as far as the kernel does, and never answers."""


class Full(Listener):
    """Its backlog is full: what else comes to it is dropped without a word."""

    def __init__(self):
        super().__init__(backlog=0)
        while True:
            connection = socket.socket()
            self.held.append(connection)
            connection.settimeout(0.5)
            try:
                connection.connect(("127.0.0.1", self.port))
            except TimeoutError:
                return


class Threaded(Listener):
    def __init__(self):
        super().__init__()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.held.append(connection)
            threading.Thread(target=self.meet, args=(connection,), daemon=True).start()


class Garbage(Threaded):
    def meet(self, connection):
        try:
            while connection.recv(65536):
                connection.sendall(secrets.token_bytes(500))
        except OSError:
            pass
        connection.close()


class Slow(Threaded):
    """Passes everything on to a real server, each piece after a while."""

    def __init__(self, port, delay_s=0.2):
        self.to_port, self.delay_s = port, delay_s
        super().__init__()

    def meet(self, connection):
        try:
            other = socket.create_connection(("127.0.0.1", self.to_port))
        except OSError:
            connection.close()
            return
        self.held.append(other)
        threading.Thread(target=self.pass_on, args=(other, connection), daemon=True).start()
        self.pass_on(connection, other)

    def pass_on(self, one, other):
        try:
            while data := one.recv(65536):
                time.sleep(self.delay_s)  # the slowness itself
                other.sendall(data)
        except OSError:
            pass
        for each in (one, other):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


# ---- A connector with many targets -----------------------------------------------------------------


class Targets(World):
    """`targets`: the port of each beside the healthy "shop-prod", by name."""

    def __init__(self, targets, options=None, secret_changes=None):
        super().__init__()
        self.targets, self.options = targets, options or {}
        self.secret_changes = secret_changes or {}

    def start_daypassd(self, extra=""):
        limits = {"open_requests_per_principal": 5000, "changes_per_principal": 60000}
        return super().start_daypassd(f"limits: {json.dumps(limits)}\n" + extra)

    def connector_config(self, name, url=None, changes=None):
        path = super().connector_config(name, url, changes)
        config = json.loads(read_text(path))
        config.update({"connect_timeout": "3s", **self.options})
        healthy = config["secrets"][0]
        for target, port in self.targets.items():
            config["secrets"].append({
                **healthy, "name": f"{target}-admin", "target": {**healthy["target"], "port": port},
                **self.secret_changes.get(target, {}),
            })  # fmt: skip
        for secret in config["secrets"]:
            if "command" in secret:
                del secret["file"]
        write_text(path, json.dumps(config))
        return path

    def begin(self):
        super().begin()
        names = {"shop-prod": self.server.port, **self.targets}
        self.apply(
            integrations=[
                self.integration(name=name, port=port, admin_secret=f"{name}-admin")
                for name, port in names.items()
            ],
            flows=[
                self.flow(name=name, integration=name, approval=[{"auto": True}]) for name in names
            ],
        )
        self.engineer = Caller(self.url, self.token_of("engineer"))

    def cycles_s(self, times):
        return [self.engineer.cycle_s("shop-prod") for _ in range(times)]


def check_undelayed(before, during, what, at_least_s=AT_LEAST_S):
    for index, step in enumerate(("grant", "revocation")):
        usual = statistics.median(cycle[index] for cycle in before)
        found = statistics.median(cycle[index] for cycle in during)
        most = max(cycle[index] for cycle in during)
        print(f"# {what}: {step} {usual:.2f} s usually, {found:.2f} s beside it, most {most:.2f} s")
        check(found < max(usual * RATIO, at_least_s), f"{what}: a {step} took {found:.2f} s")


BAD = {"silent": Silent, "full": Full, "garbage": Garbage}


@test_with(({},), ({"workers": 2, "workers_per_target": 1},))
def a_target_that_is_dead_with_hundreds_of_actions_delays_no_other(options):
    dead = Silent()
    with Targets({"dead": dead.port}, options).set_up() as world:
        before = world.cycles_s(5)
        for _ in range(300):
            world.engineer.request("dead")
        wait_until("it was tried", lambda: world.connector.has_logged("target_unreachable"))
        during = world.cycles_s(10)
        check_undelayed(before, during, f"300 actions of a dead target, {options}")
        check(dead.socket.fileno() >= 0, "it was there all the time")
    dead.close()


# More than a connector's queue has beside what each target may have of it.
SLOW_TARGETS, ACTIONS_OF_EACH = 5, 40


@test
def slow_targets_with_forty_actions_each_leave_room_for_another():
    dead = {f"dead-{number}": Silent() for number in range(SLOW_TARGETS)}
    ports = {name: target.port for name, target in dead.items()}
    # Workers for all that may wait for them, and one more: it is the queue that is tried.
    options = {"connect_timeout": "15s", "workers": 16, "workers_per_target": 3}
    with Targets(ports, options) as world, FakePlane() as plane:
        scene = Scene(world, plane)
        usual = scene.forge.plan("grt_usual")["target"]
        for name, port in ports.items():
            plan = {"integration": name, "admin_secret": f"{name}-admin", "target": {**usual, "port": port}}
            for _ in range(ACTIONS_OF_EACH // 20):
                plane.play(scene.forge.hand_out_all(
                    [scene.forge.action(integration=name, plan=plan) for _ in range(20)]
                ))  # fmt: skip
        scene.works_still()
        check("poll.failed" not in scene.log(), "it had room for all")
        check_equal(len(plane.reports), 2, "reports while all of the slow ones' wait")
        world.connector.stop()
    for target in dead.values():
        target.close()


def has_failed(world, integration):
    lines = read_text(world.connector.log).splitlines()
    return any("action.failed" in line and f"integration={integration} " in line for line in lines)


@test
def several_targets_that_are_not_well_delay_no_other():
    bad = {name: make() for name, make in BAD.items()}
    hang = {"hangs": {"command": ["/bin/sh", "-c", "sleep 3600"]}}
    slow = Slow(Server("pg15").port)
    targets = {name: target.port for name, target in bad.items()}
    with Targets({**targets, "slow": slow.port, "hangs": 1}, secret_changes=hang).set_up() as world:
        before = world.cycles_s(5)
        for name in world.targets:
            for _ in range(30):
                world.engineer.request(name)
        for name in BAD:
            wait_until(f"{name} was met", lambda: has_failed(world, name), 30)
        during = world.cycles_s(10)
        check_undelayed(before, during, "silent, full, garbage, slow and hanging")
        # The command that hangs is ended, with what it started, and said to be why.
        wait_until("it is ended", lambda: world.connector.has_logged("did not answer within"), 40)
        check_equal(world.show(world.engineer.request("shop-prod"))["flow"], "shop-prod", "a request")
    for target in [*bad.values(), slow]:
        target.close()


@test
def a_target_that_comes_back_gets_what_was_due():
    dead = Slow(1, 0)
    with Targets({"back": dead.port}).set_up() as world:
        grants = [world.engineer.request("back") for _ in range(20)]
        wait_until("it was tried", lambda: world.connector.has_logged("action.failed"))
        dead.to_port = world.server.port
        for grant in grants:
            world.engineer.await_state(grant, "active", 120)
        check_equal(len(world.server.accounts()), 20, "accounts")
    dead.close()


# ---- Many ends at once ------------------------------------------------------------------------------


class Watcher:
    """Samples how many sessions the connector has on the server."""

    def __init__(self, server):
        self.server, self.most, self.over = server, 0, threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.over.set()
        self.thread.join()

    def watch(self):
        sql = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'daypass_admin'"
        while not self.over.is_set():
            self.most = max(self.most, int(self.server.query(sql)))


BATCH = 16


def make_batch(world, duration):
    grants = [world.engineer.request("shop-prod", duration) for _ in range(BATCH)]
    for grant in grants:
        world.engineer.await_state(grant, "active")
    return grants


def end_together(world, count):
    """So many active grants whose ends are due within a few seconds, and when that is."""
    began = time.monotonic()
    for grant in make_batch(world, "1h"):  # to see how long one takes on this machine
        world.engineer.call("POST", f"/v1/grants/{grant}/revoke", {})
    batch_s = time.monotonic() - began
    ends_at = time.monotonic() + 10 + 2 * batch_s * count / BATCH
    grants = []
    while len(grants) < count:
        left_s = int(ends_at - time.monotonic())
        check(left_s > 5, f"only {len(grants)} grants were made in time")
        grants += make_batch(world, f"{left_s}s")
    return grants, ends_at


@test
def many_grants_that_end_together_overrun_neither_their_target_nor_another():
    count = 496 if os.environ.get("DAYPASS_LONG") else 160
    other = Server("pg18")
    world = Targets({"other": other.port})
    # The next shop's password takes the place of this one's.
    write_text(world.path("other-password"), read_text(other.make_shop()))
    world.secret_changes = {"other": {"file": world.path("other-password")}}
    with world.set_up():
        before = world.engineer.latency_s()
        usual = [world.engineer.cycle_s("other") for _ in range(3)]
        began = time.monotonic()
        grants, ends_at = end_together(world, count)
        print(f"# {count} grants were made in {time.monotonic() - began:.0f} s")
        with Watcher(world.server) as watcher:
            wait_until("they end", lambda: time.monotonic() > ends_at, 300)
            fresh = [world.engineer.cycle_s("other") for _ in range(3)]
            during = world.engineer.latency_s(times=100)
            busy = len(world.server.accounts())
            wait_until("all are gone", lambda: not world.server.accounts(), 240)
        print(f"# all gone {time.monotonic() - ends_at:.0f} s after their end; at most {watcher.most} "
              f"sessions at once; {busy} were left when the other target's were done")  # fmt: skip
        check(watcher.most <= 3 * 2, f"{watcher.most} sessions at once on the target")
        # The two servers, the record and we share one machine, which is at its limit then.
        check_undelayed(usual, fresh, "beside many ends on another target", 4.0)
        check(statistics.median(during) < max(0.5, 20 * statistics.median(before)), "the API answers")
        check(max(during) < 5, f"one call took {max(during)} s")
        for grant in grants[::8]:
            check_equal(world.engineer.await_state(grant, "ended")["cause"], "expired", "cause")
    other.query("DROP DATABASE IF EXISTS shop WITH (FORCE)", "postgres")


if __name__ == "__main__":
    main()
