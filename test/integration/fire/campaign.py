"""One campaign: set up, burn, let settle, check; as often as asked for."""

import json
import os
import threading
import time
import traceback

from fire import checks, evidence
from fire.arsonist import AT_SET_UP, Arsonist, connector_of_address
from fire.ground import INSTANCES, LEASE_S, Ground, fault_points
from fire.libpq import Denied, Lost, Refused
from fire.load import Load, configuration
from fire.people import Book, Person, SealKey
from fire.probes import Probes
from world import Failure, check, read_text, wait_until

ENGINEERS = 3
SETTLE_S = 240
STATES_DOCUMENT = os.path.join(os.path.dirname(__file__), "../../../docs/states.md")


class Campaign:
    """Use as a context manager."""

    def __init__(self, seed):
        self.seed = seed
        self.points = fault_points()
        self.ground = Ground()
        self.book = Book()
        self.probes = Probes(self.ground, seed)
        self.load = Load(self.ground, self.book, self.probes, seed)
        self.arsonist = Arsonist(self.ground, self.load, seed)
        self.server_log = None
        self.faults = {}  # check: faults of all rounds, each once
        self.rounds = 0
        self.admin = None
        self.walked_s = 0.0
        self.began = time.time()

    def __enter__(self):
        threading.excepthook = self.lost_thread
        self.ground.__enter__()
        try:
            self.set_up()
        except BaseException:
            self.ground.__exit__(Failure, None, None)
            raise
        return self

    def __exit__(self, kind, value, trace):
        self.load.stop()
        self.probes.stop()
        self.ground.__exit__(kind, value, trace)

    def lost_thread(self, arguments):
        """A campaign that lost one of its own threads has not shown what it says."""
        where = traceback.extract_tb(arguments.exc_traceback)[-1]
        self.book.error(
            f"thread {arguments.thread.name} of the campaign ended: {arguments.exc_type.__name__}: "
            f"{arguments.exc_value} ({os.path.basename(where.filename)}:{where.lineno})"
        )

    # ---- Setting up, which burns too -----------------------------------------------------------------

    def set_up(self):
        ground = self.ground
        self.server_log = evidence.ServerLog(ground.target.log)
        ground.make_store()
        for point in AT_SET_UP[:3]:
            self.die_at_start(point)
        ground.open_store()
        ground.sign_in_admin()
        for connector in ("main", "side"):
            ground.cli("admin", "connector", "create", connector, "--json")
        people = [f"engineer{number}" for number in range(ENGINEERS)] + ["dba"]
        ground.apply(
            principals=[{"name": f"{person}@example.com"} for person in people],
            groups=[
                {"name": "backend", "members": [f"{person}@example.com" for person in people[:-1]]},
                {"name": "dba", "members": ["dba@example.com"]},
            ],
            **configuration(ground),
        )
        for person in people:
            ground.add_person(person)
            self.book.keep_secret(ground.token_of(person))
        self.load.engineers = [Person(ground.url, ground.token_of(name)) for name in people[:-1]]
        self.load.approver = Person(ground.url, ground.token_of("dba"))
        self.admin = Person(ground.url, ground.token_of("admin"))
        self.book.keep_secret(ground.token_of("admin"))
        self.book.keep_secret(ground.target.password)
        self.book.keep_secret(read_text(ground.admin_password_file).strip())
        self.make_connectors()

    def die_at_start(self, point):
        store = self.ground.store
        store.arm(point, "kill")
        store.launch()
        store.bury()
        check(store.was_hit(point), f"{point} was not reached when daypassd first started")
        self.arsonist.note_hit(point)
        self.arsonist.count("kill daypassd")

    def make_connectors(self):
        ground = self.ground
        for name, connector, _ in INSTANCES:
            ground.make_connector(name, connector)
        first = ground.program("main-1")
        first.arm("enroll.answered", "kill")
        check(not ground.try_enroll(first), "enrolling survived its own death")
        check(first.was_hit("enroll.answered"), "enroll.answered was not reached")
        self.arsonist.note_hit("enroll.answered")
        ground.store.arm("enroll.stored", "kill")
        check(not ground.try_enroll(first), "enrolling survived the death of daypassd")
        check(ground.store.was_hit("enroll.stored"), "enroll.stored was not reached")
        self.arsonist.note_hit("enroll.stored")
        ground.store.bury()
        ground.store.start()
        for program in ground.connectors():
            wait_until(f"{program.name} enrolls", lambda p=program: ground.try_enroll(p))
            program.start()

    # ---- Rounds ------------------------------------------------------------------------------------

    def walk(self, threads, seconds):
        """Every point once, while networks and the target suffer as well. Gives what was missed."""
        began = time.time()
        self.load.start(threads)
        self.probes.start()
        raging = self.arsonist.rage(seconds, self.points, gentle=True)
        points = {name: folder for name, folder in self.points.items() if name not in AT_SET_UP}
        missed = self.arsonist.walk(points, seconds)
        self.walked_s = time.time() - began
        self.arsonist.stop(raging)
        self.load.stop()
        return missed

    def rage(self, threads, seconds):
        self.load.start(threads)
        if not self.probes.going.is_set():
            self.probes.start()
        raging = self.arsonist.rage(seconds, self.points)
        for thread in raging:
            thread.join()
        self.load.stop()

    def settle(self):
        """Until nothing moves any more. Access that was given for long stays."""
        self.ground.await_all()
        try:
            wait_until("all has settled", self.has_settled, SETTLE_S)
        except Failure as failure:
            still = [f"{view['id']} is {view['state']}" for view in self.moving()]
            self.found("nothing is stuck", [f"{failure}: {', '.join(still)}, {self.queued()} actions"])
        self.rounds += 1

    def views(self):
        """All grants, as an administrator sees them."""
        items, cursor = [], ""
        while True:
            status, page = self.admin.insist(
                "GET", f"/v1/grants?view=all&limit=200{cursor}", seconds=30
            )
            check(status == 200, f"list of grants: {status} {page}")
            items += page["items"]
            if not page.get("next"):
                return items
            cursor = f"&cursor={page['next']}"

    def queued(self):
        metrics = self.ground.curl("GET", "/metrics")[1]
        for line in metrics.splitlines():
            if line.startswith("daypass_actions_queued "):
                return int(float(line.split()[1]))
        raise Failure(f"no daypass_actions_queued among the metrics: {metrics[:200]}")

    def moving(self):
        """Grants that are not at rest, those that will expire in a moment among them."""
        return [
            view for view in self.views()
            if view["state"] in ("approved", "granting", "revoking")
            or (view["state"] == "active" and self.is_short(view))
        ]

    def has_settled(self):
        return not self.moving() and self.queued() == 0

    @staticmethod
    def is_short(view):
        """Its end is so near that it is waited for."""
        return evidence.seconds_of(view["expires_at"]) < time.time() + 3 * LEASE_S

    def end_everything(self):
        """Takes back what still lives, so that nothing may be left."""
        for view in self.views():
            if view["state"] in ("pending", "approved", "granting", "active"):
                what = "revoke" if view["state"] != "pending" else "deny"
                person = self.admin if what == "revoke" else self.load.approver
                person.insist("POST", f"/v1/grants/{view['id']}/{what}", {})

    def check_amount(self):
        """A campaign in which little happened shows little."""
        with self.probes.lock:
            refused = sum(not let_in for _, _, let_in in self.probes.logins)
            amounts = [
                ("accounts made", len(self.server_log.creations), 20),
                ("statements of open sessions", len(self.probes.worked), 100),
                ("logins let in", len(self.probes.logins) - refused, 20),
                ("logins refused", refused, 20),
                ("harms", sum(self.arsonist.counts.values()), len(self.points)),
            ]
        self.found("enough has happened", [
            f"only {amount} {what}, fewer than {least}"
            for what, amount, least in amounts if amount < least
        ])

    # ---- Shared roles -------------------------------------------------------------------------------

    def shared_roles(self):
        """{name: its mark}"""
        rows = self.ground.target.query(
            "SELECT rolname, shobj_description(oid, 'pg_authid') FROM pg_roles"
            " WHERE rolname LIKE 'daypass\\_%' AND shobj_description(oid, 'pg_authid') LIKE 'daypass-role {%'"
        )
        return {name: json.loads(comment.partition(" ")[2]) for name, comment in rows}

    def age_shared_roles(self):
        """Makes them two hours old, so that those that are unused may go. Gives the time it was."""
        roles = self.shared_roles()
        made = evidence.stamp_of(time.time() - 7200)
        for name, mark in roles.items():
            text = json.dumps({**mark, "made": made}, separators=(",", ":"), sort_keys=True)
            self.ground.target.query(f"COMMENT ON ROLE {name} IS 'daypass-role {text}'")
        return made

    def give_and_take(self):
        """One grant from its request to its end, with nothing in its way."""
        person = self.load.engineers[0]
        body = {"flow": "set-0", "duration": "1m", "reason": "", "public_key": SealKey().public_text}
        grant = person.insist("POST", "/v1/grants", body)[1]["id"]
        self.load.approver.insist("POST", f"/v1/grants/{grant}/approve", {})
        for state, then in (("active", "revoke"), ("ended", None)):
            wait_until(
                f"{grant} is {state}",
                lambda s=state: person.insist("GET", f"/v1/grants/{grant}")[1]["state"] == s,
            )
            if then:
                person.insist("POST", f"/v1/grants/{grant}/{then}", {})

    def check_shared_roles(self):
        """With no grant left, every old one goes, a few with each grant that ends."""
        made = self.age_shared_roles()

        def left():
            return sorted(name for name, mark in self.shared_roles().items() if mark["made"] == made)

        for _ in range(len(left()) + 1):
            if left():
                self.give_and_take()
        self.found("no shared role is left over", [f"{name} is still there" for name in left()])

    # ---- Checks --------------------------------------------------------------------------------------

    def found(self, name, faults):
        known = self.faults.setdefault(name, {})
        known.update(dict.fromkeys(faults))  # in order, each once

    def export(self):
        """Exports the trail, verifies the export, and gives its path."""
        path = self.ground.path("trail.jsonl")
        exported = self.ground.cli("admin", "audit", "--format", "jsonl")
        with open(path, "w", encoding="utf-8") as file:
            file.write(exported.out)
        verified = self.ground.cli("admin", "audit", "verify", path, expect=None)
        self.found(
            "the audit trail verifies",
            [] if verified.code == 0 else [f"{verified.out}{verified.err}"],
        )
        return path

    def check_round(self):
        """The world against the record, when all has settled."""
        self.server_log.read_on()
        accounts = self.ground.accounts()
        views = self.views()
        connectors = {"shop-prod": "main", "shop-side": "side"}
        for view in views:
            view["connector"] = connectors[view["integration"]]
        grants = evidence.grants_of(views, evidence.read_trail(self.export()))
        self.check_world(grants, accounts)
        self.check_time(grants)
        self.check_record(grants)
        self.check_programs()
        return grants

    def check_world(self, grants, accounts):
        log, timeline = self.server_log, list(self.ground.timeline)
        instance_of = {address: name for name, _, address in INSTANCES}
        self.found("accounts and live grants explain each other", checks.accounts_match(grants, accounts))
        self.found("nothing is stuck", checks.nothing_is_stuck(grants, self.queued()))
        self.found(
            "no account existed before its approval",
            checks.no_account_before_its_approval(grants, log.creations),
        )
        self.found(
            "no account came back after its end",
            checks.no_account_after_its_end(grants, log.creations),
        )
        self.found(
            "connectors stay apart",
            checks.connectors_stay_apart(grants, log.visits, log.creations, connector_of_address()),
        )
        self.found(
            "no action is carried out twice at once",
            checks.no_action_twice_at_once(log.visits, timeline, instance_of),
        )
        self.found("every active grant works, and gives what it says", self.try_credentials(grants))

    def check_time(self, grants):
        with self.probes.lock:
            worked = [(grant, at, "session") for grant, at in self.probes.worked]
            worked += [(grant, at, "login") for grant, at, let_in in self.probes.logins if let_in]
        instances = {name: connector for name, connector, _ in INSTANCES}
        self.found(
            "access ends on time",
            checks.access_ends_on_time(grants, worked, list(self.ground.timeline), instances),
        )
        self.found(
            "the target's own end is the one on record",
            checks.ends_are_not_later_than_decided(grants, self.server_log.ends),
        )

    def check_record(self, grants):
        moves = evidence.legal_moves(read_text(STATES_DOCUMENT))
        self.found("every change of state is on record, in order", checks.walks_are_legal(grants, moves))
        self.found(
            "what was confirmed is on record",
            checks.what_was_said_is_on_record(grants, self.book.all()),
        )

    def check_programs(self):
        ground = self.ground
        self.found(
            "no sanitizer has anything to report",
            checks.logs_are_clean({p.name: read_text(p.log) for p in ground.burning}),
        )
        self.found(
            "no program ends by itself", [death for p in ground.burning for death in p.deaths]
        )
        self.found("people and probes met nothing unforeseen", list(self.book.errors))
        where = [p.log for p in ground.burning] + [ground.target.log, ground.path("daypassd")]
        where += [ground.path(name) for name, _, _ in INSTANCES] + [ground.path("trail.jsonl")]
        with self.book.lock:
            secrets = set(self.book.secrets)
        self.found(
            "no secret is where it does not belong",
            [f"{path} holds a secret" for path in evidence.secrets_found(secrets, where)]
            + self.secrets_in_arguments(secrets),
        )

    @staticmethod
    def secrets_in_arguments(secrets):
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    line = file.read().decode("utf-8", "replace")
            except OSError:
                continue
            if any(secret in line for secret in secrets):
                found.append(f"the arguments of process {pid} hold a secret")
        return found

    def try_credentials(self, grants):
        """Logs in with every password that was ever given out."""
        faults = []
        for case in self.book.all():
            grant = grants.get(case.id)
            if grant is None or not case.passwords:
                continue
            active = grant.state == "active"
            last = case.passwords[-1]
            if active and self.is_unsettled(case, grant):
                continue
            for password in case.passwords if active else [last]:
                worked = self.try_password(case, password, faults if active and password == last else None)
                if worked != (active and password == last):
                    faults.append(
                        f"{case.id} ({case.story}) is {grant.state}: a login with its "
                        f"{'newest' if password == last else 'older'} password "
                        f"{'worked' if worked else 'was refused'}"
                    )
        return faults

    @staticmethod
    def is_unsettled(case, grant):
        """A password was asked for that its story has not fetched any more."""
        resets = sum(event == "grant.reset" for event, _, _ in grant.events)
        return case.story == "reset" and resets >= len(case.passwords)

    def try_password(self, case, password, faults):
        """Whether it opens; with `faults`, also whether it gives the table, and no more."""
        end = time.monotonic() + 30
        while True:
            try:
                session = self.probes.session(case, password)
                break
            except Refused:
                return False
            except Lost:
                if time.monotonic() > end:
                    raise
        with session:
            if faults is None:
                return True
            try:
                self.load.read(session, case)
            except (Denied, Lost) as error:
                faults.append(f"{case.id} is active, but may not read its table: {error}")
            try:
                session.query("SELECT count(*) FROM schema_app.salaries_table")
                faults.append(f"{case.id} reads a table that it was not given")
            except Denied:
                pass
        return True
