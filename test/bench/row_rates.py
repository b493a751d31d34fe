"""Rows 1 and 2: grants and revocations a second through the whole path, beside the bare program."""

from bench_world import BenchWorld
from measures import median
from recording import record_postgresql
from results import ratio_result
from sides import CpuMeter, Floor, People, set_as_shipped, set_for_recording

# More people than lanes, so that a lane never waits for somebody to ask.
PEOPLE_OF_LANES = {8: 32, 1: 6}


def run(bench, row):
    mode, lanes, least = {1: ("shared-role", 8, 0.85), 2: ("direct", 1, 0.9)}[row.number]
    with BenchWorld(privilege_mode=mode, lanes=lanes).set_up() as world:
        set_for_recording(world.server)
        script = world.path("script")
        counts = record_postgresql(world, script)
        set_as_shipped(world.server)
        return [compare(bench, row, world, Floor(world, script, lanes), counts, least)]


def compare(bench, row, world, floor, counts, least, what=None):
    """Rounds of the floor and of ours in turn, after one of each that is not counted."""
    people = People(world, threads=PEOPLE_OF_LANES[floor.lanes])
    floor.run(seconds=bench.warm_up_s)
    people.run("cycle", seconds=bench.warm_up_s)
    ours, floors, reconnecting, costs, bare_costs, load_shares = [], [], [], [], [], []
    for number in range(bench.rounds):
        sides = [("floor", floor), ("ours", people)]
        for name, side in sides if number % 2 == 0 else reversed(sides):
            meter = CpuMeter(world)
            if name == "floor":
                answer = side.run(seconds=bench.run_s)
                floors.append(rate(answer))
                bare_costs.append(meter.used_s().get("server", 0) / answer["count"] * 1000)
                continue
            answer = side.run("cycle", seconds=bench.run_s)
            ours.append(rate(answer))
            used = {**meter.used_s(), "load": answer["cpu_seconds"]}
            costs.append({who: used[who] / answer["count"] * 1000 for who in used})
            load_shares.append(answer["cpu_seconds"] / answer["seconds"])
        bench.say(f"round {number + 1}: ours {ours[-1]:.1f}, floor {floors[-1]:.1f} a second")
    if not bench.quick:
        reconnecting = [rate(floor.run(seconds=bench.run_s, connect_each=True)) for _ in range(2)]
    notes = [
        f"{counts['grant']} statements give and {counts['revoke']} take back; connections that are "
        f"kept open: {floor.lanes}",
        "processor time of a cycle: " + ", ".join(
            f"{who} {median([cost[who] for cost in costs]):.2f} ms" for who in costs[0]),
        f"processor time of the server in a cycle of the bare program: {median(bare_costs):.2f} ms",
        load_note(people, median(ours), median(load_shares)),
    ]  # fmt: skip
    if reconnecting:
        notes.append(
            "with a new connection for each grant and each revocation, the bare program makes "
            f"{median(reconnecting):.1f} a second"
        )
    return ratio_result(row.number, what or row.what, "a second", ours, floors, least, notes)


def rate(answer):
    return answer["count"] / answer["seconds"]


def load_note(people, cycles, share):
    """Whether who asks could have asked for more."""
    capacity = people.capacity()
    needed = 4 * cycles
    return (
        f"the load made about {needed:.0f} calls a second with {share * 100:.0f} % of a core, and "
        f"can make {capacity:.0f} of the cheapest"
    )
