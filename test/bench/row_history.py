"""Row 7: 1,000,000 past requests and 5,000,000 audit events: pages, verification, and a grant's cost."""

import os
import shutil
import subprocess
import time

from bench_world import BenchWorld
from measures import median, percentile
from results import bound_result, times_result
from sides import People, run_tool, set_as_shipped
from world import CLI, check

GRANTS, EVENTS = 1_000_000, 5_000_000
MOST_PAGE_MS = 10
PAGES_DEEP = 20
CALLS = 300


def run(bench, row):
    with BenchWorld().set_up() as world:
        set_as_shipped(world.server)
        stores = Stores(world)
        caller = world.caller()
        grant = caller.request("auto")
        caller.await_state(grant, "active")
        caller.call("POST", f"/v1/grants/{grant}/revoke", {})
        caller.await_state(grant, "ended")
        stores.make_full(bench, grant)
        costs = stores.costs_ms(bench)
        stores.use("full")
        pages = pages_ms(bench, world)
        verifications = [verify_s(world) for _ in range(1 if bench.quick else 3)]
        world.daypassd.stop()
        floors = [run_tool("history", "verify", stores.path)["seconds"] for _ in verifications]
        world.daypassd.start()
    past = f"{bench.many(GRANTS):,} past requests, {bench.many(EVENTS):,} audit events"
    return results(row, past, pages, verifications, floors, costs)


def results(row, past, pages, verifications, floors, costs):
    slowest = max(pages, key=pages.get)
    listed = ", ".join(f"{path} {time_ms:.2f} ms" for path, time_ms in sorted(pages.items()))
    return [
        bound_result(
            row.number, f"{past}: the slowest list page, p99", "ms", [pages[slowest]], MOST_PAGE_MS,
            f"≤ {MOST_PAGE_MS} ms", notes=[f"p99 of each: {listed}"]),
        times_result(
            row.number, f"{past}: audit verify", "s", verifications, floors, 1.2,
            "reading, hashing and checking each event",
            ["the floor reads the store's file itself, with no API between"]),
        times_result(
            row.number, f"{past}: a grant", "ms", costs["full"], costs["empty"], 1.1,
            "its cost with an empty store", ["medians of rounds in turn, one lane"]),
    ]  # fmt: skip


class Stores:
    """The empty store of the world and the full one made of it, one of which is in use."""

    def __init__(self, world):
        self.world, self.used = world, "empty"
        self.path = world.path("daypassd", "daypass.db")

    def use(self, name):
        if name == self.used:
            return
        self.world.daypassd.stop()
        self.put_away()
        os.rename(self.world.path(f"{name}.db"), self.path)
        self.used = name
        self.world.restart_daypassd()

    def put_away(self):
        """Stopped, daypassd leaves one file: the log is in it."""
        run_sql_checkpoint(self.path)
        os.rename(self.path, self.world.path(f"{self.used}.db"))

    def make_full(self, bench, grant):
        self.world.daypassd.stop()
        run_sql_checkpoint(self.path)
        full = self.world.path("full.db")
        shutil.copy(self.path, full)
        os.chmod(full, 0o600)
        key = self.world.path("daypassd", "audit.key")
        made = run_tool("history", "make", full, key, grant, bench.many(GRANTS), bench.many(EVENTS))
        bench.say(f"the past was made in {made['seconds']:.0f} s, "
                  f"{os.path.getsize(full) / 2**20:.0f} MB")  # fmt: skip
        self.world.restart_daypassd()

    def costs_ms(self, bench):
        costs = {"empty": [], "full": []}
        for number in range(bench.rounds):
            for name in ("empty", "full") if number % 2 == 0 else ("full", "empty"):
                self.use(name)
                people = People(self.world, threads=1)
                people.run("cycle", seconds=bench.warm_up_s)
                answer = people.run("cycle", seconds=bench.run_s)
                costs[name].append(median(answer["grant_us"]) / 1000)
            bench.say(f"round {number + 1}: full {costs['full'][-1]:.2f} ms, "
                      f"empty {costs['empty'][-1]:.2f} ms")  # fmt: skip
        return costs


def run_sql_checkpoint(path):
    done = subprocess.run(
        ["python3", "-c", "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute("
         "'PRAGMA wal_checkpoint(TRUNCATE)').fetchall()", path],
        capture_output=True, text=True,
    )  # fmt: skip
    check(done.returncode == 0, f"{path}: {done.stderr}")


def deep_cursor(caller, path):
    """The cursor after some pages."""
    cursor = None
    for _ in range(PAGES_DEEP):
        joint = "&" if "?" in path else "?"
        where = path + (f"{joint}cursor={cursor}" if cursor else "")
        status, page = caller.call("GET", where)
        check(status == 200, f"GET {where}: {status} {page}")
        if not page.get("next"):
            break
        cursor = page["next"]
    return cursor


def pages_ms(bench, world):
    """p99 of each list that people look at, first pages and later ones."""
    admin = world.caller("admin")
    person = "engineer1@example.com"
    lists = [
        "/v1/grants?view=all", "/v1/grants?view=all&state=ended", "/v1/grants?view=all&state=active",
        "/v1/grants?view=all&flow=auto", "/v1/grants?view=all&integration=shop-prod",
        f"/v1/grants?view=all&requester={person}", "/v1/grants?view=all&flow=decided",
        "/v1/audit", f"/v1/audit?person={person}", "/v1/audit?integration=shop-prod",
        "/v1/audit?flow=auto", "/v1/audit?event=grant.approved", "/v1/audit?event=no.such",
        "/v1/audit?grant=grt_h000000000000001", "/v1/overdue", "/v1/flows",
    ]  # fmt: skip
    people = People(world, threads=1)
    people.tokens = world.tokens_file("admin")
    found = {}
    for path in lists:
        cursor = deep_cursor(admin, path)
        variants = {path: path}
        if cursor:
            variants[path + " (later page)"] = f"{path}{'&' if '?' in path else '?'}cursor={cursor}"
        for name, where in variants.items():
            answer = people.run("get", path=where, count=bench.many(CALLS) + 20)
            found[name] = percentile(answer["get_us"], 0.99) / 1000
    return found


def verify_s(world):
    """Seconds of `daypass audit verify`."""
    env = {**os.environ, "XDG_STATE_HOME": world.path("people", "admin")}
    before = time.monotonic()
    done = subprocess.run([CLI, "audit", "verify"], env=env, capture_output=True, text=True)
    check(done.returncode == 0, f"audit verify: {done.stdout}{done.stderr}")
    return time.monotonic() - before
