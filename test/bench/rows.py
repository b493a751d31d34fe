#!/usr/bin/env python3
"""The rows of the benchmark: what each needs. `rows.py [NUMBER]...` prints the servers of these rows.

A row is a module with run(bench), which gives a list of results (results.py)."""

import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    number: int
    module: str
    servers: tuple
    quick: bool
    what: str


ROWS = [
    Row(1, "row_rates", ("pg15",), True, "grants and revocations a second, shared-role mode, 8 lanes"),
    Row(2, "row_rates", ("pg15",), True, "grants and revocations a second, direct mode, 1 lane"),
    Row(3, "row_credential", ("pg15",), True, "from the approving call to the sealed credential"),
    Row(4, "row_idle", ("pg15",), True, "idle memory, and start to first answer"),
    Row(5, "row_expiry", ("pg15", "pg18"), False, "10,000 grants that end in the same second"),
    Row(6, "row_parked", ("pg15",), False, "10,000 connectors parked over TLS"),
    Row(7, "row_history", ("pg15",), False, "1,000,000 past requests and 5,000,000 audit events"),
    Row(8, "row_growth", ("pg15",), False, "growth with live grants and with tables"),
    Row(9, "row_engines", ("mysql97", "mariadb1011", "mariadb118"), False, "row 1 on MySQL and MariaDB"),
]


def rows_of(numbers):
    """Those of these numbers, all for none."""
    known = {row.number: row for row in ROWS}
    unknown = [number for number in numbers if number not in known]
    if unknown:
        raise ValueError(f"there is no row {unknown[0]}: expected one of {', '.join(map(str, known))}")
    return [row for row in ROWS if not numbers or row.number in numbers]


def servers_of(rows):
    return sorted({server for row in rows for server in row.servers})


if __name__ == "__main__":
    try:
        print(*servers_of(rows_of([int(text) for text in sys.argv[1:]])))
    except ValueError as error:
        sys.exit(f"rows.py: {error}")
