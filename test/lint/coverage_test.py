#!/usr/bin/env python3
"""That the rules of coverage.py find what they are there to find. Prints TAP."""

import coverage


def line(number, count, branches=(), **more):
    return {
        "line_number": number,
        "count": count,
        "branches": [{"count": taken} for taken in branches],
        **more,
    }


def gaps_of(*lines):
    return coverage.gaps({"file": "x.c", "lines": list(lines)})


CASES = [
    ("a line that was run is none", gaps_of(line(1, 3)) == []),
    ("a line that was not run", gaps_of(line(7, 0)) == ["x.c:7: not run"]),
    ("a branch that was not taken",
     gaps_of(line(7, 1, [1, 0])) == ["x.c:7: 1 of 2 branches not taken"]),
    ("all branches taken is none", gaps_of(line(7, 2, [1, 1])) == []),
    ("what is exempted is none", gaps_of(line(7, 0, **{"gcovr/noncode": True})) == []),
    ("an exemption without a reason",
     not coverage.has_reason("x(); // GCOVR_EXCL_LINE")
     and not coverage.has_reason("// GCOVR_EXCL_START: no")
     and coverage.has_reason("x(); // GCOVR_EXCL_BR_LINE: nobody can be outside the enum")),
]  # fmt: skip

print(f"1..{len(CASES)}")
for number, (what, good) in enumerate(CASES, 1):
    print(f"{'ok' if good else 'not ok'} {number} - finds: {what}")
