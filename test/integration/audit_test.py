"""The record: complete, verifiable offline, and every way of altering it found where it happened."""

import csv
import hashlib
import io
import json
import re
import sqlite3

from signer import Signer
from world import World, check, check_equal, main, read_text, test, wait_until

LAST_THREE = ("hash", "signature", "key")


class Trail:
    """An export, as lines that can be altered."""

    def __init__(self, world):
        self.world = world
        self.lines = world.cli("admin", "audit", "--format", "jsonl").out.splitlines()
        self.events = [json.loads(line) for line in self.lines]
        self.key = self.events[0]["key"]

    def verify(self, lines, *arguments):
        """The result of verifying these lines, without a server and without being signed in."""
        path = self.world.path("export.jsonl")
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write("".join(line + "\n" for line in lines))
        return self.world.cli("nobody", "audit", "verify", path, *arguments, "--json", expect=None)

    def found(self, what, lines, line, how, *arguments, code="chain_broken"):
        """It must be found broken at this line of the file, for this reason."""
        result = self.verify(lines, *arguments)
        check(result.code not in (0, 1), f"{what} is found: exit {result.code}, {result.out}")
        error = result.error
        check_equal(error["code"], code, f"{what}: code of {error}")
        place = re.search(r"export\.jsonl:(\d+):", error["message"])
        check(place and int(place[1]) == line, f"{what}: expected line {line} in {error}")
        check(how in error["message"], f"{what}: expected {how!r} in {error}")

    def altered(self, index, **changes):
        """All lines, one event of them with other content and nothing else."""
        event = {**self.events[index], **changes}
        return self.lines[:index] + [json.dumps(event)] + self.lines[index + 1 :]


def event_hash(event):
    content = {name: value for name, value in event.items() if name not in LAST_THREE}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def chained_anew(events, first, signer=None):
    """Hashes and links computed again from index `first` on, signed again where there is a key."""
    made = [dict(event) for event in events]
    for index in range(first, len(made)):
        event = made[index]
        event["sequence"] = index + 1
        event["previous"] = made[index - 1]["hash"] if index > 0 else "0" * 64
        event["hash"] = event_hash(event)
        if signer:
            event["signature"] = signer.sign(b"daypass-audit-v1\n" + event["hash"].encode())
            event["key"] = signer.public_text
    return [json.dumps(event) for event in made]


def tell_story(world):
    """A grant from asking to its end, with a failed sign-in and a change of a flow. Gives its id."""
    view = world.active(duration="20m", reason="invoice 4711")
    world.credential(view["id"])
    world.cli("engineer", "revoke", view["id"], "--note", "all done")
    world.await_state(view["id"], "ended")
    world.cli("stranger", "login", world.url, "--principal", "engineer@example.com",
              stdin="not the password\n", expect=11)  # fmt: skip
    world.apply(flows=[world.flow(duration={"default": "30m", "max": "2h"})])
    return view["id"]


@test
def every_alteration_of_an_export_is_found_and_located():
    with World().set_up() as world:
        tell_story(world)
        trail = Trail(world)
        lines, events, key = trail.lines, trail.events, trail.key
        count = len(lines)
        check(count > 25, f"events: {count}")
        result = trail.verify(lines, "--key", key)
        check_equal((result.code, result.json["events"]), (0, count), "as it was exported")
        check_equal(result.json["hash"], events[-1]["hash"], "the head")
        check_equal([event_hash(event) for event in events], [event["hash"] for event in events],
                    "hashes, as anybody can compute them")  # fmt: skip
        check_equal(trail.verify([line + "\r" for line in lines] + [""]).code, 0, "other line ends")

        middle = count // 2
        for name, value in (
            ("actor", "mallory@example.com"), ("event", "grant.denied"), ("person", "x@example.com"),
            ("at", "2020-01-01T00:00:00.000Z"), ("detail", {"reason": "nothing"}), ("peer", "192.0.2.1"),
            ("grant", "grt_aaaaaaaaaaaaaaaa"), ("flow", "x"), ("integration", "x"), ("token", "tok_x"),
            ("actor_kind", "system"),
        ):  # fmt: skip
            for index in (0, middle, count - 1):
                if events[index].get(name) != value:
                    trail.found(f"{name} changed", trail.altered(index, **{name: value}), index + 1,
                                "content was altered")  # fmt: skip
        removed = next(index for index, event in enumerate(events) if "person" in event)
        event = {name: value for name, value in events[removed].items() if name != "person"}
        trail.found("field removed", lines[:removed] + [json.dumps(event)] + lines[removed + 1 :],
                    removed + 1, "content was altered")  # fmt: skip

        trail.found("first deleted", lines[1:], 1, "event 1 was expected")
        trail.found("one deleted", lines[:5] + lines[6:], 6, "event 6 was expected")
        trail.found("middle cut", lines[:5] + lines[20:], 6, "event 6 was expected")
        trail.found("one twice", lines[:6] + lines[5:], 7, "event 7 was expected")
        swapped = lines[:5] + [lines[6], lines[5]] + lines[7:]
        trail.found("two swapped", swapped, 6, "event 6 was expected")
        trail.found("numbers made to fit", trail.altered(6, sequence=6)[:5] + trail.altered(6, sequence=6)[6:],
                    6, "does not follow")  # fmt: skip
        trail.found("event inserted", lines[:9] + [json.dumps({**events[9], "actor": "x"})] + lines[9:],
                    10, "content was altered")  # fmt: skip
        trail.found("other link", trail.altered(8, previous="0" * 64), 9, "does not follow")
        trail.found("other hash", trail.altered(8, hash="f" * 64), 9, "content was altered")
        other = trail.altered(8, signature=events[9]["signature"])
        trail.found("other signature", other, 9, "signature does not verify")
        trail.found("no signature", trail.altered(8, signature=""), 9, "signature")

        # By somebody who computes the hashes again.
        forged = [dict(event) for event in events]
        forged[middle]["actor"] = "mallory@example.com"
        trail.found("hashes made to fit", chained_anew(forged, middle), middle + 1, "does not verify")
        mallory = Signer()
        trail.found("signed by another from the middle on", chained_anew(forged, middle, mallory),
                    middle + 1, "another key")  # fmt: skip
        all_anew = chained_anew(forged, 0, mallory)
        trail.found("signed anew by another", all_anew, 1, "another key", "--key", key)
        told = trail.verify(all_anew)
        check_equal((told.code, told.json["key_given"]), (0, False), "without a key it says so")

        # What is no event at all.
        for what, line, code in (
            ("half a line", lines[7][:100], "malformed_json"), ("a word", "deleted", "malformed_json"),
            ("a list", "[]", "bad_value"), ("an extra key", lines[7][:-1] + ',"x":1}', "unknown_field"),
            ("a key twice", lines[7][:-1] + ',"actor":"x"}', "malformed_json"),
            ("number as text", json.dumps({**events[7], "sequence": "8"}), "bad_value"),
            ("a huge number", json.dumps({**events[7], "sequence": 10**30}), "malformed_json"),
        ):  # fmt: skip
            trail.found(what, lines[:7] + [line] + lines[8:], 8, "", code=code)
        check_equal(trail.verify([]).error["code"], "no_events", "an empty file")
        check(trail.verify(lines[:10]).json["events"] == 10, "a beginning verifies: its end is told")


@test
def an_altered_store_is_found_online():
    with World().set_up() as world:
        tell_story(world)
        world.cli("admin", "audit", "verify")
        count = len(Trail(world).lines)
        alterations = [
            ("UPDATE audit SET actor = 'mallory@example.com' WHERE sequence = 12", 12, "altered"),
            ("UPDATE audit SET detail = '{}' WHERE sequence = 13", 12, "altered"),
            ("DELETE FROM audit WHERE sequence = 10", 11, "event 10 was expected"),
            ("DELETE FROM audit WHERE sequence < 5", 5, "event 1 was expected"),
        ]
        for sql, event, how in alterations:
            world.daypassd.stop()
            store = sqlite3.connect(world.path("daypassd", "daypass.db"))
            with store:
                store.execute(sql)
            store.close()
            world.restart_daypassd()
            error = world.refuse("admin", "chain_broken", "audit", "verify").error["message"]
            check(f"event {event}" in error and how in error, f"{sql}: {error}")
        # New events are still written: what is broken stays where it broke.
        check(len(Trail(world).lines) < count + 5, "it was altered")


@test
def the_end_of_the_trail_cannot_be_cut_off_unseen():
    with World().set_up() as world:
        tell_story(world)
        head = json.loads(world.curl("GET", "/v1/audit/head", token=world.token_of("admin"))[1])
        world.daypassd.stop()
        store = sqlite3.connect(world.path("daypassd", "daypass.db"))
        with store:
            store.execute("DELETE FROM audit WHERE sequence > ?", (head["sequence"] - 3,))
        store.close()
        # It does not go on behind a gap, where the next event would hide that any is missing.
        world.daypassd.start()
        check(world.daypassd.process.wait(timeout=60) not in (0, 1), "daypassd does not start")
        check(world.daypassd.has_logged("the newest audit event is not the one"), "it says why")


@test
def filters_give_what_they_say_in_every_format():
    with World().set_up() as world:
        grant = tell_story(world)
        world.cli("engineer", "request", "shop-read", "--reason", "=cmd|' /C calc'!A0, \"quoted\"")
        trail = Trail(world)
        middle = trail.events[len(trail.events) // 2]["at"]
        me = "engineer@example.com"
        filters = [
            (["--grant", grant], lambda e: e.get("grant") == grant),
            (["--person", me], lambda e: me in (e["actor"], e.get("person"))),
            (["--integration", "shop-prod"], lambda e: e.get("integration") == "shop-prod"),
            (["--flow", "shop-read"], lambda e: e.get("flow") == "shop-read"),
            (["--event", "token.created"], lambda e: e["event"] == "token.created"),
            (["--since", middle], lambda e: e["at"] >= middle),
            (["--until", middle], lambda e: e["at"] < middle),
            (["--since", "1h"], lambda e: True),
            (["--until", "1h"], lambda e: False),
            (["--grant", grant, "--person", me, "--since", middle],
             lambda e: e.get("grant") == grant and me in (e["actor"], e.get("person"))
             and e["at"] >= middle),
            (["--grant", "'; DROP TABLE audit; --"], lambda e: False),
        ]  # fmt: skip
        for arguments, belongs in filters:
            wanted = [event for event in trail.events if belongs(event)]
            out = world.cli("admin", "audit", *arguments, "--format", "jsonl").out
            check_equal([json.loads(line) for line in out.splitlines()], wanted, str(arguments))
            rows = csv_rows(world.cli("admin", "audit", *arguments, "--format", "csv").out)
            check_equal([row["hash"] for row in rows], [event["hash"] for event in wanted],
                        f"CSV of {arguments}")  # fmt: skip
        limited = world.cli("admin", "audit", "--limit", "3", "--format", "jsonl").out
        check_equal(limited.splitlines(), trail.lines[:3], "a limit")
        refused = world.cli("admin", "audit", "--since", "yesterday", "--json", expect=None)
        check_equal(refused.error["code"], "bad_time", "a time that is none")
        for row, event in zip(csv_rows(world.cli("admin", "audit", "--format", "csv").out), trail.events):
            for name, text in row.items():
                value = event.get(name, "")
                if name == "detail" and value:
                    check_equal(json.loads(text), value, f"detail of {event['sequence']}")
                else:
                    check_equal(text.lstrip("'"), str(value), f"{name} of {event['sequence']}")
                check(text[:1] not in ("=", "@", "\t") and not re.match(r"[+-]\D", text),
                      f"a spreadsheet would run {text!r}")  # fmt: skip


def csv_rows(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


@test
def the_whole_story_of_a_grant_is_told():
    with World().set_up() as world:
        grant = tell_story(world)
        events = {}
        for event in Trail(world).events:
            if event.get("grant") == grant:
                events[event["event"]] = event
        asked = events["grant.requested"]
        check_equal(
            (asked["actor"], asked["actor_kind"], asked["flow"], asked["integration"], asked["peer"]),
            ("engineer@example.com", "principal", "shop-read", "shop-prod", "127.0.0.1"), "who asked",
        )  # fmt: skip
        detail = asked["detail"]
        check_equal((detail["reason"], detail["duration_s"]), ("invoice 4711", 1200), "why, how long")
        check("SELECT on schema_app.customers_table" in detail["privileges"][0], "which privileges")
        check(str(world.server.port) in detail["target"], "on which target")
        decided = events["grant.approved"]
        check_equal((decided["actor"], decided["person"]), ("dba@example.com", asked["actor"]), "who")
        active = events["grant.active"]
        check_equal(active["actor_kind"], "connector", "who gave it")
        ran = " ".join(active["detail"]["statements"])
        check("CREATE ROLE" in ran and "SCRAM" not in ran, f"what ran: {ran}")
        check_equal(active["detail"]["account"], detail["account"], "the account")
        check_equal(events["credentials.read"]["actor"], "engineer@example.com", "who read it")
        over = events["grant.revoking"]
        check_equal(
            (over["actor"], over["detail"]["cause"], over["detail"]["note"]),
            ("engineer@example.com", "revoked", "all done"), "who ended it, and why",
        )  # fmt: skip
        ended = events["grant.ended"]["detail"]
        check_equal((ended["account_present"], ended["cause"]), (False, "revoked"), "how it ended")
        check("DROP ROLE" in " ".join(ended["statements"]), "what ran at the end")
        order = [asked, decided, active, events["credentials.read"], over, events["grant.ended"]]
        numbers = [event["sequence"] for event in order]
        check_equal(numbers, sorted(numbers), "in this order")


@test
def sign_ins_and_changes_of_configuration_are_on_record():
    with World().set_up() as world:
        tell_story(world)
        world.cli("engineer", "logout")
        world.apply("--prune", flows=[world.flow(name="another")])
        world.cli("admin", "principal", "role", "dba@example.com", "auditor")
        events = Trail(world).events

        def of(name, **wanted):
            return [event for event in events if event["event"] == name
                    and all(event.get(key) == value for key, value in wanted.items())]  # fmt: skip

        good = of("sign_in.succeeded", person="engineer@example.com")
        check_equal(good[0]["actor_kind"], "principal", "a sign-in")
        (failed,) = of("sign_in.failed")
        check_equal(
            (failed["actor_kind"], failed["person"], failed["peer"], failed["detail"]["code"]),
            ("anonymous", "engineer@example.com", "127.0.0.1", "bad_credentials"), "a failed one",
        )  # fmt: skip
        check_equal(of("token.removed")[0]["actor"], "engineer@example.com", "signing out")
        changes = of("configuration.changed", flow="shop-read")
        kinds = [change["detail"]["change"] for change in changes]
        check_equal(kinds, ["create", "update", "delete"], "changes of the flow")
        first, second, third = (change["detail"] for change in changes)
        check("before" not in first and "after" not in third, "what there was not")
        check_equal(second["before"], first["after"], "before is what was after")
        check_equal(third["before"], second["after"], "before the end")
        check_equal(
            (second["before"]["duration"]["max"], second["after"]["duration"]["max"]), ("8h", "2h"),
            "before and after",
        )  # fmt: skip
        role = of("configuration.changed", person="dba@example.com")[-1]
        check_equal(
            (role["actor"], role["detail"]["before"]["role"], role["detail"]["after"]["role"]),
            ("admin@example.com", "member", "auditor"), "a change of a role",
        )  # fmt: skip
        check_equal(len(of("connector.enrolled")), 1, "enrolment")
        same = len(events)
        world.apply(flows=[world.flow(name="another")])
        check_equal(len(Trail(world).events), same, "declaring the same again changes nothing")


@test
def nobody_writes_lines_into_the_log_or_the_table_by_a_name():
    with World().set_up() as world:
        evil = "x\nlevel=error event=forged"
        status, _ = world.curl("POST", "/v1/sessions", {"principal": evil, "password": "x" * 12})
        check_equal(status, 400, "a name with a line break")
        world.curl("GET", "/v1/x%0Alevel=error%20event=forged")
        world.curl("GET", "/v1/whoami", headers=["User-Agent: x level=error event=forged"])
        wait_until("it was logged", lambda: world.daypassd.has_logged("malformed_target")
                   or world.daypassd.has_logged("no_such_path"))  # fmt: skip
        for line in read_text(world.daypassd.log).splitlines():
            check(line.startswith("time=") and "event=forged" not in line.split('"')[0], line)
        world.cli("engineer", "request", "shop-read", "--reason", "1\u2028\u202e2", expect=None)
        table = world.cli("admin", "audit").out
        check("\u202e" not in table and "\x1b" not in table, "nothing turns the text around")


if __name__ == "__main__":
    main()
