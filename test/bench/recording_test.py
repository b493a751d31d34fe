#!/usr/bin/env python3
"""What is made of a server's log for the floor."""

import os
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "integration")]

# pylint: disable=wrong-import-position
import recording
import recording_mysql
from checks import Failure

TESTS = []
LOG = """2026-01-01 00:00:00.000 UTC [7] LOG:  connection authorized: user=daypass_admin
2026-01-01 00:00:00.000 UTC [7] LOG:  statement: SET search_path = x
2026-01-01 00:00:00.001 UTC [8] LOG:  statement: SELECT 'of another'
2026-01-01 00:00:00.002 UTC [7] LOG:  statement: BEGIN
2026-01-01 00:00:00.003 UTC [7] LOG:  execute <unnamed>: SELECT oid
\tFROM pg_roles WHERE rolname = $1 OR $2
2026-01-01 00:00:00.003 UTC [7] DETAIL:  parameters: $1 = 'it''s', $2 = NULL
2026-01-01 00:00:00.004 UTC [7] LOG:  statement: CREATE ROLE "temp_a" LOGIN
"""
MYSQL_LOG = """260101  0:00:00\t     5 Connect\tadmin@localhost on  using TCP/IP
\t\t     5 Query\tSET NAMES utf8mb4
\t\t     6 Query\tSELECT 'of another'
2026-01-01T00:00:00.1Z\t    5 Query\tCREATE USER `temp_a`@`%`
 IDENTIFIED BY PASSWORD '*1'
"""


def test(function):
    TESTS.append(function)
    return function


@test
def one_process_is_followed_with_its_parameters():
    found, is_new = recording.statements(LOG, "CREATE ROLE", "temp_a")
    assert is_new
    assert [sql for sql, _ in found] == [
        "SET search_path = x", "BEGIN", "SELECT oid\nFROM pg_roles WHERE rolname = $1 OR $2",
        'CREATE ROLE "temp_a" LOGIN'], found  # fmt: skip
    assert found[2][1] == ["it's", None], found


@test
def what_comes_before_the_first_transaction_of_a_new_session_is_its_setup():
    found, is_new = recording.statements(LOG, "CREATE ROLE", "temp_a")
    setup, work = recording.without_setup(found, is_new)
    assert [sql for sql, _ in setup] == ["SET search_path = x"]
    assert work[0][0] == "BEGIN"
    assert recording.without_setup(found, False) == ([], found)


@test
def a_marker_that_nobody_said_is_a_failure():
    try:
        recording.statements(LOG, "CREATE ROLE", "temp_b")
    except Failure:
        return
    assert False, "it was found"


@test
def places_stand_for_what_is_one_accounts_own():
    template = recording.Template("temp_a", "123")
    assert template.text('ALTER ROLE "temp_a"; 123, 1234') == 'ALTER ROLE "{account}"; {oid}, 1234'
    lock = f"SELECT pg_advisory_xact_lock({0x64617972}, 99), pg_advisory_xact_lock({0x64617971}, 0)"
    assert template.text(lock).count("{key}") == 1
    assert recording.Template("temp_a").text("0") == "0"
    line = template.line("grant", ("a\tb\\\n", ["temp_a", None]))
    assert line == "grant\ta\\tb\\\\\\n\t={account}\t-", line


@test
def a_general_log_is_read_by_connection():
    found, is_new = recording_mysql.statements(MYSQL_LOG, "CREATE USER", "temp_a")
    assert is_new
    assert found == [
        "SET NAMES utf8mb4", "CREATE USER `temp_a`@`%`\n IDENTIFIED BY PASSWORD '*1'"], found  # fmt: skip
    assert recording_mysql.shared_beginning([1, 2, 3], [1, 2, 4, 5]) == 2


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
