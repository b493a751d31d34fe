"""What every story stands on: checks that fail loudly, waits for events, and files."""

import os
import time

WAIT_S = 60


class Failure(AssertionError):
    """A check that did not hold."""


def check(condition, what):
    if not condition:
        raise Failure(what)


def check_equal(got, expected, what):
    if got != expected:
        raise Failure(f"{what}: expected {expected!r}, got {got!r}")


def wait_until(what, condition, seconds=WAIT_S, pause_s=0.05):
    """Gives the first true value of condition(), which is looked at again after each pause."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"not within {seconds} s: {what}")
        time.sleep(pause_s)


def read_text(path):
    """Of a log, too, to which a test may have written anything."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def write_text(path, text, mode=0o600):
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        file.write(text)
