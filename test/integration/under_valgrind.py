#!/usr/bin/env python3
"""Runs a story with the three programs under valgrind, and adds a point for each of their runs.

    under_valgrind.py BUILD STORY_test.py FILTER

BUILD is without sanitizers. The story finds, in place of each program, a script that starts it under
valgrind's memcheck; what memcheck found is read from its logs afterwards.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = ("src/server/daypassd", "src/connector/daypass-connector", "src/cli/daypass")
SUMMARY = re.compile(r"ERROR SUMMARY: (\d+) errors")
SHOWN_LINES = 60


def wrap(build, folder):
    """Makes a build folder of scripts, whose logs go beside them."""
    for program in PROGRAMS:
        path = os.path.join(folder, program)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        log = os.path.join(folder, "logs", os.path.basename(program) + ".%p")
        with open(path, "w", encoding="utf-8") as script:
            script.write(
                "#!/bin/sh\nexec valgrind --leak-check=full --errors-for-leak-kinds=definite"
                " --show-leak-kinds=definite --child-silent-after-fork=yes --num-callers=30"
                f" --log-file='{log}' '{os.path.join(build, program)}' \"$@\"\n"
            )
        os.chmod(path, 0o755)
    os.makedirs(os.path.join(folder, "logs"))


def findings(path):
    """None for a run that came to its end without a finding, else what to show of it."""
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read()
    counts = SUMMARY.findall(text)
    if counts and all(count == "0" for count in counts):
        return None
    lines = [line for line in text.splitlines() if not line.lstrip("=-0123456789 ").startswith("Reading")]
    return lines[-SHOWN_LINES:]


def judge(folder):
    """A run that was killed has no summary and says nothing; each program must have ended one."""
    ended = {os.path.basename(program): 0 for program in PROGRAMS}
    points = []
    for name in sorted(os.listdir(os.path.join(folder, "logs"))):
        program = name.rsplit(".", 1)[0]
        path = os.path.join(folder, "logs", name)
        found = findings(path)
        with open(path, encoding="utf-8", errors="replace") as file:
            was_killed = not SUMMARY.search(file.read())
        if found is None:
            ended[program] += 1
        elif not was_killed:
            points.append((False, f"a run of {program} under valgrind", found))
    for program, count in ended.items():
        points.append((count > 0, f"{program}: {count} runs without a finding of valgrind", []))
    print(f"1..{len(points)}")
    for number, (good, what, details) in enumerate(points, 1):
        print(f"{'ok' if good else 'not ok'} {number} - {what}")
        for line in details:
            print(f"# {line}")
    return all(good for good, _, _ in points)


def main():
    build, story, *rest = sys.argv[1:]
    folder = tempfile.mkdtemp(prefix="daypass-valgrind-")
    try:
        wrap(os.path.abspath(build), folder)
        env = {**os.environ, "DAYPASS_BUILD": folder, "PYTHONDONTWRITEBYTECODE": "1"}
        env["DAYPASS_TEST_SECCOMP"] = "off"  # valgrind does not know the call, and makes many others
        env["GCOV_PREFIX"] = os.path.join(folder, "gcov")
        command = [sys.executable, "-u", os.path.join(HERE, story), *rest]
        status = subprocess.run(command, env=env, cwd=HERE).returncode
        good = judge(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if status != 0 or not good else 0


if __name__ == "__main__":
    sys.exit(main())
