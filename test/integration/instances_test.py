"""Several instances of one connector share its work; several connectors have no part in each other's."""

import json
import os
import re
import threading

from forgery_test import refuse_signed, signed, two_connectors
from raw_http import check_problem, send
from signer import Instance, Signer
from witness import (
    FaultWorld, ServerLog, check_ended_once, check_made_and_removed_once, count_events, events,
)  # fmt: skip
from world import World, check, check_equal, main, read_text, test, wait_until

LEASE_S = 15  # the least there is
LONG_LEASE_S = 25  # within which two instances are brought to hang, on a slow machine too
REPORT = "/v1/connector/report"
ACCOUNTS = "/v1/connector/accounts"
POLL = "/v1/connector/poll"


class SharedWorld(FaultWorld):
    """With instances "one", "two", … of the connector main, and short leases."""

    def __init__(self, lease_s=LEASE_S):
        super().__init__()
        self.lease_s = lease_s

    def start_daypassd(self, extra=""):
        return super().start_daypassd(f"actions: {{lease: {self.lease_s}s}}\n" + extra)

    def begin(self):
        super().begin()
        self.connector.stop()
        self.apply(flows=[self.flow(name="auto", approval=[{"auto": True}])])

    def instances(self, *names):
        """Starts them; gives {name: id}."""
        ids = {}
        for name in names:
            if not any(program.name == name for program in self.programs):
                self.start_connector(name)
            ids[name] = Instance(self.path(name)).id
        return ids

    def program(self, name):
        return next(program for program in self.programs if program.name == name)

    def leases(self, kind):
        """(action, instance) of each that left, in order."""
        log = read_text(self.daypassd.log)
        return re.findall(
            rf"event=action\.leased action=(\S+) kind={kind} .*?instance=(\S+)", log
        )  # fmt: skip

    def holder(self, grant):
        """The instance to which the grant was handed out last; None."""
        log = read_text(self.daypassd.log)
        found = re.findall(rf"event=action\.leased .*?kind=grant grant={grant} .*?instance=(\S+)", log)
        return found[-1] if found else None


def ask(world, count, duration="1h"):
    """That many requests from four people's terminals at once, in no order."""
    grants, lock = [], threading.Lock()

    def run():
        while True:
            with lock:
                if len(grants) >= count:
                    return
                place = len(grants)
                grants.append(None)
            grants[place] = world.request(flow="auto", duration=duration)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return grants


def revoke_all(world, grants):
    for grant in grants:
        world.cli("engineer", "revoke", grant)


def check_shared(world, kind, ids, count):
    """Each was handed out once, and everybody had some."""
    leases = world.leases(kind)
    actions = [action for action, _ in leases]
    check_equal(len(actions), count, f"{kind}: {leases}")
    check_equal(len(set(actions)), count, f"none of them twice: {leases}")
    check_equal(everybody_had_some(world, kind, ids), True, f"who had some of {kind}: {leases}")


def everybody_had_some(world, kind, ids):
    return {instance for _, instance in world.leases(kind)} == set(ids)


@test
def instances_share_the_work_and_nothing_is_done_twice():
    kinds = ("grant", "revoke")
    with SharedWorld().set_up() as world:
        ids = world.instances("one", "two", "three").values()
        log = ServerLog(world.server)
        views = []
        # Who asks first is not ours to say: at most so often until each did some of everything.
        for _ in range(10):
            grants = ask(world, 8)
            views += [world.await_state(grant, "active") for grant in grants]
            revoke_all(world, grants)
            for grant in grants:
                world.await_state(grant, "ended")
            if all(everybody_had_some(world, kind, ids) for kind in kinds):
                break
        for kind in kinds:
            check_shared(world, kind, ids, len(views))
        for view in views:
            check_made_and_removed_once(log, view["account"])
        for view in views[:4]:
            check_ended_once(world, view["id"])
            done = [(item["kind"], item["failure"]) for item in world.show(view["id"])["evidence"]]
            check_equal(done, [("grant", "none"), ("revoke", "none")], "evidence")
        by = {item["instance"] for view in views for item in world.show(view["id"])["evidence"]}
        check_equal(by, set(ids), "who reported")


@test
def an_instance_that_dies_in_the_middle_loses_nothing():
    with SharedWorld().set_up() as world:
        ids = world.instances("one", "two")
        # The account is there; nobody will ever report it. What else it had in its queue goes, too.
        world.arm("one", "grant.committed", "kill")
        grants = ask(world, 8)
        world.await_hit("one", "grant.committed")
        views = [world.await_state(grant, "active", seconds=LEASE_S + 60) for grant in grants]
        lost = {action for action, instance in world.leases("grant") if instance == ids["one"]}
        again = [a for a, instance in world.leases("grant") if a in lost and instance == ids["two"]]
        check(again, f"what it had went to the other: {world.leases('grant')}")
        check_equal(len(again), len(set(again)), "once")
        for view in views:
            check_equal(world.connect(view["id"], "SELECT 7").out.strip(), "7", "it can be used")
        check_equal(len(world.server.accounts()), len(grants), "accounts")

        world.program("one").start()
        world.arm("one", "revoke.locked", "kill")
        world.arm("two", "revoke.dropped", "kill")
        for name in ids:
            wait_until(f"{name} polls", lambda name=name: polls(world, ids[name]))
        log = ServerLog(world.server)
        revoke_all(world, grants)
        world.await_hit("one", "revoke.locked")
        world.await_hit("two", "revoke.dropped")
        check(any(world.show(grant)["state"] == "revoking" for grant in grants), "some are left")
        world.instances("three")
        for grant in grants:
            world.await_state(grant, "ended", seconds=LEASE_S + 60)
        check_equal(world.server.accounts(), [], "accounts")
        for view in views:
            counts = count_events(world, view["id"])
            check_equal(counts.get("grant.ended"), 1, f"ended once: {counts}")
            check("account.stray" not in counts, f"nothing was left over: {counts}")
        dropped = [entry.text for entry in log.statements('DROP ROLE "temp_')]
        check_equal((len(dropped), len(set(dropped))), (len(views),) * 2, f"each once: {dropped}")
        world.cli("admin", "audit", "verify")


def polls(world, instance):
    listed = world.cli("admin", "connectors", "--json").json["items"]
    return any(i["id"] == instance and i["health"] == "ok" for c in listed for i in c["instances"])


def hang_all(world, stops):
    """Starts instances that each stop at their point of a grant, one after the other: the first has no
    lock for which the next would wait. Gives {name: the grant at which it stopped}, and all that were
    asked for, revoked: one that hangs already may have a poll open, and gets another."""
    hung, grants = {}, []
    for name, point in stops.items():
        instance = world.instances(name)[name]
        world.arm(name, point, "stop")
        while name not in hung:
            grants.append(world.request(flow="auto"))
            if wait_until("somebody has it", lambda: world.holder(grants[-1])) == instance:
                world.await_stopped(world.program(name), point)
                hung[name] = grants[-1]
    revoke_all(world, grants)
    return hung, grants


def ends_of_grants(world, name):
    return len(re.findall(r"event=action\.(?:done|failed) kind=grant", read_text(world.program(name).log)))


@test
def one_that_hangs_past_its_lease_neither_recreates_nor_commits():
    # The second one holds locks, for which another would wait.
    stops = {"one": "grant.committed", "two": "grant.before_commit"}
    with SharedWorld(LONG_LEASE_S).set_up() as world:
        log = ServerLog(world.server)
        hung, grants = hang_all(world, stops)
        told = {name: ends_of_grants(world, name) for name in stops}
        check_equal({world.show(grant)["state"] for grant in hung.values()}, {"revoking"}, "states")
        check_equal(len(world.server.accounts()), 1, "what was committed in time")
        world.instances("three")
        for grant in grants:
            # Not before the lease is over: until then it could still be made. Soon after it, though the
            # one that hangs in a transaction has a lock: the server ends that.
            world.await_state(grant, "ended", seconds=LONG_LEASE_S + 40)
        check_equal(world.server.accounts(), [], "accounts, after the others' revocations")
        before = len(log.entries())
        for name in stops:
            world.program(name).resume()
        for name in stops:
            wait_until(f"{name} goes on", lambda name=name: ends_of_grants(world, name) > told[name])
        check_nothing_made(log, before)
        check_equal(world.server.accounts(), [], "accounts, after all went on")
        # What was made in time is reported when it is long over: its account is looked for once more.
        wait_until("it is", lambda: count_events(world, hung["one"]).get("account.removed"))
        for grant in grants:
            counts = count_events(world, grant)
            stray = int(grant == hung["one"])
            expected = {"grant.active": 0, "grant.ended": 1, "account.stray": stray, "account.removed": stray}
            check_equal({kind: counts.get(kind, 0) for kind in expected}, expected, f"events of {grant}")
        world.await_state(world.request(flow="auto"), "active")


def check_nothing_made(log, start):
    """Of what the programs said to the server since then, nothing made an account that stayed."""
    made = [e for e in log.entries()[start:] if "statement: CREATE ROLE temp_" in e.text]
    pids = {entry.pid for entry in made}
    committed = [e for e in log.entries()[start:] if e.pid in pids and "statement: COMMIT" in e.text]
    check_equal(committed, [], "accounts made after their time")


@test
def the_work_of_a_removed_instance_goes_to_others_and_it_is_shut_out():
    with SharedWorld().set_up() as world:
        ids = world.instances("one")
        ended = world.await_state(world.request(flow="auto"), "active")
        # It hangs with a revocation and a grant in its hands, neither of them begun.
        world.program("one").pause()
        world.cli("engineer", "revoke", ended["id"])
        wait_until("it has the revocation", lambda: world.leases("revoke"))
        world.instances("two")
        check_equal(world.show(ended["id"])["state"], "revoking", "it waits for the one that hangs")
        world.cli("admin", "connector", "remove-instance", "main", ids["one"])
        # At once, and not when the lease is over: that a revocation is done twice does no harm.
        world.await_state(ended["id"], "ended", seconds=LEASE_S - 3)
        check_equal(world.server.accounts(), [], "accounts")
        world.program("one").resume()
        log = world.program("one").log
        wait_until("it is told so", lambda: "unknown_instance" in read_text(log))
        taken = [instance for _, instance in world.leases("grant")]
        new = world.await_state(world.request(flow="auto"), "active")
        check_equal(new["evidence"][0]["instance"], Instance(world.path("two")).id, "who gave it")
        after = [instance for _, instance in world.leases("grant")][len(taken) :]
        check(ids["one"] not in after, "the removed one gets nothing")
        refused = events(world, "connector.refused")
        check(any(event["detail"]["code"] == "unknown_instance" for event in refused), "on record")
        check_equal(count_events(world, ended["id"]).get("grant.ended"), 1, "it ended once")


# ---- Connectors of others ---------------------------------------------------------------------------


@test
def a_connector_that_speaks_of_anothers_work_is_refused_and_on_record():
    with World().set_up() as world:
        eu = two_connectors(world)
        main_instance = Instance(world.path("connector"))
        view = world.active()
        report = {"action_id": view["evidence"][0]["action_id"], "attempt": 1, "done": False,
                  "failure": "fatal", "message": "lies"}  # fmt: skip
        refuse_signed(world, eu, REPORT, report, 403, "not_yours")
        sweep = {
            "admin_secret": "shop-prod-admin", "host": "localhost", "port": world.server.port,
            "swept_at": "2100-01-01T00:00:00Z",
            "accounts": [{"account": view["account"], "grant_id": view["id"], "removed": True}],
        }  # fmt: skip
        # Whoever makes roles on its target can have it say so: that is an account of its own.
        check_equal(eu.call(world.url, ACCOUNTS, sweep)[0], 204, "its sweep")
        check_equal([e["actor"] for e in events(world, "account.removed")], [eu.id], "what it says it did")
        # With the other's id, signed with its own key, and with a key that nobody knows.
        for key in (eu.signer, Signer()):
            pretender = Instance(world.path("eu"))
            pretender.signer = key
            for path, message in ((POLL, {"capacity": 10, "wait_s": 0}), (REPORT, report), (ACCOUNTS, sweep)):
                answer = send(world.url, signed(pretender, path, message, key_id=main_instance.id))
                check_problem(answer, 401, "bad_signature", f"{path} in another's name")
        seen = [(e["actor_kind"], e["actor"], e["detail"]["code"]) for e in events(world, "connector.refused")]
        check_equal(
            seen,
            [("connector", eu.id, "not_yours")] + [("anonymous", main_instance.id, "bad_signature")] * 6,
            "refusals on record",
        )
        now = world.show(view["id"])
        check_equal((now["state"], now.get("drifted", False)), ("active", False), "the grant")
        check_equal(len(now["evidence"]), 1, "nothing of it is evidence")
        world.connect(view["id"], "SELECT 1")


@test
def refusals_do_not_fill_the_trail():
    with World().set_up() as world:
        eu = two_connectors(world)
        view = world.active()
        report = {"action_id": view["evidence"][0]["action_id"], "attempt": 1, "done": False}
        before = json.loads(world.curl("GET", "/v1/audit/head", token=world.token_of("admin"))[1])
        for _ in range(60):
            refuse_signed(world, eu, REPORT, report, 403, "not_yours")
        noted = events(world, "connector.refused")
        check(1 <= len(noted) <= 15, f"of 60 refusals {len(noted)} are on record")
        after = json.loads(world.curl("GET", "/v1/audit/head", token=world.token_of("admin"))[1])
        check(after["sequence"] - before["sequence"] <= len(noted), "and nothing else")
        check_equal(world.connect(view["id"], "SELECT 1").out.strip(), "1", "nobody else is troubled")
        world.cli("engineer", "revoke", view["id"])
        world.await_state(view["id"], "ended")


if __name__ == "__main__":
    main()
