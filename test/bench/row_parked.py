"""Row 6: 10,000 connectors whose polls wait over TLS: what they cost, how soon one is woken, and how
they come back after a restart."""

import http.client
import json
import os
import ssl
import subprocess
import threading
import time

from bench_world import BenchWorld
from flood import Caller
from measures import percentile
from results import bound_result
from sides import TOOLS, cpu_s, memory_mb
from signer import Signer, base64_text
from world import CA_FILE, check, read_text, wait_until, write_text

CONNECTORS = 10_000
WOKEN = 20  # connectors with an integration
WAKE_UPS = 500
CPU_S = 60
MOST_MB, MOST_CPU, MOST_WAKE_MS, MOST_BACK_S = 200, 2, 10, 30


def run(bench, row):
    count = bench.many(CONNECTORS)
    with BenchWorld().set_up() as world:
        woken, lines = enroll_all(bench, world, count)
        path = world.path("connectors")
        write_text(path, "\n".join(lines) + "\n")
        world.connector.stop()
        serve_tls(world)
        crowd = Crowd(world, path)
        try:
            return measure(bench, row, world, crowd, woken, count)
        finally:
            crowd.end()


def measure(bench, row, world, crowd, woken, count):
    crowd.await_all()
    pid = world.daypassd.process.pid
    seconds = 10 if bench.share < 1 else CPU_S
    before_s, began = cpu_s(pid), time.monotonic()
    crowd.await_polls(seconds)
    share = (cpu_s(pid) - before_s) / (time.monotonic() - began) * 100
    memory = memory_mb(pid)
    times_ms = wake_ups_ms(world, crowd, woken, bench.many(WAKE_UPS))
    crowd.await_all()
    before = crowd.status()["refusals"]
    back_s = restart(world, crowd)
    after = crowd.status()["refusals"]
    refusals = {code: after[code] - before.get(code, 0) for code in after}
    told = refusals.pop("stopping", 0)  # by the old one, which answers all that wait when it ends
    refused = sum(refusals.values())
    what = f"{count:,} connectors parked over TLS"
    late = [f"{refused} requests were refused" + (f": {refusals}" if refused else "")
            + f"; {told} that waited were told that daypassd was stopping"]  # fmt: skip
    back = bound_result(row.number, f"{what}: all back after a restart", "s", [back_s],
                        MOST_BACK_S, f"≤ {MOST_BACK_S} s, no request refused", notes=late)  # fmt: skip
    back.met = back.met and refused == 0
    return [
        bound_result(row.number, f"{what}: memory (RSS) of daypassd", "MB", [memory], MOST_MB,
                     f"≤ {MOST_MB} MB"),
        bound_result(row.number, f"{what}: processor", "% of a core", [share], MOST_CPU,
                     f"≤ {MOST_CPU} %", notes=[f"over {seconds} s; each polls again after 25 s"]),
        bound_result(row.number, f"{what}: wake-up p99", "ms", [percentile(times_ms, 0.99)],
                     MOST_WAKE_MS, f"≤ {MOST_WAKE_MS} ms",
                     notes=[f"{len(times_ms)} requests, from the call that makes the work until "
                            f"the poll is answered; p50 {percentile(times_ms, 0.5):.2f} ms"]),
        back,
    ]  # fmt: skip


def enroll_all(bench, world, count):
    """(flows of connectors that are to be woken, with their instances; lines for the program)."""
    admin, anybody = world.caller("admin"), Caller(world.url)
    lines, instances = [], []
    for number in range(count):
        signer = Signer()
        _, token = admin.call("POST", "/v1/connectors", {"name": f"c{number}"})
        anybody.headers = {"Authorization": f"Bearer {token['join_token']}"}
        status, reply = anybody.call(
            "POST", "/v1/connector/enroll", {"public_key": signer.public_text, "host": "bench"}
        )
        check(status in (200, 201), f"enrolment of c{number}: {status} {reply}")
        instances.append(reply["instance"])
        lines.append(f"{reply['instance']} {base64_text(signer.seed)}")
        if (number + 1) % 1000 == 0:
            bench.say(f"{number + 1} connectors have joined")
    woken = min(WOKEN, count)
    names = [f"c{number}" for number in range(woken)]
    world.apply(
        integrations=[*world.integrations(),
                      *(world.integration(name=name, connector=name) for name in names)],
        flows=[*world.flows(),
               *(world.flow(name=name, integration=name, approval=[{"auto": True}])
                 for name in names)],
    )  # fmt: skip
    return dict(zip(names, instances)), lines


def serve_tls(world):
    certificate, key = os.environ["DAYPASS_TEST_CERT_FILE"], os.environ["DAYPASS_TEST_KEY_FILE"]
    world.daypassd.stop()
    path = world.path("daypassd.yaml")
    # Nobody carries the work out, and none of it is to be handed out twice.
    write_text(path, read_text(path) + "actions: {lease: 1h, per_integration: 100}\n"
               f"tls: {{certificate_file: {certificate}, key_file: {key}}}\n")  # fmt: skip
    start(world)


def start(world):
    world.daypassd.start()
    wait_until("daypassd answers over TLS", lambda: is_healthy(world), pause_s=0.01)


def connection_to(world):
    port = int(world.url.rsplit(":", 1)[1])
    context = ssl.create_default_context(cafile=CA_FILE)
    return http.client.HTTPSConnection("localhost", port, timeout=60, context=context)


def is_healthy(world):
    connection = connection_to(world)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def restart(world, crowd):
    """Seconds from the moment that daypassd is started again until all polls wait."""
    world.daypassd.stop()
    began = time.monotonic()
    world.daypassd.start()
    crowd.await_all()
    return time.monotonic() - began


def wake_ups_ms(world, crowd, woken, count):
    caller = Caller(world.url, world.token_of("engineer1"))
    caller.connection = connection_to(world)
    crowd.woken.clear()
    names, times = sorted(woken), []
    for number in range(count):
        name = names[number % len(names)]
        began = time.monotonic()
        caller.request(name)
        woken_at = wait_until(f"{name} is woken", lambda key=woken[name]: crowd.woken.pop(key, None),
                              pause_s=0.001)  # fmt: skip
        times.append((woken_at - began) * 1000)
    return times


class Crowd:
    """The program with all the connectors."""

    def __init__(self, world, path):
        port = world.url.rsplit(":", 1)[1]
        self.process = subprocess.Popen(
            [os.path.join(TOOLS, "parked"), port, CA_FILE, path],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.woken, self.answers, self.is_over = {}, [], False
        self.answered = threading.Condition()
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            words = line.split()
            if words[0] == "woken":
                self.woken[words[1]] = int(words[2]) / 1e6
                continue
            with self.answered:
                self.answers.append(json.loads(line))
                self.answered.notify()
        with self.answered:
            self.is_over = True
            self.answered.notify()

    def status(self):
        with self.answered:
            self.process.stdin.write("status\n")
            self.process.stdin.flush()
            self.answered.wait_for(lambda: self.answers or self.is_over, 60)
            check(self.answers, f"the connectors' program answers: {self.process.poll()}")
            return self.answers.pop()

    def await_all(self):
        def all_wait():
            status = self.status()
            return status["parked"] == status["count"]

        wait_until("all polls wait", all_wait, 900, 0.05)

    def await_polls(self, seconds):
        """Lets that time pass, in which every poll is answered and made again."""
        end = time.monotonic() + seconds
        wait_until("the time is over", lambda: time.monotonic() > end, seconds + 60, 0.5)

    def end(self):
        try:
            self.process.stdin.close()
        except OSError:
            pass  # it ended before
        self.process.wait(timeout=60)
        self.reader.join()
