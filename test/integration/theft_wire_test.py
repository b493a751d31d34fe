"""What a thief gets of a requester's machine, and of what is heard on the network: what
docs/security.md says, and no more."""

import contextlib
import glob
import json
import os
import re
import shutil
import sqlite3

from colleague import Colleague
from fake_plane import answer
from heist import play_refused, taken_over
from raw_http import send
from recorder import RecordingProxy
from signer import Signer
from world import CONNECTOR, ROOT, World, check, check_equal, main, read_text, test, wait_until


# ---- A requester's machine -----------------------------------------------------------------------


@test
def a_requesters_machine_is_worth_its_session_and_its_live_grants():
    with World().set_up() as world:
        over = world.active()["id"]
        world.credential(over)
        world.cli("engineer", "revoke", over)
        world.await_state(over, "ended")
        live = world.active()["id"]
        shutil.copytree(world.path("people", "engineer"), world.path("people", "thief"))
        check_equal(world.credential(live, "thief"), world.credential(live), "a live grant's credential")
        world.refuse("thief", "wrong_state", "credentials", over)
        for refused in (("approve", live), ("principals",), ("audit",)):
            check(world.cli("thief", *refused, expect=None).code != 0, f"{refused} was not refused")
        world.cli("admin", "principal", "disable", "engineer@example.com")
        world.refuse("thief", "bad_token", "credentials", live)
        world.cli("admin", "revoke", live)
        wait_until("it is over", lambda: world.show(live, "admin")["state"] == "ended")
        check_equal(world.server.accounts(), [], "accounts")


# ---- The network ---------------------------------------------------------------------------------


def requests_in(data):
    """The single requests in what one or several connections carried, one after another."""
    found = []
    for part in data.split(b"POST /v1/connector/")[1:]:
        head, separator, rest = part.partition(b"\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )  # fmt: skip
        if separator and len(rest) >= length:
            found.append(b"POST /v1/connector/" + head + separator + rest[:length])
    return found


@test
def what_was_heard_on_the_wire_is_worth_nothing_again():
    with World() as world:
        world.start_daypassd()
        real, wire = world.url, RecordingProxy(world.url)
        world.url = wire.url  # all that connectors say, in the clear
        world.sign_in_admin()
        world.apply(
            principals=[{"name": "engineer@example.com"}],
            groups=[{"name": "backend", "members": ["engineer@example.com"]}],
            integrations=[world.integration()],
            flows=[world.flow(name="shop-auto", approval=[{"auto": True}])],
        )
        world.add_person("engineer")
        world.connector = world.start_connector()
        engineer = Colleague(world, "engineer")
        view = engineer.active()
        engineer.must("extend", view["id"], duration="10m", reason="more")
        wait_until("a sweep", lambda: b"/accounts" in wire.recorded()[0])
        engineer.must("revoke", view["id"])
        engineer.await_state(view["id"], "ended")
        world.connector.stop()
        heard = requests_in(wire.recorded()[0])
        kinds = {request.split(b" ")[1].decode() for request in heard}
        check_equal(kinds, {f"/v1/connector/{name}" for name in ("enroll", "poll", "report", "accounts")}, "heard")
        world.url = real
        events = world.cli("admin", "audit", "--format", "jsonl").out
        check_replays(world, heard, {"enroll": "bad_join_token"}, "replayed")
        world.daypassd.kill()
        world.restart_daypassd()
        check_replays(world, heard, {"enroll": "bad_join_token"}, "signed_before_start")
        after = world.cli("admin", "audit", "--format", "jsonl").out.removeprefix(events)
        named = {json.loads(line)["event"] for line in after.splitlines()}
        check(named <= {"connector.refused"}, f"what the replays left in the trail: {named}")
        check_equal(engineer.view(view["id"])["state"], "ended", "the grant")
        check_elsewhere(world, heard, wire)


def check_replays(world, heard, codes, usual):
    for request in heard:
        answered = send(world.url, request)
        kind = request.split(b" ")[1].decode().rsplit("/", 1)[1]
        found = json.loads(answered.body)["code"]
        # By the time it is played, a minute may have passed.
        check(found in (codes.get(kind, usual), "stale_signature"), f"{kind} again: {found}")


def check_elsewhere(world, heard, wire):
    """What one connector was told or has said means nothing at another installation, or to another."""
    with World("pg18") as other:  # a server of its own
        other.start_daypassd()
        check_replays(other, heard, {"enroll": "bad_join_token"}, "unknown_instance")
    polls = [part for part in wire.recorded()[1].split(b"\r\n\r\n") if part.startswith(b'{"actions":[{')]
    check(polls, "actions were heard")
    world.enroll("second")
    for name, code in (("connector", "replayed"), ("second", "not_for_us")):
        world.connector = world.run(name, [CONNECTOR, "run", "--config", world.path(name + ".yaml")])
        with taken_over(world, tls=False) as (plane, _):
            for text in polls:
                actions = json.JSONDecoder().raw_decode(text.decode())[0]["actions"]
                maker = lambda _, actions=actions: answer({"actions": actions})
                play_refused(world, plane, name, code, maker)
        world.connector.stop()
        check_equal(world.server.accounts(), [], f"{name}: accounts")
        world.restart_daypassd()


@test
def a_join_token_is_good_once_in_time_and_for_one_name():
    with World() as world:
        world.start_daypassd()
        world.sign_in_admin()
        token = world.cli("admin", "connector", "create", "main", "--json").json["join_token"]
        with World("pg18") as other:  # a server of its own
            other.start_daypassd()
            check_equal(join(other, token), (401, "bad_join_token"), "at another installation")
        late = world.cli("admin", "connector", "create", "main", "--json").json["join_token"]
        with contextlib.closing(sqlite3.connect(world.path("daypassd", "daypass.db"))) as store:
            store.execute(
                "UPDATE tokens SET expires_at = 1 WHERE rowid = (SELECT max(rowid) FROM tokens WHERE kind = 'join')"
            )
            store.commit()
        check_equal(join(world, late)[0], 401, "late")
        status, document = join(world, token)
        check_equal((status, document), (201, "main"), "in time, for the name it was made for")
        check_equal(join(world, token), (401, "bad_join_token"), "again")
        gone = world.cli("admin", "connector", "create", "eu", "--json").json["join_token"]
        world.cli("admin", "connector", "remove", "eu")
        check_equal(join(world, gone), (401, "bad_join_token"), "of a connector that was removed")


def join(world, token):
    """(status, connector or code) of enrolling a new key with this token."""
    status, text = world.curl(
        "POST", "/v1/connector/enroll", {"public_key": Signer().public_text}, token=token
    )
    document = json.loads(text)
    return status, document.get("connector") or document["code"]


# ---- The page ------------------------------------------------------------------------------------


@test
def every_test_that_the_security_page_names_is_there():
    page = read_text(os.path.join(ROOT, "docs/security.md"))
    named = re.findall(r"\b[a-z]+(?:_[a-z0-9]+){3,}\b", page[page.index("<!-- Which test") :])
    check(len(named) > 20, f"names: {named}")
    files = glob.glob(os.path.join(ROOT, "test/**/*_test.*"), recursive=True)
    there = "".join(read_text(path) for path in files)
    check_equal([name for name in named if f"{name}(" not in there], [], "names of no test")


if __name__ == "__main__":
    main()
