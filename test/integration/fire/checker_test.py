"""Shows that every check of the campaign can fail, and that it names whom it concerns."""

import os
import sys
import tempfile
import traceback

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# pylint: disable=wrong-import-position
from fire import checks, evidence
from fire.evidence import Creation, Grant, ServerLog, Visit

MOVES = evidence.legal_moves(
    """stateDiagram-v2
    [*] --> pending : request
    pending --> approved : approve (in time)
    approved --> granting : dispatch (in time)
    granting --> granting : dispatch (in time)
    granting --> active : granted
    granting --> revoking : fail
    active --> active : extend
    active --> revoking : expire (time is over)
    revoking --> ended : revoked (cause is another)
"""
)
LIFE = ["requested", "approved", "granting", "active", "revoking", "ended"]
INSTANCES = {"main-1": "main", "main-2": "main", "side-1": "side"}
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def stamp(seconds):
    return f"1970-01-01T00:{seconds // 60:02d}:{seconds % 60:02d}.000Z"


def grant(name="grt_1", state="ended", events=LIFE, account="temp_a", connector="main"):
    """Its events are a second apart, from 10 s on; access ends at 50 s."""
    history = []
    for number, event in enumerate(events):
        detail = {"expires_at": stamp(50)} if event in ("granting", "active", "revoking", "ended") else {}
        history.append((f"grant.{event}", 10.0 + number, detail))
    view = {"id": name, "state": state, "account": account, "connector": connector}
    return Grant(view, history)


def of(*grants):
    return {each.id: each for each in grants}


def active():
    return grant(state="active", events=LIFE[:4])


def creation(at, account="temp_a", committed_at=None, host="127.0.1.1"):
    made = Creation(account, at, host)
    made.committed_at = committed_at
    return made


def visit(host, first, last, account="temp_a", swept=False):
    made = Visit(account, host, first, swept)
    made.last = last
    return made


def one(faults, *words):
    assert len(faults) == 1, faults
    for word in words:
        assert word in faults[0], faults[0]


def none(faults):
    assert not faults, faults


@test
def an_account_of_an_ended_grant_is_named():
    one(checks.accounts_match(of(grant()), ["temp_a"]), "temp_a", "grt_1 is ended")


@test
def an_account_of_no_grant_is_named():
    one(checks.accounts_match(of(grant()), ["temp_b"]), "temp_b", "of no grant")


@test
def a_promised_account_that_is_missing_is_named():
    one(checks.accounts_match(of(active()), []), "temp_a", "not on the target")


@test
def what_fits_together_is_no_fault():
    none(checks.accounts_match(of(active()), ["temp_a"]))


@test
def what_never_comes_to_rest_is_named():
    one(checks.nothing_is_stuck(of(grant(state="revoking")), 0), "grt_1", "revoking")
    one(checks.nothing_is_stuck(of(grant()), 2), "2 actions")
    none(checks.nothing_is_stuck(of(grant(), active()), 0))


@test
def an_account_before_its_approval_is_named():
    faults = checks.no_account_before_its_approval(of(grant()), [creation(10.5)])
    assert len(faults) == 2 and "grant.approved came 0.500 s later" in faults[0], faults


@test
def an_account_before_it_was_handed_out_is_named():
    one(checks.no_account_before_its_approval(of(grant()), [creation(11.5)]), "grant.granting")
    none(checks.no_account_before_its_approval(of(grant()), [creation(12.0)]))


@test
def an_account_that_nobody_approved_is_named():
    rejected = grant(state="rejected", events=["requested", "rejected"])
    faults = checks.no_account_before_its_approval(of(rejected), [creation(20)])
    assert len(faults) == 2 and "came never" in faults[0], faults
    one(checks.no_account_before_its_approval({}, [creation(20)]), "for no grant on record")


@test
def an_account_that_comes_back_is_named():
    one(checks.no_account_after_its_end(of(grant()), [creation(14, committed_at=15.5)]), "temp_a")
    none(checks.no_account_after_its_end(of(grant()), [creation(14, committed_at=14.5)]))
    none(checks.no_account_after_its_end(of(grant()), [creation(14)]))


@test
def an_end_on_the_target_after_the_one_on_record_is_named():
    late = {"temp_a": [("", 50.0), ("", 51.0)]}
    one(checks.ends_are_not_later_than_decided(of(active()), late), "temp_a", "1.000 s after")
    none(checks.ends_are_not_later_than_decided(of(active()), {"temp_a": [("", 50.0)]}))


@test
def a_login_after_the_end_is_named_whatever_burns():
    timeline = [(0.0, 100.0, "kill", "main-1")]
    faults = checks.access_ends_on_time(of(active()), [("grt_1", 50.2, "login")], timeline, INSTANCES)
    one(faults, "grt_1", "0.200 s after its end")


@test
def a_session_long_after_the_end_is_named():
    worked = [("grt_1", 61.0, "session")]
    one(checks.access_ends_on_time(of(active()), worked, [], INSTANCES), "session worked 11.0 s")
    none(checks.access_ends_on_time(of(active()), [("grt_1", 59.0, "session")], [], INSTANCES))


@test
def a_session_is_excused_while_nobody_could_end_it():
    worked = [("grt_1", 75.0, "session")]
    down = [(50.0, 60.0, "kill", "target"), (63.0, 66.0, "stalled", "main-1-target")]
    none(checks.access_ends_on_time(of(active()), worked, down, INSTANCES))


@test
def a_death_of_one_instance_does_not_excuse_the_other():
    worked = [("grt_1", 75.0, "session")]
    down = [(50.0, 75.0, "kill", "main-1")]
    one(checks.access_ends_on_time(of(active()), worked, down, INSTANCES), "grt_1")
    down.append((50.0, 75.0, "kill", "main-2"))
    none(checks.access_ends_on_time(of(active()), worked, down, INSTANCES))


@test
def a_session_that_outlives_the_word_that_it_is_over_is_named():
    worked = [("grt_1", 15.1, "session")]
    one(checks.access_ends_on_time(of(grant()), worked, [], INSTANCES), "0.100 s after it was ended")


@test
def a_missing_event_is_named():
    # Without "active" the walk is that of one that failed: that it was active, somebody has seen.
    for left_out in ("approved", "granting", "revoking", "ended"):
        events = [event for event in LIFE if event != left_out]
        faults = checks.walks_are_legal(of(grant(events=events)), MOVES)
        assert faults and "grt_1" in faults[0], (left_out, faults)
    none(checks.walks_are_legal(of(grant()), MOVES))


@test
def an_event_too_many_is_named():
    one(checks.walks_are_legal(of(grant(events=LIFE + ["ended"])), MOVES), "from ended to ended")
    one(checks.walks_are_legal(of(grant(events=LIFE + ["extended"])), MOVES), "extended while it was ended")


@test
def a_grant_that_does_not_begin_with_its_request_is_named():
    one(checks.walks_are_legal(of(grant(events=LIFE[1:])), MOVES), "from None to approved")


@test
def what_was_confirmed_and_forgotten_is_named():
    class Case:
        id = "grt_1"
        acknowledged = ["grant.requested", "grant.reset_requested"]

    one(checks.what_was_said_is_on_record(of(grant()), [Case]), "grant.reset_requested")
    one(checks.what_was_said_is_on_record({}, [Case]), "grt_1", "not on record")


@test
def a_connector_that_does_anothers_work_is_named():
    addresses = {"127.0.1.1": "main", "127.0.1.3": "side"}
    faults = checks.connectors_stay_apart(of(grant()), [visit("127.0.1.3", 1, 2)], [], addresses)
    one(faults, "temp_a", "touched by side")
    none(checks.connectors_stay_apart(of(grant()), [visit("127.0.1.1", 1, 2)], [], addresses))


@test
def two_instances_at_one_account_are_named():
    addresses = {"127.0.1.1": "main-1", "127.0.1.2": "main-2"}
    both = [visit("127.0.1.1", 1, 5), visit("127.0.1.2", 4, 6)]
    one(checks.no_action_twice_at_once(both, [], addresses), "temp_a", "main-1", "main-2")
    none(checks.no_action_twice_at_once(both, [(2, 3, "hold", "main-1")], addresses))
    both[1].swept = True
    none(checks.no_action_twice_at_once(both, [], addresses))


@test
def a_sanitizers_report_is_named():
    text = "time=1 level=info\n==12==ERROR: AddressSanitizer: heap-use-after-free\n"
    one(checks.logs_are_clean({"daypassd": text}), "daypassd", "heap-use-after-free")
    one(checks.logs_are_clean({"x": "src/a.c:1:2: runtime error: signed integer overflow"}), "overflow")
    none(checks.logs_are_clean({"daypassd": "time=1 level=error event=report.refused"}))


@test
def a_secret_across_two_blocks_of_a_file_is_found():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "log")
        with open(path, "wb") as file:
            file.write(b"x" * ((1 << 22) - 5) + b"correct-horse" + b"y" * 100)
        assert evidence.secrets_found({"correct-horse"}, [folder]) == [path]
        none(evidence.secrets_found({"battery-staple"}, [folder]))


def log_of(*lines):
    """Lines of one session of the connector: (second, statement)."""
    log = ServerLog()
    for at, statement in lines:
        log.take(
            f"1970-01-01 00:00:{at:02d}.000 UTC|7|127.0.1.1|daypass_admin|daypass-connector|LOG:  "
            f"statement: {statement}"
        )
    return log


@test
def the_servers_log_tells_when_accounts_were_made():
    log = log_of(
        (1, "BEGIN"),
        (2, "CREATE ROLE \"temp_a\" LOGIN PASSWORD 'SCRAM' VALID UNTIL '1970-01-01T00:00:50.000Z'"),
        (3, "COMMIT"),
    )
    assert [(c.account, c.at, c.committed_at) for c in log.creations] == [("temp_a", 2.0, 3.0)]
    assert log.ends["temp_a"][-1][1] == 50.0
    assert log.visits[0].host == "127.0.1.1" and not log.visits[0].swept


@test
def what_was_rolled_back_is_not_committed():
    log = log_of((1, "CREATE ROLE temp_a LOGIN"), (2, "ROLLBACK"), (3, "COMMIT"))
    assert log.creations[0].committed_at is None


@test
def a_sweeps_session_is_known_by_the_list_it_reads():
    log = log_of(
        (1, "SELECT r.rolname FROM pg_roles r WHERE shobj_description(1, 'x') LIKE 'daypass {%'"),
        (2, "ALTER ROLE temp_a NOLOGIN"),
    )
    assert log.visits[0].swept


@test
def the_document_of_states_can_be_read():
    path = os.path.join(os.path.dirname(__file__), "../../../docs/states.md")
    with open(path, encoding="utf-8") as file:
        moves = evidence.legal_moves(file.read())
    assert ("pending", "approved") in moves and ("revoking", "ended") in moves, moves
    assert ("ended", "active") not in moves


def main():
    print(f"1..{len(TESTS)}")
    failed = False
    for number, function in enumerate(TESTS, 1):
        name = function.__name__.replace("_", " ")
        try:
            function()
            print(f"ok {number} - {name}")
        except Exception:  # pylint: disable=broad-except
            failed = True
            print(f"not ok {number} - {name}")
            for line in traceback.format_exc().splitlines():
                print(f"# {line}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
