"""Bounds: above each a clear refusal, and everybody else is served. docs/operations.md, "Limits"."""

import datetime
import json
import os
import re
import socket
import ssl
import subprocess
import threading
import time

from flood import ATTACKER, Caller, Flood, ask, connect_from, get, median_ms, post
from raw_http import check_problem, read_answer, request, send
from signer import Instance
from world import (
    CONNECTOR, DAYPASSD, ROOT, World, check, check_equal, main, read_text, test, test_with,
    wait_until,
)  # fmt: skip

# Above it nobody would call the service usable; what is measured is said with each failure.
LATENCY_S = 2.0
LATE_S = 15.0


class Bounded(World):
    """A world whose daypassd has these limits."""

    def __init__(self, limits, **more):
        super().__init__(**more)
        self.limits = limits

    def start_daypassd(self, extra=""):
        return super().start_daypassd(f"limits: {json.dumps(self.limits)}\n" + extra)


def check_bearable(before, during, what):
    calm, flooded = median_ms(before), median_ms(during)
    print(f"# {what}: median {calm} ms before, {flooded} ms under load, most {max(during):.2f} s")
    check(flooded < LATENCY_S * 1000, f"{what}: median of {flooded} ms, {calm} ms before")
    check(max(during) < 5 * LATENCY_S, f"{what}: one took {max(during):.1f} s")


# ---- Floods ----------------------------------------------------------------------------------------


NO_LIMIT = {name: 60000 for name in (
    "calls_per_principal", "changes_per_principal", "calls_per_token", "calls_per_address")}  # fmt: skip


# Above the limits, which slow it down; and as fast as it can, as long as there are none.
@test_with(({"calls_per_principal": 1200}, 429), (NO_LIMIT, 200))
def one_principal_at_full_speed_slows_neither_people_nor_ends(limits, meets):
    with Bounded(limits).set_up() as world:
        engineer, dba = world.token_of("engineer"), Caller(world.url, world.token_of("dba"))
        before = dba.latency_s()
        view = world.active(duration="10s")
        calls = [get("/v1/grants?view=all", engineer), post("/v1/grants", {}, engineer)]
        with Flood(world.url, calls) as flood:
            flood.await_status(meets)
            during = dba.latency_s(times=200)
            wait_until("the account is gone", lambda: not world.server.accounts())
            ended = Caller(world.url, world.token_of("admin")).await_state(view["id"], "ended")
            during += dba.latency_s(times=200)
            world.add_person("other")
        check_bearable(before, during, f"another person's calls beside {flood.statuses}")
        late_s = seconds_between(ended["expires_at"], ended["ended_at"])
        print(f"# gone {late_s:.1f} s after its end")
        check(late_s < LATE_S, f"gone {late_s} s after its end")
        check_equal(ended["cause"], "expired", "cause")
        check(set(flood.statuses) <= {200, 400, 429}, flood.statuses)
        # Who sends less again is served again.
        caller = Caller(world.url, engineer)
        wait_until("the flooder is served", lambda: caller.call("GET", "/v1/whoami")[0] == 200)


def seconds_between(one, other):
    first, second = (datetime.datetime.fromisoformat(text) for text in (one, other))
    return (second - first).total_seconds()


def refused_call(world, data):
    """One that comes when a turn does is let in."""
    answer = ask(world.url, data, ATTACKER)
    return answer.status == 429 and answer


@test
def strangers_are_refused_by_address_and_nobody_else_is():
    with Bounded({"calls_per_address": 30}) as world:
        world.start_daypassd()
        world.sign_in_admin()
        admin = Caller(world.url, world.token_of("admin"))
        before = admin.latency_s()
        calls = [get("/v1/whoami", "dps_" + "a" * 40), get("/openapi.json"),
                 post("/v1/connector/poll", {"capacity": 1}),
                 post("/v1/connector/enroll", {}, "dpj_" + "a" * 40)]  # fmt: skip
        with Flood(world.url, calls) as flood:
            flood.await_status(429)
            refused = wait_until("one is refused", lambda: refused_call(world, calls[0]))
            problem = check_problem(refused, 429, "too_many_calls", "flood")
            check("try again in" in problem["detail"], problem)
            check(int(refused.headers["Retry-After"]) >= 1, "Retry-After")
            check_bearable(before, admin.latency_s(), "calls of people")
            check_problem(ask(world.url, calls[0]), 401, "bad_token", "from elsewhere")
            check_equal(ask(world.url, get("/healthz"), ATTACKER).status, 200, "a probe beside it")
        check(not any(status >= 500 for status in flood.statuses), flood.statuses)
        world.daypassd.stop()


@test
def who_guesses_at_a_password_does_not_keep_its_owner_out():
    with Bounded({"sign_ins_per_principal": 2}) as world:
        world.start_daypassd()
        world.sign_in_admin()
        password = read_text(world.path("people", "admin", "password"))
        wrong = post("/v1/sessions", {"principal": "admin@example.com", "password": "guessed"})
        right = post("/v1/sessions", {"principal": "admin@example.com", "password": password})
        for _ in range(2):
            check_problem(ask(world.url, wrong, ATTACKER), 401, "bad_credentials", "a guess")
        limited = check_problem(ask(world.url, wrong, ATTACKER), 429, "too_many_sign_ins", "one more")
        check("try again in" in limited["detail"], limited)
        check_problem(ask(world.url, right, ATTACKER), 429, "too_many_sign_ins", "the right one")
        check_equal(ask(world.url, right).status, 201, "its owner, from elsewhere")
        # Many places that guess together do keep everybody out: the price of a bound for them all.
        places = (f"127.0.1.{place}" for place in range(1, 255))
        statuses = iter(lambda: ask(world.url, wrong, next(places)).status, 429)
        check_equal(set(statuses), {401}, "guesses from many places, until one is limited")
        check_problem(ask(world.url, right), 429, "too_many_sign_ins", "guessed at from everywhere")
        world.daypassd.stop()


# ---- Connections -----------------------------------------------------------------------------------


def is_served(world, address="127.0.0.1"):
    return ask(world.url, get("/healthz"), address).status == 200


def is_ended(connection):
    """By the other side."""
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


@test
def ten_thousand_idle_connections_of_one_address_leave_room_for_others():
    places = 200
    limits = {"connections_per_address": places, "calls_per_address": 60000, "idle_timeout": "5m"}
    with Bounded(limits) as world:
        world.start_daypassd()
        held = []
        for _ in range(10_000):
            held.append(connect_from(world.url, ATTACKER))
        check(is_served(world), "another address is served")
        check(not is_served(world, ATTACKER), "one more of the same is refused")
        descriptors = len(os.listdir(f"/proc/{world.daypassd.process.pid}/fd"))
        check(descriptors < 400, f"{descriptors} descriptors are open")
        # As many threads may each let one more in at the same moment.
        most = places + 20
        wait_until("the others were refused", lambda: sum(map(is_ended, held)) >= 10_000 - most)
        kept = sum(not is_ended(connection) for connection in held)
        check(places <= kept <= most, f"{kept} of 10,000 have a place")
        for connection in held:
            connection.close()
        wait_until("the address is served again", lambda: is_served(world, ATTACKER))
        world.daypassd.stop()


def drip(connections, data, at):
    """Sends one more byte on each; gives those that are still open."""
    still = []
    for connection in connections:
        try:
            connection.sendall(data[at % len(data) : at % len(data) + 1])
            still.append(connection)
        except OSError:
            connection.close()
    return still


@test
def who_drips_or_never_reads_is_cut_off_and_its_places_are_free():
    places = 24
    idle_s = 2
    with Bounded({"connections_per_address": places, "idle_timeout": f"{idle_s}s"}) as world:
        world.start_daypassd()
        heads = [connect_from(world.url, ATTACKER) for _ in range(places // 3)]
        bodies = [connect_from(world.url, ATTACKER) for _ in range(places // 3)]
        deaf = [connect_from(world.url, ATTACKER) for _ in range(places // 3)]
        for connection in bodies:
            connection.sendall(b"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n")
        for connection in deaf:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.setblocking(False)
            try:  # many answers, more than any buffer on the way holds
                connection.send(get("/openapi.json") * 100)
            except BlockingIOError:
                pass
        check(not is_served(world, ATTACKER), "all places are taken")
        head = b"GET / HTTP/1.1\r\nX-A: " + b"a" * 1000
        began, at = time.monotonic(), 0
        while heads or bodies:
            heads, bodies = drip(heads, head, at), drip(bodies, b" ", at)
            at += 1
            check(is_served(world), "another address is served meanwhile")
            took_s = time.monotonic() - began
            check(took_s < 40 * idle_s, "who drips is cut off after ten times the idle time")
            time.sleep(0.3)  # the drip itself: slower than at once, quicker than the idle time
        check(time.monotonic() - began > 8 * idle_s, "not before")
        wait_until("the places are free", lambda: is_served(world, ATTACKER))
        for connection in deaf:
            connection.close()
        world.daypassd.stop()


@test
def handshakes_that_never_end_take_no_place_for_long():
    with Bounded({"connections_per_address": 16, "idle_timeout": "10s"}) as world:
        certificate, key = os.environ["DAYPASS_TEST_CERT_FILE"], os.environ["DAYPASS_TEST_KEY_FILE"]
        context = ssl.create_default_context(cafile=os.environ["DAYPASS_TEST_CA_FILE"])

        def healthy(address):
            try:
                with connect_from(world.url, address) as plain, context.wrap_socket(
                    plain, server_hostname="localhost"
                ) as connection:
                    connection.sendall(get("/healthz"))
                    return read_answer(connection).status == 200
            except OSError:
                return False

        world.curl = lambda *_arguments, **_more: (200 if healthy("127.0.0.1") else 0, "")
        world.start_daypassd(f"tls: {{certificate_file: {certificate}, key_file: {key}}}\n")
        held = [connect_from(world.url, ATTACKER) for _ in range(16)]
        for connection in held[::2]:  # half of a ClientHello
            connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 20)
        check(not healthy(ATTACKER), "all places are taken")
        check(healthy("127.0.0.1"), "another address is served")
        wait_until("the places are free", lambda: healthy(ATTACKER), 60)
        world.daypassd.stop()


def read_status(file):
    """That of the next of several answers on one connection."""
    status, length = int(file.readline().split()[1]), 0
    for line in iter(file.readline, b"\r\n"):
        name, _, value = line.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
    file.read(length)
    return status


@test
def many_requests_on_one_connection_are_answered_in_order_beside_others():
    count = 3000
    paths = [("/healthz", 200), ("/nothing", 404), ("/v1/whoami", 401)]
    with Bounded({"calls_per_address": 60000}) as world:
        world.start_daypassd()
        data = b"".join(get(paths[number % 3][0]) for number in range(count))
        with connect_from(world.url, ATTACKER) as connection, connection.makefile("rb") as file:
            sender = threading.Thread(target=connection.sendall, args=(data,))
            sender.start()
            for number in range(count):
                check_equal(read_status(file), paths[number % 3][1], f"answer {number}")
                if number % 500 == 0:
                    check(is_served(world), "another is served meanwhile")
            sender.join()
        answer = send(world.url, request("GET", "/healthz", headers=["X-Large: " + "a" * 1_000_000]))
        check(answer.status in (0, 413, 431), f"a huge header: {answer}")
        check(is_served(world), "afterwards")
        world.daypassd.stop()


# ---- The table -------------------------------------------------------------------------------------


@test
def every_limit_that_can_be_set_is_described_with_its_default():
    printed = subprocess.run([DAYPASSD, "--print-config"], capture_output=True, text=True, check=True)
    options = re.search(r"^limits:\n((?:  .*\n)+)", printed.stdout, re.MULTILINE).group(1)
    values = dict(re.findall(r"^  (\w+): (\w+)$", options, re.MULTILINE))
    check(len(values) > 15, f"limits are printed: {values}")
    table = read_text(os.path.join(ROOT, "docs/operations.md")).partition("## Limits")[2]
    for name, value in values.items():
        shown = {"4194304": "4 MiB", "30s": "30 s"}.get(value) or f"{int(value):,}"
        described = re.search(rf"`limits\.{name}`[^|]*?{re.escape(shown)}", table)
        check(described, f"docs/operations.md says limits.{name} and its default, {shown}")


# ---- What one may have -----------------------------------------------------------------------------


@test
def requests_tokens_and_instances_are_bounded():
    limits = {"open_requests_per_principal": 2, "instances_per_connector": 1}
    with Bounded(limits).set_up() as world:
        engineer = Caller(world.url, world.token_of("engineer"))
        world.apply(flows=[world.flow(name="auto", approval=[{"auto": True}])])
        grants = [engineer.request("auto") for _ in range(2)]
        result = world.cli("engineer", "request", "auto", "--for", "1h", "--reason", "x", "--json",
                           expect=None)  # fmt: skip
        check_equal(result.error["code"], "too_many_open", "the third")
        check("revoke" in result.error["message"], "what to do is said")
        engineer.call("POST", f"/v1/grants/{grants[0]}/revoke", {})
        engineer.request("auto")
        token = world.cli("admin", "connector", "create", "main", "--json").json["join_token"]
        body = {"public_key": "x" * 43 + "=", "host": "h"}
        check_problem(send(world.url, post("/v1/connector/enroll", body, token)), 400, "bad_value",
                      "no key")  # fmt: skip
        config = world.connector_config("second")
        enrolled = subprocess.run([CONNECTOR, "enroll", "--config", config], input=token,
                                  capture_output=True, text=True)  # fmt: skip
        check(enrolled.returncode != 0, "a second instance is refused")
        check("limits.instances_per_connector" in enrolled.stderr, enrolled.stderr)


@test
def polls_that_wait_are_bounded_for_each_instance():
    with Bounded({"waiting_per_caller": 4}).set_up() as world:
        world.connector.stop()
        world.enroll("other")
        instance = Instance(world.path("other"))
        instance.call(world.url, "/v1/connector/poll", {"capacity": 100, "wait_s": 0})  # its checks
        poll = {"capacity": 1, "wait_s": 10}
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(
            instance.call(world.url, "/v1/connector/poll", poll))) for _ in range(5)]  # fmt: skip
        for thread in threads:
            thread.start()
        wait_until("one is refused", lambda: answers)
        status, text = answers[0]
        check_equal((status, json.loads(text)["code"]), (429, "too_many_waiting"), "the fifth")
        for thread in threads:
            thread.join()
        check_equal([status for status, _ in answers[1:]], [200] * 4, "the others")


if __name__ == "__main__":
    main()
