#!/usr/bin/env python3
"""Runs rows of the benchmark and writes what they found: run.py [--quick] [--folder FOLDER] [ROW]...

./bench builds what this needs, starts the servers, and says to it where they are."""

import argparse
import datetime
import importlib
import os
import platform
import signal
import subprocess
import sys
import time
import traceback

import report
from rows import rows_of

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Bench:
    """How much is measured. `share`: of the large numbers, to try the harness itself."""

    def __init__(self, quick, share):
        self.quick, self.share = quick, share
        self.rounds = 3 if quick else 7
        self.run_s = 1.5 if quick else 8
        self.warm_up_s = 0.7 if quick else 4

    def many(self, number):
        return max(round(number * self.share), 1)

    @staticmethod
    def say(text):
        print(f"  {text}", flush=True)


def revision():
    done = subprocess.run(
        ["git", "-c", "safe.directory=*", "describe", "--always", "--dirty"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip() or "unknown"


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    return f"{os.cpu_count()} × {names[0] if names else platform.machine()}"


def circumstances(bench):
    return {
        "measured_at": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "revision": revision(),
        "machine": f"{processor()}, {platform.system()} {platform.release()}",
        "load_before": round(os.getloadavg()[0], 2),
        "rounds": bench.rounds,
        "seconds_each": bench.run_s,
        "quick": bench.quick,
        "share": bench.share,
    }


def run_row(bench, row):
    """The row's document."""
    print(f"{row.number}. {row.what}", flush=True)
    found = {"row": row.number, "what": row.what, **circumstances(bench)}
    before = time.monotonic()
    results = importlib.import_module(row.module).run(bench, row)
    for result in results:
        verdict = "met" if result.met else "NOT MET"
        bench.say(f"{result.what}: {result.value_text}; goal {result.goal}: {verdict}")
        for note in result.notes:
            bench.say(f"  {note}")
    found["took_s"] = round(time.monotonic() - before, 1)
    found["results"] = [result.document() for result in results]
    return found


def main():
    # What a row has started ends with it, also when it is told to stop.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--share", type=float, default=1)
    parser.add_argument("--folder", required=True)
    parser.add_argument("rows", nargs="*", type=int)
    arguments = parser.parse_args()
    bench = Bench(arguments.quick, arguments.share)
    chosen = rows_of(arguments.rows)
    documents = report.load(arguments.folder)
    failed = 0
    for row in chosen:
        try:
            documents[row.number] = run_row(bench, row)
        except Exception:  # pylint: disable=broad-except
            failed += 1
            traceback.print_exc()
            continue
        report.save(arguments.folder, documents)
    print(f"Written: {', '.join(report.paths(arguments.folder))}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
