"""What meets what on live grants, many times over, at moments that DAYPASS_SEED chooses. Every round
ends in one of the outcomes that docs/overlap.md names; whatever it is, both sides are told, and what
is on the server fits."""

import os
import time

from colleague import (
    LONG,
    OVER,
    Colleague,
    all_at_once,
    chance,
    check_one_of,
    is_refused,
    now_s,
    reads,
    seconds_of,
)
from fire.libpq import Lost
from world import CONNECTOR, World, check, check_equal, main, test, test_with, wait_until, write_text

ROUNDS = 96 if LONG else 24
AT_ONCE = 24
UNDECIDED_AT_ONCE = 12  # well below what one person may have


class Team:
    """A shop with flows that need no decision, and the people of it."""

    def __init__(self, world):
        self.world = world
        world.apply(
            flows=[
                world.flow(name="shop-auto", approval=[{"auto": True}], extension="auto"),
                world.flow(name="shop-quick", lapse_after="5s"),
            ]
        )
        self.engineer = Colleague(world, "engineer")
        self.dba = Colleague(world, "dba")
        self.admin = Colleague(world, "admin")

    def events(self, grant, event):
        """Details of these events, oldest first."""
        status, page = self.admin.call("GET", f"/v1/audit?grant={grant}&event={event}&limit=100")
        check_equal(status, 200, f"{page}")
        return [item.get("detail", {}) for item in page["items"]]

    def check_clean(self):
        """Nothing is left, and the trail says how it went."""
        wait_until("no account is left", lambda: not self.world.server.accounts())
        self.world.cli("admin", "audit", "verify")


def in_batches(call, count, at_once=AT_ONCE):
    """Results of call(0), call(1), …, so many of them at once."""
    results = []
    for first in range(0, count, at_once):
        calls = [lambda i=i: call(i) for i in range(first, min(first + at_once, count))]
        results += all_at_once(*calls)
    return results


def with_team(function):
    def run(*arguments):
        with World(*arguments).set_up() as world:
            function(Team(world))

    run.__name__ = function.__name__
    return run


# ---- Two grants of one person --------------------------------------------------------------------


@test_with(("pg15", "shared-role"), ("pg18", "direct"))
def grants_of_one_person_on_the_same_tables_end_apart(server, mode):
    with World(server, mode).set_up() as world:
        team = Team(world)
        in_batches(lambda index: end_apart(team, chance(f"apart {mode} {index}")), ROUNDS // 6)
        team.check_clean()


def end_apart(team, random):
    """Four grants: three ended in any order, one by its time, somewhere between them."""
    expiring = team.engineer.request(duration="7s")
    ids = [team.engineer.request() for _ in range(3)] + [expiring]
    live = {}
    for grant in ids:
        view = team.engineer.await_state(grant, "active")
        password = team.engineer.password(grant)
        live[grant] = (view, password, team.engineer.session(view, password))
    check_equal(len({view["account"] for view, _, _ in live.values()}), 4, "accounts of four grants")
    for grant in random.sample(ids[:3], 3):
        time.sleep(random.uniform(0, 2))
        random.choice((team.engineer, team.admin)).must("revoke", grant)
        team.engineer.await_state(grant, "ended")
        check_ended(team.world, *live.pop(grant))
        check_others_work(team, live, expiring)
    team.engineer.await_state(expiring, "ended")
    check_ended(team.world, *live.pop(expiring))


def check_ended(world, view, password, session):
    check(is_refused(world.server.port, view["account"], password), "a new login is refused")
    try:
        reads(session)
    except Lost:
        return
    finally:
        session.close()
    raise AssertionError(f"the session of {view['account']} outlived its grant")


def check_others_work(team, live, expiring):
    for grant, (view, password, session) in live.items():
        if grant == expiring and now_s() > seconds_of(view["expires_at"]) - 1:
            continue
        check(reads(session), f"the session of {view['account']} goes on")
        with team.engineer.session(view, password) as another:
            check(reads(another), f"{view['account']} can log in still")


# ---- More time, and the end ----------------------------------------------------------------------


@test
@with_team
def more_time_is_given_before_the_end_or_not_at_all(team):
    random = chance("more time")

    def play(_):
        view = team.engineer.active(duration="6s")
        grant, ends_at = view["id"], seconds_of(view["expires_at"])
        password = team.engineer.password(grant)
        time.sleep(max(0, ends_at - now_s() + random.uniform(-0.8, 0.1)))
        status, answer = team.engineer.do("extend", grant, duration="5s", reason="more")
        if status == 200:
            view = wait_until(
                f"{grant} has more time, or ends",
                lambda: (now := team.engineer.view(grant))["state"] != "active"
                or seconds_of(now["expires_at"]) > ends_at
                and now,
            )
            view = team.engineer.view(grant)
        else:
            check_equal((status, answer["code"]), (409, "wrong_state"), "the refusal")
            view = team.engineer.await_state(grant, "revoking", "ended")
        if view["state"] == "active" and seconds_of(view["expires_at"]) > ends_at:
            check(seconds_of(view["expires_at"]) <= ends_at + 5.1, "not more than was asked for")
            time.sleep(max(0, ends_at + 1 - now_s()))
            if now_s() < ends_at + 4:
                with team.engineer.session(view, password) as session:
                    check(reads(session), "it works past its first end")
            found = "extended"
        else:
            found = "lost" if status == 200 else "refused"
        last = team.engineer.await_state(grant, "ended")
        check_equal((last["cause"], last.get("extension")), ("expired", None), "the end")
        check(is_refused(team.world.server.port, view["account"], password), "after the end")
        lost = [event.get("lost_extension") for event in team.events(grant, "grant.revoking")]
        check_equal(lost, ["approved" if found == "lost" else None], f"{found}: what the trail says")
        return found, grant

    check_one_of(in_batches(play, ROUNDS), ("extended", "lost", "refused"), "more time and the end")
    team.check_clean()


# ---- Taken back while it is given, or changed ----------------------------------------------------


@test
@with_team
def what_is_taken_back_while_it_is_given_is_gone(team):
    random = chance("taken back")

    def play(index):
        who, what = ((team.engineer, "cancel"), (team.engineer, "revoke"), (team.admin, "revoke"))[index % 3]
        grant = team.engineer.request()
        time.sleep(random.uniform(0, 0.6))
        status, answer = who.do(what, grant)
        if status == 409:  # active before it was cancelled
            check_equal((what, answer["code"]), ("cancel", "wrong_state"), "the refusal")
            team.engineer.must("revoke", grant)
        view = team.engineer.await_state(grant, *OVER)
        if status == 200:
            check_equal(view["ended_by"], who.name, "who ended it")
        status, answer = team.engineer.call("GET", f"/v1/grants/{grant}/credentials")
        check_equal((status, answer["code"]), (409, "wrong_state"), "its credential")
        return (view["state"], view["cause"]), view

    outcomes = (("cancelled", "cancelled"), ("cancelled", "revoked"), ("ended", "cancelled"), ("ended", "revoked"))
    check_one_of(in_batches(play, ROUNDS), outcomes, "taken back while it is given")
    team.check_clean()


@test
@with_team
def a_reset_or_more_time_that_meets_the_revocation_comes_to_nothing(team):
    random = chance("reset and revocation")

    def play(index):
        grant = team.engineer.active()["id"]
        lags = (random.uniform(0, 0.2), random.uniform(0, 0.2))

        def ask():
            time.sleep(lags[0])
            if index % 2:
                return team.engineer.do("extend", grant, duration="5m", reason="more")
            return team.engineer.reset(grant)[:2]

        def take_back():
            time.sleep(lags[1])
            return team.admin.must("revoke", grant)

        (status, answer), _ = all_at_once(ask, take_back)
        check(status == 200 or answer["code"] == "wrong_state", f"{status} {answer}")
        view = team.engineer.await_state(grant, "ended")
        check_equal((view["cause"], view["ended_by"]), ("revoked", team.admin.name), "the end")
        return "taken" if status == 200 else "refused", view

    check_one_of(in_batches(play, ROUNDS), ("taken", "refused"), "a reset and the revocation")
    team.check_clean()


@test
@with_team
def an_end_has_one_cause(team):
    random = chance("one cause")

    def play(_):
        view = team.engineer.active(duration="6s")
        time.sleep(max(0, seconds_of(view["expires_at"]) - now_s() + random.uniform(-0.4, 0.2)))
        team.engineer.must("revoke", view["id"])
        view = team.engineer.await_state(view["id"], "ended")
        causes = [event["cause"] for event in team.events(view["id"], "grant.revoking")]
        check_equal(causes, [view["cause"]], "the trail")
        check_equal(view.get("ended_by"), team.engineer.name if causes == ["revoked"] else None, "by")
        return view["cause"], view

    check_one_of(in_batches(play, ROUNDS), ("revoked", "expired"), "expiry and revocation")
    team.check_clean()


# ---- Held in the middle --------------------------------------------------------------------------


class HeldConnector:
    """The connector, which can be stopped at a named point between two steps."""

    def __init__(self, team):
        self.world = team.world
        self.world.connector.stop()
        self.folder = self.world.path("faults")
        self.hit = None
        os.makedirs(self.folder)
        self.program = self.world.run(
            "held",
            [CONNECTOR, "run", "--config", self.world.path("connector.yaml")],
            env={"DAYPASS_FAULTS": self.folder},
        )
        wait_until("it runs", lambda: self.program.has_logged("connector.started"))

    def arm(self, point):
        self.hit = os.path.join(self.folder, point + ".hit")
        if os.path.exists(self.hit):
            os.unlink(self.hit)
        write_text(os.path.join(self.folder, point), "stop")

    def await_held(self):
        wait_until("it is held", lambda: os.path.exists(self.hit) and self.is_stopped())

    def is_stopped(self):
        with open(f"/proc/{self.program.process.pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "T"


BEFORE_IT_IS_REPORTED = (
    "action.received", "action.begins", "action.ended", "report.before_sent",
)  # fmt: skip


@test
@with_team
def what_is_taken_back_at_any_step_of_giving_it_is_gone(team):
    held = HeldConnector(team)
    steps = ("grant.account_created", "grant.account_marked", "grant.before_commit", "grant.committed")
    for point in BEFORE_IT_IS_REPORTED + steps:
        for who, what in ((team.engineer, "cancel"), (team.admin, "revoke")):
            held.arm(point)
            grant = team.engineer.request()
            held.await_held()
            answer = who.must(what, grant)
            check_equal(answer["state"], "revoking", f"{point}: what {what} answers")
            held.program.resume()
            view = team.engineer.await_state(grant, "ended")
            check_equal(view["ended_by"], who.name, f"{point}: who ended it")
            check_equal(team.events(grant, "grant.active"), [], f"{point}: it was never active")
            check_equal(team.world.server.accounts(), [], f"{point}: accounts")
    held.program.stop()


@test
@with_team
def what_is_taken_back_at_any_step_of_changing_it_is_gone(team):
    held = HeldConnector(team)
    for what in ("extend", "reset"):
        for point in BEFORE_IT_IS_REPORTED + (f"{what}.before_commit", f"{what}.committed"):
            view = team.engineer.active(duration="5m")
            password = team.engineer.password(view["id"])
            held.arm(point)
            if what == "extend":
                team.engineer.must("extend", view["id"], duration="5m", reason="more")
            else:
                team.engineer.reset(view["id"])
            held.await_held()
            team.engineer.must("revoke", view["id"])
            held.program.resume()
            last = team.engineer.await_state(view["id"], "ended")
            check_equal((last["cause"], last["expires_at"]), ("revoked", view["expires_at"]), point)
            check(is_refused(team.world.server.port, view["account"], password), point)
            check_equal(team.world.server.accounts(), [], f"{point}: accounts")
    held.program.stop()


@test
@with_team
def more_time_that_is_in_hand_at_the_end_comes_to_nothing(team):
    held = HeldConnector(team)
    for point in ("extend.before_commit", "extend.committed"):
        view = team.engineer.active(duration="6s")
        held.arm(point)
        team.engineer.must("extend", view["id"], duration="5m", reason="more")
        held.await_held()
        team.engineer.await_state(view["id"], "revoking")
        held.program.resume()
        last = team.engineer.await_state(view["id"], "ended")
        check_equal((last["cause"], last["expires_at"]), ("expired", view["expires_at"]), point)
        lost = [event.get("lost_extension") for event in team.events(view["id"], "grant.revoking")]
        check_equal(lost, ["approved"], f"{point}: the trail")
        check_equal(team.world.server.accounts(), [], f"{point}: accounts")
    held.program.stop()


# ---- Decisions -----------------------------------------------------------------------------------


@test
@with_team
def an_approval_is_in_time_or_the_request_lapses(team):
    random = chance("lapse")

    def play(_):
        grant = team.engineer.request("shop-quick")
        lapses_at = seconds_of(team.engineer.view(grant)["lapses_at"])
        time.sleep(max(0, lapses_at - now_s() + random.uniform(-0.3, 0.2)))
        status, answer = team.dba.do("approve", grant)
        if status == 200:
            team.engineer.await_state(grant, "active")
            team.engineer.must("revoke", grant)
            return "approved", team.engineer.await_state(grant, "ended")
        check_equal((status, answer["code"]), (409, "wrong_state"), "the refusal")
        return "lapsed", team.engineer.await_state(grant, "lapsed")

    check_one_of(in_batches(play, ROUNDS, UNDECIDED_AT_ONCE), ("approved", "lapsed"), "approval and lapse")
    team.check_clean()


@test
@with_team
def an_approval_and_the_cancellation_leave_nothing(team):
    random = chance("cancellation")

    def play(_):
        grant = team.engineer.request("shop-read")
        lags = (random.uniform(0, 0.3), random.uniform(0, 0.3))

        def approve():
            time.sleep(lags[0])
            return team.dba.do("approve", grant)

        def cancel():
            time.sleep(lags[1])
            return team.engineer.do("cancel", grant)

        (approval, refusal), (cancelling, answer) = all_at_once(approve, cancel)
        check(approval == 200 or refusal["code"] == "wrong_state", f"{approval} {refusal}")
        if cancelling == 409:  # it was active by then
            check_equal(answer["code"], "wrong_state", "the refusal")
            check_equal(approval, 200, "the approval")
            team.engineer.must("revoke", grant)
        view = team.engineer.await_state(grant, *OVER)
        return (approval, cancelling, view["state"]), view

    outcomes = (
        (409, 200, "cancelled"), (200, 200, "cancelled"), (200, 200, "ended"), (200, 409, "ended"),
    )  # fmt: skip
    check_one_of(in_batches(play, ROUNDS, UNDECIDED_AT_ONCE), outcomes, "approval and cancellation")
    team.check_clean()


@test
@with_team
def of_two_approvers_each_is_told_what_their_word_was_worth(team):
    world = team.world
    world.add_person("second")
    world.add_person("guard")
    one, two = {"any_of": {"groups": ["dba"]}}, {"any_of": {"groups": ["security"]}}
    world.apply(
        groups=[
            {"name": "dba", "members": ["dba@example.com", "second@example.com"]},
            {"name": "security", "members": ["guard@example.com"]},
        ],
        flows=[
            world.flow(name="one-of", approval=[one]),
            world.flow(name="both-of", approval=[{**one, "count": 2}]),
            world.flow(name="steps", approval=[one, two]),
        ],
    )
    random = chance("approvers")
    second, guard = Colleague(world, "second"), Colleague(world, "guard")
    cases = {
        # flow: the other one, what may come of the two words
        "one-of": (second, (((200, None), (409, "wrong_state")), ((409, "wrong_state"), (200, None)))),
        "both-of": (second, (((200, None), (200, None)),)),
        "steps": (guard, (((200, None), (200, None)), ((200, None), (403, "not_an_approver")))),
    }
    for flow, (other, outcomes) in cases.items():

        def play(_, flow=flow, other=other):
            grant = team.engineer.request(flow)
            lags = (random.uniform(0, 0.02), random.uniform(0, 0.02))

            def approve(who, lag):
                time.sleep(lag)
                status, document = who.do("approve", grant)
                return status, document.get("code")

            words = all_at_once(lambda: approve(team.dba, lags[0]), lambda: approve(other, lags[1]))
            if (403, "not_an_approver") in words:
                check_equal(team.engineer.view(grant)["state"], "pending", "after the first step")
                other.must("approve", grant)
            view = team.engineer.await_state(grant, "active")
            check_equal(len(view["decisions"]), 1 if flow == "one-of" else 2, "decisions")
            check_equal(len(team.events(grant, "grant.approved")), 1, "approvals on record")
            team.engineer.must("revoke", grant)
            return tuple(words), team.engineer.await_state(grant, "ended")

        check_one_of(in_batches(play, ROUNDS, UNDECIDED_AT_ONCE), outcomes, f"two approvers, {flow}")
    team.check_clean()


if __name__ == "__main__":
    main()
