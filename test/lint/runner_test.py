#!/usr/bin/env python3
"""Shows that scripts/run-tests counts every way a test program can fail, and leaves nothing running."""

import importlib.machinery
import importlib.util
import os
import signal
import sys

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def load_runner():
    path = os.path.join(ROOT, "scripts", "run-tests")
    loader = importlib.machinery.SourceFileLoader("run_tests", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("run_tests", loader))
    loader.exec_module(module)
    return module


# what it shows, a shell program, points passed, expected words of each failure
CASES = [
    ("all well", "echo 1..2; echo 'ok 1 - a'; echo 'ok 2 - b'", 2, []),
    ("several groups in one program", "echo 1..1; echo 'ok 1 - a'; echo 1..1; echo 'ok 1 - b'", 2, []),
    ("a failed point", "echo 1..2; echo 'ok 1 - a'; echo 'not ok 2 - b'; exit 1", 1, ["b"]),
    ("two failed points", "echo 1..2; echo 'not ok 1 - a'; echo 'not ok 2 - b'; exit 2", 0, ["a", "b"]),
    ("a failed point behind exit status 0", "echo 1..1; echo 'not ok 1 - a'", 0, ["a"]),
    ("a skipped point", "echo 1..1; echo 'ok 1 - a # SKIP no server'", 0, ["skipped"]),
    ("a point put off", "echo 1..1; echo 'not ok 1 - a # TO" "DO'", 0, ["skipped"]),
    ("a crash after its points", "echo 1..1; echo 'ok 1 - a'; kill -ABRT $$", 1, ["SIGABRT"]),
    ("a crash amid its points", "echo 1..2; echo 'ok 1 - a'; kill -SEGV $$", 1, ["SIGSEGV"]),
    ("a leak found at exit", "echo 1..1; echo 'ok 1 - a'; exit 23", 1, ["status 23"]),
    ("fewer points than planned", "echo 1..2; echo 'ok 1 - a'", 1, ["planned 2"]),
    ("no plan", "echo 'ok 1 - a'", 1, ["no plan"]),
    ("no output", "true", 0, ["no test point"]),
    ("an empty plan", "echo 1..0", 0, ["no test point"]),
    ("words that look like points", "echo 1..1; echo 'ok 1 - a'; echo 'okay'; echo '# not ok 2'", 1, []),
    ("output that is not text", "echo 1..1; printf '\\377\\000\\n'; echo 'ok 1 - a'", 1, []),
]


def run(module, script, **options):
    program = module.Program("case", ["bash", "-c", script], **options)
    program.run()
    return program


def matches(program, passed, expected):
    return (
        program.passed == passed
        and len(program.failures) == len(expected)
        and all(words in failure for words, failure in zip(expected, program.failures))
    )


def hanging_program_is_ended(module):
    program = run(module, "echo 1..1; echo 'ok 1 - a'; read -r < <(tail -f /dev/null)", timeout_s=1)
    return matches(program, 1, ["did not end within 1 s"])


def left_over_child_is_ended(module):
    """It holds the output open, so the run would not end before its time if it lived."""
    program = run(module, "echo 1..1; tail -f /dev/null & echo \"ok 1 - $!\"", timeout_s=60)
    if program.failures or program.seconds > 30:
        return False
    child = int(program.output.split()[-1])
    try:
        # The signal is sent; the process is gone once its parent, not us, has collected it.
        os.kill(child, 0)
        with open(f"/proc/{child}/stat", encoding="ascii") as stat:
            state = stat.read().rsplit(")", 1)[1].split()[0]
        with open(f"/proc/{child}/status", encoding="ascii") as status:
            pending = [line for line in status if line.startswith(("SigPnd", "ShdPnd"))]
        killed = any(int(line.split()[1], 16) >> (signal.SIGKILL - 1) & 1 for line in pending)
        return state in "ZX" or killed
    except (ProcessLookupError, FileNotFoundError):
        return True


def reason_is_shown(module):
    program = run(module, "echo 1..2; echo 'not ok 1 - a'; echo '# why'; echo 'ok 2 - b'; echo '# no'")
    return module.reason_of(program.output, "a") == ["# why"]


def main():
    module = load_runner()
    results = []
    for title, script, passed, expected in CASES:
        program = run(module, script)
        results.append((matches(program, passed, expected), title, program))
    print(f"1..{len(results) + 3}")
    for number, (good, title, program) in enumerate(results, 1):
        print(f"{'ok' if good else 'not ok'} {number} - counts {title}")
        if not good:
            print(f"#   {program.passed} passed, failures {program.failures}")
    extra = [
        (hanging_program_is_ended(module), "ends a program that hangs"),
        (left_over_child_is_ended(module), "ends what a program left running"),
        (reason_is_shown(module), "shows why a point failed"),
    ]
    for number, (good, title) in enumerate(extra, len(results) + 1):
        print(f"{'ok' if good else 'not ok'} {number} - {title}")
    return 0 if all(good for good, *_ in results + extra) else 1


if __name__ == "__main__":
    sys.exit(main())
