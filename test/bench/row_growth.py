"""Row 8: what one grant costs beside ever more live ones, and with ever more tables in its flow."""

from bench_world import BenchWorld
from measures import median
from results import Result
from sides import People, set_as_shipped

LIVE = (1, 10, 100, 1_000, 10_000)
TABLES = (1, 10, 100, 1_000, 5_000)
MOST = 1.25
MODES = ("shared-role", "direct")
LIST_MAX = 1_000  # tables that one entry of a flow may name


def run(bench, row):
    live, tables = {}, {}
    for mode in MODES:
        with GrowthWorld(bench, mode).set_up() as world:
            set_as_shipped(world.server)
            tables[mode] = table_costs(bench, world)
            live[mode] = live_costs(bench, world)
            bench.say(f"{mode}: tables {tables[mode]}, live grants {live[mode]}")
    return [
        result(row, "a grant beside live ones, shared-role mode", "live grants", live),
        result(row, "a grant of many tables, shared-role mode", "tables in the flow", tables),
    ]


class GrowthWorld(BenchWorld):
    """With flows of many tables."""

    def __init__(self, bench, mode):
        super().__init__(privilege_mode=mode, lanes=8)
        self.counts = sorted({bench.many(count) for count in TABLES})

    def flows(self):
        auto = {"approval": [{"auto": True}]}
        return [
            self.flow(name="auto", **auto),
            *(
                self.flow(
                    name=f"tables-{count}",
                    grants=[
                        {"schema": "wide", "tables": names_of(first, count), "privileges": ["SELECT"]}
                        for first in range(0, count, LIST_MAX)
                    ],
                    **auto,
                )
                for count in self.counts
            ),
        ]

    def begin(self):
        statements = ["CREATE SCHEMA wide AUTHORIZATION shop_owner", "SET ROLE shop_owner"]
        statements += [f"CREATE TABLE wide.t{n} (id int)" for n in range(self.counts[-1])]
        statements += ["GRANT USAGE ON SCHEMA wide TO daypass_admin WITH GRANT OPTION",
                       "GRANT SELECT ON ALL TABLES IN SCHEMA wide TO daypass_admin WITH GRANT OPTION"]  # fmt: skip
        self.server.query(";\n".join(statements) + ";")
        super().begin()


def names_of(first, count):
    return [f"t{number}" for number in range(first, min(first + LIST_MAX, count))]


def cost_ms(people, count):
    answer = people.run("cycle", count=count)
    return median(answer["grant_us"]) / 1000


def table_costs(bench, world):
    """Each point is the median of rounds in turn, so that all see the same machine."""
    found = {count: [] for count in world.counts}
    People(world, threads=1).run("cycle", seconds=bench.warm_up_s)
    for _ in range(bench.rounds):
        for count in found:
            people = People(world, threads=1, flow=f"tables-{count}")
            if not found[count]:
                cost_ms(people, 1)  # makes the shared role
            found[count].append(cost_ms(people, 20 if count < 1000 else 4))
    return [[count, round(median(values), 3)] for count, values in found.items()]


def live_costs(bench, world):
    found, there = [], 0
    People(world, threads=1).run("cycle", seconds=bench.warm_up_s)
    for count in sorted({bench.many(count) for count in LIVE}):
        People(world).run("grant", count=count - there, duration="8h")
        there = count
        one = People(world, threads=1)
        cost_ms(one, 10)
        found.append([count, round(median([cost_ms(one, 20) for _ in range(bench.rounds)]), 3)])
    return found


def result(row, what, axis, curves):
    points = curves["shared-role"]
    growth = points[-1][1] / points[0][1]
    return Result(
        row=row.number, what=what, unit="ms",
        goal=f"at {points[-1][0]:,} ≤ {MOST} × at {points[0][0]:,}", value=growth,
        value_text=f"{growth:.2f} ×", met=growth <= MOST,
        notes=[f"{mode}: " + ", ".join(f"{x:,}: {y:.1f} ms" for x, y in curves[mode])
               for mode in curves],
        curves=[{"name": mode, "x": axis, "points": curves[mode]} for mode in curves],
    )  # fmt: skip
