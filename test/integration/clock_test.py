"""Clocks that are wrong, differ, or jump: access ends on time by the target's clock all the same."""

import email.utils
import glob
import json
import os
import subprocess
import time

import raw_http
from world import CONNECTOR, Failure, World, check, check_equal, main, test, test_with, wait_until
from world import read_text, write_text

HOUR_S = 3600
DAY_S = 24 * HOUR_S


def library():
    found = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    if not found:
        raise Failure("libfaketime is missing: run scripts/install-dependencies test")
    return found[0]


class SkewedWorld(World):
    """One of its programs has a clock of its own, which can be set while it runs."""

    def __init__(self, skewed):
        super().__init__()
        self.skewed = skewed
        self.set_clock(0)

    def set_clock(self, ahead_s):
        """Of daypassd that runs: returns when it goes by it."""
        write_text(self.path("clock"), f"{ahead_s:+d}s\n")
        if self.daypassd and self.skewed == "daypassd":
            wait_until("the clock is set", lambda: abs(self.ahead_s() - ahead_s) < 5)

    def ahead_s(self):
        answer = raw_http.send(self.url, raw_http.request("GET", "/healthz"))
        date = email.utils.parsedate_to_datetime(answer.headers["Date"])
        return date.timestamp() - time.time()

    def run(self, name, command, env=None):
        if name == self.skewed:
            env = {
                **(env or {}),
                "LD_PRELOAD": library(),
                "ASAN_OPTIONS": f"{os.environ.get('ASAN_OPTIONS', '')}:verify_asan_link_order=0",
                "FAKETIME_TIMESTAMP_FILE": self.path("clock"),
                "FAKETIME_CACHE_DURATION": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }
        return super().run(name, command, env)

    # Certificates have times too, and those of the servers are new: they are not looked at here.

    def integration(self, **changes):
        return super().integration(tls="require", **changes)

    def connector_config(self, name, url=None, changes=None):
        target = {
            "kind": "postgresql",
            "host": "localhost",
            "port": self.server.port,
            "database": "shop",
            "tls": "require",
        }
        path = super().connector_config(name, url, {"target": target, **(changes or {})})
        config = json.loads(read_text(path))
        del config["secrets"][0]["ca_file"]
        write_text(path, json.dumps(config))
        return path


def check_whole_life(world, duration_s):
    """A grant that is given, used, and ended when it says so by the clock on the wall."""
    view = world.active(duration=f"{duration_s}s")
    account = view["account"]
    left = world.server.query(
        f"SELECT extract(epoch FROM rolvaliduntil - now()) FROM pg_roles WHERE rolname = '{account}'"
    )
    check(duration_s - 4 < float(left) <= duration_s, f"what is left on the server: {left} s")
    given = time.monotonic()
    check_equal(world.connect(view["id"], "SELECT 1").out.strip(), "1", "it can be used")
    wait_until("the account is gone", lambda: not world.server.accounts())
    took = time.monotonic() - given
    check(duration_s - 5 < took < duration_s + 10, f"it lived for {took:.1f} s, not {duration_s}")
    check_equal(world.await_state(view["id"], "ended")["cause"], "expired", "cause")


def skews():
    return test_with(
        *((program, hours) for program in ("daypassd", "connector") for hours in (1, -1))
    )


@skews()
def a_clock_an_hour_off_changes_nothing(program, hours):
    with SkewedWorld(program) as world:
        world.set_clock(hours * HOUR_S)
        world.begin()
        check_whole_life(world, 6)
        ahead_ms = (hours if program == "connector" else -hours) * HOUR_S * 1000
        instance = world.cli("admin", "connectors", "--json").json["items"][0]["instances"][0]
        difference = instance["clock_difference_ms"] - ahead_ms
        check(abs(difference) < 5000, f"the difference is known: {instance}")
        # After a restart nobody remembers which signatures were heard before.
        world.daypassd.stop()
        world.restart_daypassd()
        view = world.active()
        world.cli("engineer", "revoke", view["id"])
        world.await_state(view["id"], "ended")


@test
def access_ends_on_time_though_the_clock_of_daypassd_is_set_back():
    with SkewedWorld("daypassd") as world:
        world.begin()
        view = world.active(duration="8s")
        world.set_clock(-HOUR_S)
        given = time.monotonic()
        wait_until("the account is gone", lambda: not world.server.accounts())
        check(time.monotonic() - given < 25, "it was gone in time")
        world.await_state(view["id"], "ended")
        world.cli("admin", "audit", "verify")


@test
def access_ends_early_rather_than_late_when_the_clock_of_daypassd_leaps():
    with SkewedWorld("daypassd") as world:
        world.begin()
        view = world.active(duration="1h")
        pending = world.request()
        world.set_clock(2 * HOUR_S)
        wait_until("the account is gone", lambda: not world.server.accounts())
        world.await_state(view["id"], "ended")
        world.cli("dba", "approve", pending)
        world.await_state(pending, "active")
        world.cli("engineer", "revoke", pending)
        world.await_state(pending, "ended")
        world.cli("admin", "audit", "verify")


@test
def tokens_are_over_when_their_time_is():
    with SkewedWorld("daypassd") as world:
        world.begin()
        personal = world.cli("engineer", "token", "create", "ci", "--for", "2d", "--json")
        personal = personal.json["token"]
        join = world.cli("admin", "connector", "create", "eu", "--json").json["join_token"]
        invitation = world.cli("admin", "principal", "create", "late@example.com", "--json")
        invitation = invitation.json["invitation"]
        undecided = world.request()

        world.set_clock(13 * HOUR_S)
        world.refuse("engineer", "token_expired", "whoami")
        check_equal(world.curl("GET", "/v1/whoami", token=personal)[0], 200, "the personal token")
        world.set_clock(3 * DAY_S)
        status, body = world.curl("GET", "/v1/whoami", token=personal)
        check_equal((status, json.loads(body)["code"]), (401, "token_expired"), "personal token")
        world.set_clock(30 * DAY_S)
        done = subprocess.run(
            [CONNECTOR, "enroll", "--config", world.connector_config("late")],
            input=join, capture_output=True, text=True,
        )  # fmt: skip
        check(done.returncode != 0 and "join token" in done.stderr, f"join token: {done.stderr}")
        check(join not in done.stderr, "the token is not shown")
        status, body = world.curl(
            "POST", "/v1/sessions/invitation",
            {"invitation": invitation, "principal": "late@example.com", "new_password": "x" * 12},
        )  # fmt: skip
        check_equal((status, json.loads(body)["code"]), (401, "bad_invitation"), "invitation")
        world.cli("engineer", "login", world.url, "--principal", "engineer@example.com",
                  "--password-file", world.path("people", "engineer", "password"))  # fmt: skip
        check_equal(world.show(undecided)["state"], "lapsed", "what nobody decided")


if __name__ == "__main__":
    main()
