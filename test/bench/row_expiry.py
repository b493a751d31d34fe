"""Row 5: 10,000 grants that end in the same second, and what others notice of it."""

import threading
import time

from bench_world import BenchWorld
from measures import median, percentile
from recording import record_postgresql
from results import times_result
from sides import Floor, People, set_as_shipped, set_for_recording
from world import check, wait_until

GRANTS, LANES = 10_000, 8
ROUNDS = 3
GONE_S = 3600
PATH = "/v1/grants?limit=20"


def run(bench, row):
    with BenchWorld(lanes=LANES, other="pg18").set_up() as world:
        set_for_recording(world.server)
        script = world.path("script")
        record_postgresql(world, script)
        for server in (world.server, world.other):
            set_as_shipped(server)
        scene = Scene(bench, world, Floor(world, script, LANES))
        rounds = [scene.round(number) for number in range(1 if bench.quick else ROUNDS)]
    return results(bench, row, rounds)


def results(bench, row, rounds):
    count = bench.many(GRANTS)

    def of(name):
        return [each[name] for each in rounds]

    return [
        times_result(
            row.number, f"{count:,} grants that end in the same second: until all are gone", "s",
            of("ours_s"), of("floor_s"), 1.2, "what the bare program needs",
            [f"{LANES} lanes; counted from the beginning of that second"]),
        times_result(
            row.number, "meanwhile: API p99", "ms", of("api_ms"), of("idle_api_ms"), 5,
            "its idle value", [f"GET {PATH}, a call each 5 ms"]),
        times_result(
            row.number, "meanwhile: a fresh grant on another target", "ms", of("grant_ms"),
            of("idle_grant_ms"), 2, "its idle value",
            ["median of those made one after the other, on the same machine",
             f"the longest took {max(of('longest_grant_ms')):.0f} ms"]),
    ]  # fmt: skip


class Repeated:
    """Calls something again and again on a thread of its own, until it is told to stop."""

    def __init__(self, function):
        self.function, self.found, self.failure = function, [], None
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.repeat)
        self.thread.start()

    def repeat(self):
        try:
            while not self.over.is_set():
                self.found += self.function()
        except Exception as failure:  # pylint: disable=broad-except
            self.failure = failure

    def stop(self):
        self.over.set()
        self.thread.join()
        if self.failure:
            raise self.failure
        return self.found


class Scene:
    def __init__(self, bench, world, floor):
        self.bench, self.world, self.floor = bench, world, floor
        self.count = bench.many(GRANTS)
        self.others = 0
        self.others = self.left()  # of the recording, for an hour
        self.people = People(world)
        self.onlooker = People(world, threads=1)
        self.other = world.caller("engineer2")
        self.people.run("cycle", seconds=bench.warm_up_s)
        self.other.cycle_s("other")

    def calls_ms(self, seconds=2):
        answer = self.onlooker.run("get", path=PATH, pause_ms=5, seconds=seconds)
        return [time_us / 1000 for time_us in answer["get_us"]]

    def other_grant_ms(self):
        return [self.other.cycle_s("other")[0] * 1000]

    def round(self, number):
        found = {}
        if number % 2 == 0:
            found["floor_s"] = self.floor_s()
        self.measure_ours(found)
        if number % 2:
            found["floor_s"] = self.floor_s()
        self.bench.say(f"round {number + 1}: " + ", ".join(
            f"{name} {value:.1f}" for name, value in found.items()))  # fmt: skip
        return found

    def floor_s(self):
        self.floor.run(phase="grant", count=self.count)
        return self.floor.run(phase="revoke", count=self.count)["seconds"]

    def measure_ours(self, found):
        ends_at = self.make_grants()
        found["idle_api_ms"] = percentile(self.calls_ms(4), 0.99)
        found["idle_grant_ms"] = median([self.other_grant_ms()[0] for _ in range(10)])
        check(time.time() < ends_at, "the grants did not end while the idle values were measured")
        wait_until("that second", lambda: time.time() >= ends_at, GONE_S, 0.005)
        calls, grants = Repeated(self.calls_ms), Repeated(self.other_grant_ms)
        try:
            wait_until("all are gone", lambda: self.left() == 0, GONE_S, 0.25)
            found["ours_s"] = time.time() - ends_at
        finally:
            api_ms, grant_ms = calls.stop(), grants.stop()
        found["api_ms"] = percentile(api_ms, 0.99)
        found["grant_ms"] = median(grant_ms)
        found["longest_grant_ms"] = max(grant_ms)

    def left(self):
        return len(self.world.server.accounts()) - self.others

    def make_grants(self):
        """All that end within one second, which is given."""
        sample = self.people.run("grant", count=max(self.count // 50, 20), duration="30s")
        taken_s = sample["seconds"] / sample["count"] * self.count
        ends_at = int(time.time() + 1.6 * taken_s + 45)
        self.people.run("grant", count=self.count, ends_at=ends_at)
        check(time.time() < ends_at, f"{self.count} grants were made before they end")
        self.bench.say(f"{self.count} grants are there, {self.left()} accounts, "
                       f"{ends_at - time.time():.0f} s before they end")  # fmt: skip
        return ends_at
