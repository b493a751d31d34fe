"""Row 3: how long the requester waits for the sealed credential, once the approval is being given."""

from bench_world import BenchWorld
from measures import median, percentile
from recording import record_postgresql
from results import bound_result
from sides import Floor, People, set_as_shipped, set_for_recording

GOALS_MS = {0.5: 3, 0.99: 15}


def run(bench, row):
    with BenchWorld().set_up() as world:
        set_for_recording(world.server)
        script = world.path("script")
        record_postgresql(world, script)
        set_as_shipped(world.server)
        people = People(world, threads=1, flow="decided")
        floor = Floor(world, script, lanes=1)
        decider = world.tokens_file("dba")
        floor.run(seconds=bench.warm_up_s)
        people.run("credential", seconds=bench.warm_up_s, decider=decider)
        ours, floors = [], []
        for number in range(bench.rounds):
            floors.append(in_ms(floor.run(seconds=bench.run_s)["grant_us"]))
            ours.append(in_ms(people.run("credential", seconds=bench.run_s, decider=decider)["grant_us"]))
            bench.say(f"round {number + 1}: ours {median(ours[-1]):.2f} ms, "
                      f"floor {median(floors[-1]):.2f} ms")  # fmt: skip
    return [result(row, share, ours, floors) for share in GOALS_MS]


def in_ms(times_us):
    return [time / 1000 for time in times_us]


def result(row, share, ours, floors):
    mine = [percentile(times, share) for times in ours]
    bare = [percentile(times, share) for times in floors]
    most = median(bare) + GOALS_MS[share]
    count = sum(map(len, ours))
    return bound_result(
        row.number, f"{row.what}, p{share * 100:.0f}", "ms", mine, most,
        f"≤ the bare statements' {median(bare):.2f} ms + {GOALS_MS[share]} ms", bare,
        [f"{count} grants, one after the other; the floor keeps its connection"],
    )  # fmt: skip
