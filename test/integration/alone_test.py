"""The connector alone, and the server alone: access ends on time, and is settled once when all return.

connector_test.py has the simple cases of one grant; here are several at once, lost reports, extensions
that nobody heard of, and what is overdue.
"""

import json
import re
import threading
import time

from clock_test import SkewedWorld
from witness import (
    FaultWorld, ServerLog, check_ended_once, check_made_and_removed_once, events, valid_until,
)  # fmt: skip
from world import World, check, check_equal, main, read_text, test, wait_until

# A connector reads its targets every `sweep_every`, and 2 s after each end that it knows. Each removal
# takes well under a second; the rest is for a machine that is busy with other tests.
SWEEP_EVERY_S = 2
SESSION_BOUND_S = SWEEP_EVERY_S + 2 + 6
OVERDUE_EXIT = 3


class Holder:
    """Somebody with an open session, who logs in again and again until it is refused."""

    def __init__(self, world, view):
        self.world = world
        self.account = view["account"]
        self.grant = view["id"]
        self.password = world.credential(view["id"])["password"]
        self.ends_at = valid_until(world, self.account)
        self.session = world.server.psql(
            "SELECT pg_sleep(300)", user=self.account, password=self.password, wait=False
        )
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.log_in_again_and_again, daemon=True)
        self.thread.start()

    def log_in(self):
        done = self.world.server.psql("SELECT 1", user=self.account, password=self.password)
        return done.returncode == 0

    def log_in_again_and_again(self):
        while self.log_in():
            if self.stopping.wait(0.2):
                return

    def check_was_ended(self):
        self.stopping.set()
        self.thread.join(timeout=60)
        check(self.session.wait(timeout=60) != 0, f"the session of {self.account} was ended")

    def check_kept_to_its_time(self, log, ends_at=None):
        """By the server's log: no login past the end, and all sessions over soon after it."""
        ends_at = ends_at or self.ends_at
        self.check_was_ended()
        logins = [entry.at for entry in log.logins(self.account)]
        check(len(logins) >= 2, f"{self.account} could log in: {logins}")
        late = max(logins) - ends_at
        check(late <= 0.05, f"{self.account} logged in {late:.2f} s after its end")
        last = wait_until(
            f"all sessions of {self.account} are over",
            lambda: len(over := log.departures(self.account)) >= len(logins) and over[-1].at,
        )
        check(last - ends_at <= SESSION_BOUND_S, f"{self.account} was there {last - ends_at:.1f} s late")


def automatic(world, name="auto", **changes):
    """A flow that nobody has to decide."""
    world.apply(flows=[world.flow(name=name, approval=[{"auto": True}], **changes)])


def given(world, *durations, flow="auto"):
    """Views of grants, asked for one after the other, when all are active."""
    grants = [world.request(flow=flow, duration=f"{seconds}s") for seconds in durations]
    return [world.await_state(grant, "active") for grant in grants]


def await_gone(world, views):
    accounts = {view["account"] for view in views}
    wait_until("the accounts are gone", lambda: not accounts & set(world.server.accounts()))


def evidence_kinds(view):
    return [item["kind"] for item in view["evidence"]]


def extend_unheard(world, holder, seconds):
    """The server has the new end; the report waits, and daypassd is away. Gives the new end."""
    world.arm("connector", "extend.committed", "stop")
    world.cli("engineer", "extend", holder.grant, "--for", f"{seconds}s", "--reason", "a little more")
    world.await_stopped(world.connector, "extend.committed")
    world.daypassd.pause()  # the worst way to be away: connections are taken and never answered
    world.connector.resume()
    extended = valid_until(world, holder.account)
    added = extended - holder.ends_at
    check(seconds - 1 < added <= seconds + 1, f"the server has the new end: {added:.1f} s more")
    return extended


@test
def many_grants_end_on_time_whoever_is_away_and_are_settled_once():
    with FaultWorld().set_up() as world:
        automatic(world, extension="auto")
        log = ServerLog(world.server)
        views = given(world, 17, 18, 19, 34)
        first, longer, second = views[:2], views[2], views[3]
        holders = [Holder(world, view) for view in views]
        extended = extend_unheard(world, holders[2], 14)
        there = set(world.server.accounts())
        check(all(h.account in there for h in holders), "too slow: one ended before daypassd was away")
        await_gone(world, first)
        # What it did, and knows of the extension, is only in its memory, and that is lost. What is to
        # be done next it reads from the target.
        world.connector.kill()
        world.connector.start()
        await_gone(world, [longer, second])
        for holder in holders:
            holder.check_kept_to_its_time(log, extended if holder is holders[2] else None)
        used = max(entry.at for entry in log.logins(longer["account"])) - holders[2].ends_at
        check(used > 0, f"the extension was of use: last login {used:.1f} s after the old end")
        world.daypassd.kill()  # it returns long after, with what was on its disk
        world.restart_daypassd()
        for view in views:
            check_equal(world.await_state(view["id"], "ended")["cause"], "expired", "cause")
        wait_until("nothing is overdue", lambda: world.cli("admin", "overdue", expect=None).code == 0)
        for view in views:
            check_made_and_removed_once(log, view["account"])
            check_ended_once(world, view["id"])
        check_told(world, first, longer, second)
        world.cli("admin", "audit", "verify")


def check_told(world, first, longer, second):
    """How each ended. Of the first two nobody could tell any more than that they were gone."""
    for view in first:
        kinds = evidence_kinds(world.show(view["id"]))
        check_equal(kinds, ["grant", "revoke"], f"evidence of {view['id']}")
    for view in (longer, second):
        kinds = evidence_kinds(world.show(view["id"]))
        check_equal(kinds.count("sweep"), 1, f"what it did alone was reported once: {kinds}")
        check_equal(kinds.count("grant"), 1, f"it was given once: {kinds}")


# ---- Extensions -----------------------------------------------------------------------------------


@test
def more_time_is_reported_when_the_control_plane_returns_before_the_old_end():
    with FaultWorld().set_up() as world:
        automatic(world, extension="auto")
        log = ServerLog(world.server)
        (view,) = given(world, 25)
        holder = Holder(world, view)
        world.arm("connector", "report.before_sent", "stop")
        world.cli("engineer", "extend", view["id"], "--for", "1h", "--reason", "more")
        world.await_stopped(world.connector, "report.before_sent")
        world.daypassd.kill()
        world.connector.resume()
        world.restart_daypassd()
        extended = valid_until(world, view["account"])
        wait_until("the extension is known", lambda: events(world, "grant.extended", view["id"]))
        check(extended - holder.ends_at > 3590, "the server has the new end")
        check_equal(valid_until(world, view["account"]), extended, "it was set once")
        check_equal(len(log.statements("ALTER ROLE")), 1, "changes of the account")
        check_equal(evidence_kinds(world.show(view["id"])), ["grant", "extend"], "evidence")
        check_equal(world.show(view["id"])["state"], "active", "state")
        world.cli("engineer", "revoke", view["id"])
        world.await_state(view["id"], "ended")
        holder.check_was_ended()


# ---- Overdue --------------------------------------------------------------------------------------


def metric(world, name):
    status, text = world.curl("GET", "/metrics")
    check_equal(status, 200, "/metrics")
    return float(re.search(rf"^{name} (\S+)$", text, re.MULTILINE)[1])


def overdue(world, who, *arguments):
    """(exit code, grants listed)."""
    result = world.cli(who, "overdue", "--json", *arguments, expect=None)
    check(result.code in (0, OVERDUE_EXIT), f"overdue as {who}: {result.code} {result.err}")
    return result.code, [item["grant"] for item in result.json["items"]]


def check_says_overdue(world, grants):
    """List, exit code, number, API, the view of each one and the trail agree."""
    wait_until("all are overdue", lambda: overdue(world, "admin")[1] == grants)
    for who, expected in (
        ("admin", (OVERDUE_EXIT, grants)), ("auditor", (OVERDUE_EXIT, grants)),
        ("engineer", (OVERDUE_EXIT, grants)), ("dba", (0, [])),
    ):  # fmt: skip
        check_equal(overdue(world, who), expected, f"what is overdue, to {who}")
    check_equal(metric(world, "daypass_revocations_overdue"), len(grants), "the metric")
    check_equal(overdue(world, "admin", "--older-than", "2d"), (0, []), "none so late")
    pages, cursor = [], ""
    while cursor is not None:
        path = "/v1/overdue?limit=5" + (f"&cursor={cursor}" if cursor else "")
        status, text = world.curl("GET", path, token=world.token_of("auditor"))
        check_equal(status, 200, text)
        pages += [item["grant"] for item in json.loads(text)["items"]]
        cursor = json.loads(text).get("next")
    check_equal(pages, grants, "page by page")
    for grant in (grants[0], grants[-1]):
        view = world.show(grant)
        check_equal((view["state"], view["overdue"]), ("revoking", True), f"the view of {grant}")
        check("overdue since" in world.cli("engineer", "show", grant).out, "shown plainly")
    listed = world.cli("engineer", "requests", "--state", "revoking").out
    check_equal(listed.count("OVERDUE"), len(grants), f"in the list of requests: {listed}")
    shown = world.cli("auditor", "overdue", expect=OVERDUE_EXIT).out
    check(all(grant in shown for grant in grants), f"all in the table: {shown}")
    noted = [event["grant"] for event in events(world, "grant.overdue")]
    check_equal(sorted(noted), sorted(grants), "noted once each")


class OverdueWorld(SkewedWorld):
    """Its daypassd can be told that minutes have passed; the server and the connector know better."""

    def __init__(self):
        super().__init__("daypassd")


@test
def without_a_connector_the_server_refuses_logins_and_what_is_overdue_goes_first():
    many = 8
    with OverdueWorld() as world:
        world.begin()
        world.add_person("auditor", "auditor")
        automatic(world)
        log = ServerLog(world.server)
        # The last one is ended early, which has to be over at once.
        views = given(world, *[25 + i // 2 for i in range(many)], 3600)
        holder = Holder(world, views[0])
        world.connector.kill()
        check(len(world.server.accounts()) == many + 1, "too slow: one ended before its connector was dead")
        world.cli("engineer", "revoke", views[-1]["id"])
        wait_until("the first is refused", lambda: log.refusals(views[0]["account"]))
        check_equal(overdue(world, "admin"), (0, []), "not yet overdue")
        ends = max(valid_until(world, view["account"]) for view in views[:-1])
        wait_until("all have ended", lambda: time.time() > ends)
        late = max(entry.at for entry in log.logins(views[0]["account"])) - holder.ends_at
        check(late <= 0.05, f"a login {late:.2f} s after the end, with nobody there but the server")
        check_equal(len(world.server.accounts()), many + 1, "accounts, with nobody to remove them")
        check_equal(world.server.sessions(views[0]["account"]), 1, "the open session goes on")
        world.set_clock(120)
        by_end = sorted(views[:-1], key=lambda view: view["expires_at"])
        in_order = [view["id"] for view in [views[-1], *by_end]]
        check_says_overdue(world, in_order)

        # Work that came later, all before the connector is there again.
        waiting = [world.request(flow="auto", duration="1h") for _ in range(many)]
        logged = len(read_text(world.daypassd.log))
        world.connector.start()
        for view in views:
            world.await_state(view["id"], "ended")
        for grant in waiting:
            world.await_state(grant, "active")
        holder.check_was_ended()
        check_order_of_leases(read_text(world.daypassd.log)[logged:], in_order)
        check_order_on_the_server(log, views, waiting, world)
        check_equal(overdue(world, "admin"), (0, []), "nothing is overdue any more")
        check_equal(metric(world, "daypass_revocations_overdue"), 0, "the metric")
        ended = events(world, "grant.overdue_ended")
        check_equal(sorted(event["grant"] for event in ended), sorted(in_order), "settled, once each")
        check(all(event["detail"]["late_ms"] > 60_000 for event in ended), f"how late: {ended}")
        for view in views:
            check_made_and_removed_once(log, view["account"])
            check_ended_once(world, view["id"])
        world.cli("admin", "audit", "verify")


def check_order_of_leases(log, in_order):
    """What daypassd handed out: the overdue ones by the time of their end, then everything else."""
    leased = re.findall(r"event=action\.leased .*?kind=(\w+) grant=(\S+)", log)
    revoked = [grant for kind, grant in leased if kind == "revoke"]
    check_equal(revoked, in_order, "revocations, in the order in which they left")
    kinds = [kind for kind, _ in leased]
    check_equal(kinds[: len(in_order)], ["revoke"] * len(in_order), f"what left first: {kinds}")


def check_order_on_the_server(log, views, waiting, world):
    """All revocations are begun, by as many workers as one target has, before anything is given."""
    workers = 3
    new = {world.show(grant)["account"] for grant in waiting}
    first = min(
        entry.at for entry in log.statements("CREATE ROLE ")
        if any(account in entry.text for account in new)
    )  # fmt: skip
    accounts = {view["account"] for view in views}
    begun = {
        account for entry in log.statements("ALTER ROLE ") for account in accounts
        if account in entry.text and "NOLOGIN" in entry.text and entry.at <= first
    }  # fmt: skip
    check(len(begun) > len(accounts) - workers, f"{len(begun)} of {len(accounts)} were begun before")


if __name__ == "__main__":
    main()
