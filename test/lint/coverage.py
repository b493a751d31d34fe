#!/usr/bin/env python3
"""What the tests ran of the code, from gcov's data. Prints TAP.

    coverage.py rules BUILD   what decides access has each line and branch run by the unit tests;
                              BUILD is without optimisation and sanitizers, which add branches
    coverage.py lines BUILD   a table of the lines that all suites ran, by folder, and a floor

What can be reached by no test is marked where it is, with the reason: GCOVR_EXCL_LINE,
GCOVR_EXCL_BR_LINE, or GCOVR_EXCL_START and _STOP. Assertions are for mistakes of programmers; the
branch in which one fails is left out.
"""

import collections
import json
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Whole, in lines and branches: name, and the files it means.
RULES = {
    "domain/": r"src/domain/",
    "authorisation of the API": r"src/api/authorisation\.c",
    "building of SQL": r"src/driver/(account_mark|\w+/statement|postgresql/(privilege_set|shared_role_mark))\.c",
    "rules of Redis": r"src/driver/redis/rule\.c",
}
LINES_FLOOR = 90
DETAILS_SHOWN = 40
REASON = re.compile(r"GCOVR_EXCL_(?:BR_)?(?:LINE|START)\b(?P<reason>.*)")


def measure(build, filters):
    command = ["gcovr", "--root", ROOT, "--object-directory", build, "--json", "-"]
    command += ["--gcov-ignore-parse-errors", "--exclude-branches-by-pattern", r".*\bassert\(.*"]
    for filter_ in filters:
        command += ["--filter", filter_]
    result = subprocess.run(command + [build], capture_output=True, text=True, cwd=ROOT)
    if result.returncode != 0:
        sys.exit(f"gcovr failed: {result.stderr[-2000:]}")
    return json.loads(result.stdout)["files"]


def gaps(file):
    """The lines that were not run, and those of which a branch was not taken."""
    found = []
    for line in file["lines"]:
        if line.get("gcovr/noncode"):
            continue
        if line["count"] == 0:
            found.append(f"{file['file']}:{line['line_number']}: not run")
            continue
        missing = [branch for branch in line.get("branches", []) if branch["count"] == 0]
        if missing:
            total = len(line["branches"])
            found.append(
                f"{file['file']}:{line['line_number']}: {len(missing)} of {total} branches not taken"
            )
    return found


def has_reason(line):
    """Of a line with an exemption that needs one; GCOVR_EXCL_STOP needs none."""
    match = REASON.search(line)
    return not match or len(match.group("reason").strip(" :*/")) >= 10


def unexplained(pattern):
    """Exemptions without a reason."""
    found = []
    for folder, _, names in os.walk(os.path.join(ROOT, "src")):
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), ROOT)
            if not re.search(pattern, path):
                continue
            with open(os.path.join(ROOT, path), encoding="utf-8") as text:
                for number, line in enumerate(text, 1):
                    if not has_reason(line):
                        found.append(f"{path}:{number}: an exemption without a reason")
    return found


def point(number, good, text, details):
    print(f"{'ok' if good else 'not ok'} {number} - {text}")
    for detail in details[:DETAILS_SHOWN]:
        print(f"# {detail}")
    if len(details) > DETAILS_SHOWN:
        print(f"# and {len(details) - DETAILS_SHOWN} more")


def rules(build):
    print(f"1..{len(RULES)}")
    for number, (name, pattern) in enumerate(RULES.items(), 1):
        files = measure(build, [pattern])
        found = [gap for file in files for gap in gaps(file)] + unexplained(pattern)
        run = sum(line["count"] > 0 for file in files for line in file["lines"])
        if run == 0:
            found.append("no data: nothing of it was run")
        point(number, not found, f"each line and branch is run: {name} ({run} lines)", found)


def lines(build):
    by_folder = collections.defaultdict(lambda: [0, 0])
    for file in measure(build, [r"src/"]):
        folder = os.path.dirname(file["file"])
        for line in file["lines"]:
            if not line.get("gcovr/noncode"):
                by_folder[folder][0] += line["count"] > 0
                by_folder[folder][1] += 1
    run, total = (sum(counts[i] for counts in by_folder.values()) for i in (0, 1))
    percent = 100 * run / total if total else 0
    print("1..1")
    table = [
        f"{folder:28} {run:6} of {total:6} lines  {100 * run / total:5.1f} %"
        for folder, (run, total) in sorted(by_folder.items())
    ]
    text = f"{percent:.1f} % of {total} lines are run, at least {LINES_FLOOR} %"
    point(1, percent >= LINES_FLOOR, text, table)


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("rules", "lines"):
        sys.exit(__doc__)
    {"rules": rules, "lines": lines}[sys.argv[1]](sys.argv[2])
