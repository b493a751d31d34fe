"""What is known afterwards, gathered from where nothing can have been made up: the server's own log,
the audit trail, the target's roles, and what people and probes saw."""

import datetime
import json
import os
import re
import subprocess
import tempfile

LINE = re.compile(
    r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) UTC\|(\d+)\|([^|]*)\|([^|]*)\|([^|]*)\|(\w+):  (.*)"
)
ACCOUNT = re.compile(r"\btemp_[a-z0-9_]+\b")
VALID_UNTIL = re.compile(r"VALID UNTIL '([^']+)'")
ARROW = re.compile(r"^\s*(\w+) --> (\w+) : (\w+)")
STATE_EVENTS = {
    "grant.requested": "pending",
    **{
        f"grant.{state}": state
        for state in (
            "approved", "granting", "active", "revoking", "ended", "rejected", "cancelled",
            "lapsed", "failed",
        )
    },
}


def seconds_of(text):
    """A time as PostgreSQL or RFC 3339 writes it, in seconds since 1970."""
    text = text.replace("Z", "+00:00").replace(" UTC", "+00:00")
    time = datetime.datetime.fromisoformat(text)
    if time.tzinfo is None:
        time = time.replace(tzinfo=datetime.timezone.utc)
    return time.timestamp()


def stamp_of(seconds):
    """The same, written as RFC 3339."""
    time = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z")


class Creation:
    """One CREATE ROLE of a temporary account, committed or not."""

    def __init__(self, account, at, host):
        self.account = account
        self.at = at
        self.host = host
        self.committed_at = None  # when COMMIT was asked for

    def __repr__(self):
        return f"{self.account} by {self.host} at {self.at:.3f}"


class Visit:
    """One session of an instance on the target, as far as it touched one account."""

    def __init__(self, account, host, at, swept):
        self.account = account
        self.host = host
        self.first = at
        self.last = at
        self.swept = swept  # a sweep's: it read the list of accounts before


class ServerLog:
    """The server's log, read on as it grows."""

    def __init__(self, path=None):
        self.path = path
        self.offset = 0
        self.creations = []
        self.visits = []
        self.ends = {}  # account: [(when it was set, the end)]
        self._sessions = {}  # pid: {"lists": bool, "visits": {account: Visit}, "open": [Creation]}

    def read_on(self):
        with open(self.path, "rb") as log:
            log.seek(self.offset)
            for raw in log:
                if not raw.endswith(b"\n"):
                    break
                self.offset += len(raw)
                self.take(raw.decode("utf-8", "replace"))

    def take(self, line):
        match = LINE.match(line)
        if not match:
            return
        at, pid, host, user, _, level, text = match.groups()
        if text.startswith("connection received"):
            self._sessions.pop(pid, None)
        if user != "daypass_admin" or level not in ("LOG", "DETAIL"):
            return
        session = self._sessions.setdefault(pid, {"lists": False, "visits": {}, "open": []})
        if "LIKE 'daypass {%'" in text:
            session["lists"] = True
        if text.startswith("statement: COMMIT"):
            for creation in session["open"]:
                creation.committed_at = seconds_of(at)
            session["open"] = []
        elif text.startswith("statement: ROLLBACK"):
            session["open"] = []
        for account in set(ACCOUNT.findall(text)):
            self._touch(session, account, seconds_of(at), host, text)

    def _touch(self, session, account, at, host, text):
        if text.startswith("statement: CREATE ROLE"):
            creation = Creation(account, at, host)
            self.creations.append(creation)
            session["open"].append(creation)
        until = VALID_UNTIL.search(text)
        if until:
            self.ends.setdefault(account, []).append((at, seconds_of(until.group(1))))
        visit = session["visits"].get(account)
        if visit is None:
            visit = session["visits"][account] = Visit(account, host, at, session["lists"])
            self.visits.append(visit)
        visit.last = at


def legal_moves(states_document):
    """{(from, to)} of the diagram in docs/states.md."""
    moves = set()
    for line in states_document.splitlines():
        match = ARROW.match(line)
        if match:
            moves.add((match.group(1), match.group(2)))
    return moves


class Grant:
    """One grant as the record has it: its state now, and its events."""

    def __init__(self, view, events):
        self.id = view["id"]
        self.state = view["state"]
        self.account = view["account"]
        self.connector = view.get("connector")
        self.events = events  # (event, seconds, detail), oldest first

    def first(self, *names):
        """When the first of these events was; None: never."""
        return next((at for event, at, _ in self.events if event in names), None)

    def last(self, *names):
        return next((at for event, at, _ in reversed(self.events) if event in names), None)

    def expires_at(self):
        """The end that was decided last; None before it was handed out."""
        for event, _, detail in reversed(self.events):
            if (event in STATE_EVENTS or event == "grant.extended") and "expires_at" in detail:
                return seconds_of(detail["expires_at"])
        return None

    def over_at(self):
        return self.last("grant.ended", "grant.failed", "grant.cancelled", "grant.rejected", "grant.lapsed")


def read_trail(path):
    """Events of an export, oldest first."""
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def grants_of(views, trail):
    """{id: Grant}"""
    events = {}
    for event in trail:
        if event.get("grant"):
            entry = (event["event"], seconds_of(event["at"]), event.get("detail") or {})
            events.setdefault(event["grant"], []).append(entry)
    return {view["id"]: Grant(view, events.get(view["id"], [])) for view in views}


def secrets_found(secrets, paths):
    """Files at or below these paths that hold one of these texts. What is looked for is not named."""
    if not secrets:
        return []
    with tempfile.NamedTemporaryFile("w") as patterns:  # mode 0600; not in anybody's arguments
        patterns.write("".join(f"{secret}\n" for secret in secrets))
        patterns.flush()
        result = subprocess.run(
            ["grep", "-rlaF", "-f", patterns.name, *paths],
            capture_output=True, text=True, check=False, env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
        )
    if result.returncode > 1:
        raise RuntimeError(f"grep: {result.stderr}")
    return result.stdout.split("\n")[:-1]
