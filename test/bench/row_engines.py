"""Row 9: grants and revocations a second on MySQL and MariaDB, each beside its own bare program."""

from engine_world import EngineBenchWorld
from recording_mysql import record_mysql
from row_rates import compare
from sides import Floor, set_mysql_as_shipped

LANES, LEAST = 8, 0.85
NAMES = {"mysql97": "MySQL 9.7", "mariadb1011": "MariaDB 10.11", "mariadb118": "MariaDB 11.8"}


def run(bench, row):
    return [run_on(bench, row, name) for name in row.servers]


def run_on(bench, row, name):
    with EngineBenchWorld(name, LANES).set_up() as world:
        script = world.path("script")
        counts = record_mysql(world, script)
        set_mysql_as_shipped(world.server)
        floor = Floor(world, script, LANES, tool="bare_mysql")
        what = f"grants and revocations a second, {NAMES[name]}, {LANES} lanes"
        return compare(bench, row, world, floor, counts, LEAST, what)
