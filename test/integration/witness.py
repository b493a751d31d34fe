"""What tells how often something was done, when and by whom: the server's log, evidence, the trail.

And worlds whose programs stop or die where a test wants them to (src/base/fault_point.h).
"""

import json
import os
import re
from datetime import datetime, timezone

from world import World, check, check_equal, wait_until, write_text

LINE = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) UTC \[(\d+)\] (\w+):  (.*)$")
STATEMENT = "statement: "


class Entry:
    """A line of the server's log."""

    def __init__(self, match):
        at = datetime.strptime(match[1], "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=timezone.utc)
        self.at = at.timestamp()
        self.pid = int(match[2])
        self.level = match[3]
        self.text = match[4]

    def __repr__(self):
        return f"{self.at:.3f} [{self.pid}] {self.text[:200]}"


class ServerLog:
    """What the server logs from now on. Its clock is the one by which access ends."""

    def __init__(self, server):
        self.path = server.log
        self.start = os.path.getsize(self.path)

    def entries(self):
        with open(self.path, "rb") as file:
            file.seek(self.start)
            lines = file.read().decode("utf-8", "replace").splitlines()
        return [Entry(match) for match in map(LINE.match, lines) if match]

    def statements(self, beginning):
        """Those that begin so, in order."""
        wanted = STATEMENT + beginning
        return [entry for entry in self.entries() if entry.text.startswith(wanted)]

    def logins(self, account):
        return [e for e in self.entries() if e.text.startswith(f"connection authorized: user={account} ")]

    def refusals(self, account):
        wanted = f'password authentication failed for user "{account}"'
        return [e for e in self.entries() if e.level == "FATAL" and wanted in e.text]

    def departures(self, account):
        """When its sessions were over."""
        return [
            e for e in self.entries()
            if e.text.startswith("disconnection:") and f" user={account} " in e.text
        ]  # fmt: skip


class FaultWorld(World):
    """Its programs come to named points, where a test lets them stop or die."""

    def run(self, name, command, env=None):
        folder = self.path("faults", name)
        os.makedirs(folder, exist_ok=True)
        return super().run(name, command, {**(env or {}), "DAYPASS_FAULTS": folder})

    def arm(self, name, point, order):
        """`order`: "kill" or "stop", when program `name` comes to the point next."""
        path = self.path("faults", name, point)
        for old in (path + ".seen", path + ".hit"):
            if os.path.exists(old):
                os.unlink(old)
        write_text(path + ".new", order)
        os.rename(path + ".new", path)

    def await_hit(self, name, point):
        path = self.path("faults", name, point + ".hit")
        wait_until(f"{name} came to {point}", lambda: os.path.exists(path))

    def await_stopped(self, program, point):
        """It came to the point and none of its threads goes on."""
        self.await_hit(program.name, point)
        path = f"/proc/{program.process.pid}/stat"

        def state():
            with open(path, encoding="ascii") as file:
                return file.read().rpartition(")")[2].split()[0]

        wait_until(f"{program.name} has stopped", lambda: state() == "T")


def events(world, name, grant=None):
    """Events of the trail of that name, as the administrator sees them."""
    arguments = ["--grant", grant] if grant else []
    result = world.cli("admin", "audit", "--event", name, "--format", "jsonl", *arguments)
    return [json.loads(line) for line in result.out.splitlines()]


def count_events(world, grant):
    """{event: how often} of a grant."""
    result = world.cli("admin", "audit", "--grant", grant, "--format", "jsonl")
    counts = {}
    for line in result.out.splitlines():
        name = json.loads(line)["event"]
        counts[name] = counts.get(name, 0) + 1
    return counts


def check_made_and_removed_once(log, account):
    """On the target, whoever was told to and however often."""
    for beginning in ("CREATE", "DROP"):
        done = [
            entry for entry in log.statements(f"{beginning} ROLE ")
            if re.search(rf"\b{account}\b", entry.text)
        ]  # fmt: skip
        check_equal(len(done), 1, f"{beginning} ROLE of {account}: {done}")


def check_ended_once(world, grant):
    """On the record: one way through the states, and no account that nobody expected."""
    counts = count_events(world, grant)
    for event in ("grant.requested", "grant.active", "grant.revoking", "grant.ended"):
        check_equal(counts.get(event), 1, f"{event} of {grant}, in {counts}")
    for event in ("account.stray", "account.orphan", "account.removed", "grant.failed"):
        check(event not in counts, f"{event} of {grant}")


def valid_until(world, account):
    """When the server refuses its logins, by the server's clock; None without the account."""
    seconds = world.server.query(
        f"SELECT extract(epoch FROM rolvaliduntil) FROM pg_roles WHERE rolname = '{account}'"
    )
    return float(seconds) if seconds else None
