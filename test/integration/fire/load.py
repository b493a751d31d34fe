"""What people do meanwhile: each story is the life of one request, told by a thread of its own."""

import random
import threading
import time

from fire.libpq import Denied, Lost, Refused
from fire.people import Case, NoAnswer, SealKey

PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE")
TABLES = ("customers_table", "orders_table")
# A story and how often it is told.
STORIES = {
    "expires": 8,
    "revoked": 4,
    "extended": 3,
    "reset": 3,
    "owner": 2,
    "cancelled late": 2,
    "cancelled": 1,
    "rejected": 1,
    "lapses": 1,
    "stays": 1,
}
FRESH = "fresh"  # any story, with a set of privileges that has no shared role yet
OVER = ("ended", "rejected", "cancelled", "lapsed", "failed")
USUAL_SETS = 3  # of privileges; the others make a new shared role each
PATIENCE_S = 45


def privilege_sets():
    """Every set of privileges on one table or both, SELECT always among them."""
    sets = []
    for tables in (TABLES, TABLES[:1], TABLES[1:]):
        for bits in range(2 ** (len(PRIVILEGES) - 1)):
            chosen = [name for i, name in enumerate(PRIVILEGES[1:]) if bits >> i & 1]
            sets.append((tables, ["SELECT"] + chosen))
    return sets


def configuration(world):
    """Integrations and flows of the campaign, as `daypass apply` takes them."""
    def flow(name, integration, access, **changes):
        return world.flow(
            name=name, integration=integration, grants=access, reason="optional",
            duration={"default": "30s", "max": "2h"}, extension="auto",
            **{"lapse_after": "3m", **changes},
        )

    def tables(chosen, privileges):
        return {"schema": "schema_app", "tables": list(chosen), "privileges": privileges}

    flows = [
        flow(f"set-{number}", "shop-prod", [tables(*chosen)])
        for number, chosen in enumerate(privilege_sets())
    ]
    create = {"schema": "schema_app", "privileges": ["USAGE", "CREATE"]}
    flows.append(flow("owner", "shop-prod", [tables(TABLES, ["SELECT"]), create]))
    flows.append(flow("direct", "shop-side", [tables(TABLES, ["SELECT"])]))
    flows.append(flow("lapsing", "shop-prod", [tables(TABLES, ["SELECT"])], lapse_after="5s"))
    return {
        "integrations": [
            world.integration(),
            world.integration(name="shop-side", connector="side", privilege_mode="direct"),
        ],
        "flows": flows,
    }


class Load:
    """Tells stories in `threads` threads until it is stopped."""

    def __init__(self, world, book, probes, seed):
        self.world = world
        self.book = book
        self.probes = probes
        self.seed = seed
        self.engineers = []
        self.approver = None
        self.threads = []
        self.going = threading.Event()
        self.wishes = []  # stories to be told next, or FRESH
        self.fresh_set = 0
        self.lock = threading.Lock()

    def start(self, threads):
        self.going.set()
        self.threads = [
            threading.Thread(target=self._tell_all, args=(random.Random(f"{self.seed}/{i}"),))
            for i in range(threads)
        ]
        for thread in self.threads:
            thread.start()
        self.seed = f"{self.seed}+"

    def stop(self):
        self.going.clear()
        for thread in self.threads:
            thread.join()
        self.threads = []

    def _tell_all(self, chooser):
        while self.going.is_set():
            story = self.next_wish() or chooser.choices(list(STORIES), STORIES.values())[0]
            try:
                self.tell(story, chooser)
            except (NoAnswer, Lost):
                self.book.count("stories cut short")
            except Exception as error:  # pylint: disable=broad-except
                self.book.error(f"story {story!r}: {type(error).__name__}: {error}")

    def wish(self, *stories):
        with self.lock:
            self.wishes += stories

    def next_wish(self):
        with self.lock:
            return self.wishes.pop(0) if self.wishes else None

    # ---- One story ----------------------------------------------------------------------------------

    def tell(self, story, chooser):
        requester = chooser.choice(self.engineers)
        case = self.ask(story, chooser, requester)
        if case is None or story == "lapses":
            return
        if story == "cancelled":
            self.act(requester, case, "cancel", "grant.cancelled")
            return
        if story == "rejected":
            self.act(self.approver, case, "deny", "grant.rejected")
            return
        self.act(self.approver, case, "approve", "grant.approved")
        if story == "cancelled late":
            self.pause(chooser.random() * 0.5)
            self.act(requester, case, "cancel", None)
            return
        view = self.await_active(requester, case)
        if view is None:
            return
        self.use(story, chooser, requester, case)

    def ask(self, story, chooser, requester):
        flow = {"owner": "owner", "lapses": "lapsing"}.get(story)
        if story == FRESH:
            flow = self.next_fresh()
        if flow is None:
            flow = chooser.choice([f"set-{i}" for i in range(USUAL_SETS)] + ["direct"])
        seconds = {"stays": 7200}.get(story)
        if seconds is None:
            seconds = chooser.randint(6, 14) if story in ("expires", "extended", FRESH) else chooser.randint(10, 40)
        key = SealKey()
        body = {"flow": flow, "duration": f"{seconds}s", "reason": story, "public_key": key.public_text}
        status, view = requester.insist("POST", "/v1/grants", body, going=self.going.is_set)
        if status == 429 and view.get("code") == "too_many_pending":
            self.pause(1)
            return None
        if status >= 300:
            raise AssertionError(f"request: {status} {view}")
        case = Case(view["id"], story, key)
        case.tables = ("customers_table",) if "customers_table" in str(view["access"]) else ("orders_table",)
        case.account = view["account"]
        case.acknowledged.append("grant.requested")
        self.book.count("requests")
        return self.book.add(case)

    def next_fresh(self):
        with self.lock:
            sets = len(privilege_sets())
            self.fresh_set = (self.fresh_set + 1) % (sets - USUAL_SETS)
            return f"set-{USUAL_SETS + self.fresh_set}"

    def act(self, person, case, what, event, body=None):
        """One decision or wish; what daypassd has confirmed must be on the record afterwards."""
        for _ in range(4):
            if not self.going.is_set() and what != "approve":
                return None
            try:
                status, view = person.call("POST", f"/v1/grants/{case.id}/{what}", body or {})
            except NoAnswer:
                self.book.count("answers lost")
                self.pause(0.3)
                continue
            if status == 200:
                self.book.count(what)
                if event:
                    case.acknowledged.append(event)
                elif view["state"] in ("revoking", "cancelled"):
                    case.acknowledged.append(f"grant.{view['state']}")
                return view
            if status < 500:
                return None  # somebody, or time, was first
            self.pause(0.3)
        return None

    def await_active(self, person, case):
        end = time.monotonic() + PATIENCE_S
        while self.going.is_set() and time.monotonic() < end:
            try:
                status, view = person.call("GET", f"/v1/grants/{case.id}")
            except NoAnswer:
                status, view = 0, {}
            if status == 200 and view["state"] == "active":
                case.acknowledged.append("grant.active")
                return view
            if status == 200 and view["state"] in OVER + ("revoking",):
                return None
            self.pause(0.15)
        return None

    # ---- With access ----------------------------------------------------------------------------------

    def credential(self, person, case):
        """The password as it is now, or None."""
        try:
            status, reply = person.call("GET", f"/v1/grants/{case.id}/credentials")
        except NoAnswer:
            return None
        if status != 200:
            return None
        case.acknowledged.append("credentials.read")
        if reply["public_key"] != case.key.public_text:
            return None  # of before a reset
        opened = case.key.open(reply["sealed"])
        if opened is None:
            raise AssertionError(f"{case.id}: the credential is not sealed to the requester's key")
        self.book.keep_secret(opened["password"])
        if opened["password"] not in case.passwords:
            case.passwords.append(opened["password"])
        return opened["password"]

    def log_in(self, case, password):
        """A session, or None. What the server says is kept for the checks."""
        began = time.time()
        try:
            session = self.probes.session(case, password)
        except Refused:
            self.probes.note_login(case, began, False)
            return None
        except Lost:
            return None
        self.probes.note_login(case, began, True)
        self.book.count("logins")
        return session

    def use(self, story, chooser, person, case):
        password = self.credential(person, case)
        session = self.log_in(case, password) if password else None
        try:
            if session:
                self.read(session, case)
                if story == "owner":
                    session.query(f"CREATE TABLE schema_app.{case.account} (id integer)")
        except (Lost, Denied):
            pass  # its time may be over by now; what should work is looked at when all has settled
        if session and story != "stays":
            self.probes.keep(case, session)
        elif session:
            session.close()
        if story == "extended":
            self.act(person, case, "extend", "grant.extension_requested", {"duration": "8s"})
        elif story == "reset":
            self.reset(person, case)
        elif story in ("revoked", "owner"):
            self.pause(chooser.random() * 2)
            self.act(chooser.choice([person, self.approver]), case, "revoke", None)

    @staticmethod
    def read(session, case):
        session.query(f"SELECT count(*) FROM schema_app.{case.tables[0]}")

    def reset(self, person, case):
        case.key = SealKey()
        body = {"public_key": case.key.public_text}
        if self.act(person, case, "reset", "grant.reset_requested", body) is None:
            return
        end = time.monotonic() + PATIENCE_S
        while self.going.is_set() and time.monotonic() < end:
            password = self.credential(person, case)
            if password:
                session = self.log_in(case, password)
                if session:
                    self.probes.keep(case, session)
                return
            self.pause(0.5)

    def pause(self, seconds):
        """People take their time."""
        end = time.monotonic() + seconds
        while self.going.is_set() and time.monotonic() < end:
            time.sleep(min(0.05, seconds))
