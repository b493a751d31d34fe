"""Row 4: what both programs hold while nothing happens, and how soon they answer."""

import socket
import time

from bench_world import BenchWorld
from results import bound_result
from sides import People, memory_mb
from world import check, read_text, wait_until

ANSWER_S = 10
MOST_START_MS = 50
MOST_MB = {"daypassd": 15, "connector": 10}


def run(bench, row):
    with BenchWorld().set_up() as world:
        fresh = [measure_fresh(world) for _ in range(1 if bench.quick else bench.rounds)]
        polls = [connector_start_ms(world) for _ in range(bench.rounds)]
        starts = [start_ms(world) for _ in range(2 * bench.rounds)]
        People(world).run("cycle", count=60 if bench.quick else 2000)
        worked = measure(world)
    results = [
        bound_result(
            row.number, f"idle memory (RSS) of {name}", "MB", [found[name] for found in fresh], most,
            f"≤ {most} MB", notes=[f"{worked[name]:.1f} MB after grants and revocations"])
        for name, most in MOST_MB.items()
    ]  # fmt: skip
    results.append(
        bound_result(
            row.number, "daypassd: start to first answer", "ms", starts, MOST_START_MS,
            f"≤ {MOST_START_MS} ms", notes=["from fork to the answer of /readyz, its store open"])
    )  # fmt: skip
    results.append(
        bound_result(
            row.number, "connector: start to first poll answered", "ms", polls, MOST_START_MS,
            f"≤ {MOST_START_MS} ms", notes=["seen in its log, which is looked at each millisecond"])
    )  # fmt: skip
    return results


def measure(world):
    return {name: memory_mb(getattr(world, name).process.pid) for name in MOST_MB}


def measure_fresh(world):
    """Both started anew, and the connector's poll is parked."""
    world.connector.stop()
    world.daypassd.stop()
    world.restart_daypassd()
    connector_start_ms(world)
    return measure(world)


def start_ms(world):
    world.daypassd.stop()
    port = int(world.url.rsplit(":", 1)[1])
    before = time.monotonic()
    world.daypassd.start()
    while not is_ready(port):
        check(time.monotonic() - before < ANSWER_S, "daypassd answers")
    return (time.monotonic() - before) * 1000


def is_ready(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return b" 200 " in connection.recv(4096).split(b"\r\n")[0]
    except OSError:
        time.sleep(0.0005)  # as fine as the time is measured
        return False


def connector_start_ms(world):
    world.connector.stop()
    offset = len(read_text(world.connector.log))
    before = time.monotonic()
    world.connector.start()
    wait_until("the connector polls",
               lambda: "poll.connected" in read_text(world.connector.log)[offset:], ANSWER_S, 0.001)  # fmt: skip
    return (time.monotonic() - before) * 1000
