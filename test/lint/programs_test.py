#!/usr/bin/env python3
"""Shows that the programs of a release build are hardened, link only what their part may know, and
hold nothing that is for tests alone: programs_test.py BUILD. The process boundary is the security boundary: daypassd has no client of a
database it grants access to, and only daypassd has the store."""

import os
import re
import subprocess
import sys

# Of databases that access is granted to.
CLIENTS = ["libpq", "libmariadb", "libodbc", "libhiredis"]

# program, its file below the build folder, libraries of ours it must not need
PROGRAMS = [
    ("daypassd", "src/server/daypassd", ["libcurl", "libsmartcols", "libxml2"] + CLIENTS),
    ("daypass-connector", "src/connector/daypass-connector",
     ["libsqlite3", "libmicrohttpd", "libsmartcols"]),
    ("daypass", "src/cli/daypass", ["libsqlite3", "libmicrohttpd"] + CLIENTS),
]


# Fault points (src/base/fault_point.h) let whoever sets a variable stop a program.
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FAULT_POINT = re.compile(r'FAULT_POINT\("([^"]+)"\)')


def fault_points():
    names = set()
    for folder, _, files in os.walk(os.path.join(ROOT, "src")):
        for file in files:
            if file.endswith(".c"):
                with open(os.path.join(folder, file), encoding="utf-8") as source:
                    names |= set(FAULT_POINT.findall(source.read()))
    return names


def left_of_fault_points(path, names):
    with open(path, "rb") as file:
        texts = set(file.read().split(b"\0"))
    return sorted(name for name in names | {"DAYPASS_FAULTS"} if name.encode() in texts)


def readelf(option, path):
    return subprocess.run(
        ["readelf", "-W", option, path], check=True, capture_output=True, text=True
    ).stdout


def points(name, path, forbidden):
    if not os.path.exists(path):
        return [(False, f"{name} is built", path)]
    header, dynamic = readelf("-h", path), readelf("-d", path)
    segments, symbols = readelf("-l", path), readelf("-s", path)
    notes = readelf("-n", path)
    writable = [line for line in segments.splitlines() if " LOAD " in line and "W" in line[-20:]]
    stack = re.search(r"GNU_STACK.*", segments)
    found = [
        ("DYN" in header and re.search(r"Flags:.*\bPIE\b", dynamic), f"{name} is position independent", header + dynamic),
        (writable and not any("E" in line[-20:-8] for line in writable), f"{name} has no memory that is both written and executed", segments),
        ("TEXTREL" not in dynamic, f"{name} has no code to be changed when it is loaded", dynamic),
        ("GNU_RELRO" in segments and re.search(r"BIND_NOW|\bNOW\b", dynamic), f"{name} resolves its libraries at start and then write-protects them", dynamic),
        (stack and "RWE" not in stack.group(0), f"{name} has no executable stack", segments),
        ("__stack_chk_fail" in symbols, f"{name} guards its stack", ""),
        (re.search(r"__\w+_chk\b(?<!__stack_chk)", symbols), f"{name} is fortified", ""),
        ("X86-64" not in header or "SHSTK" in notes, f"{name} can run with a shadow stack", notes),
        (not re.search(r"RPATH|RUNPATH", dynamic), f"{name} takes libraries from the system only", dynamic),
    ]
    left = left_of_fault_points(path, fault_points())
    found.append((not left, f"{name} holds nothing of fault points", "\n".join(left)))
    for library in forbidden:
        found.append((library + ".so" not in dynamic, f"{name} does not link {library}", dynamic))
    return found


def unmarked_objects(build):
    """Objects of ours without marks for indirect branches and shadow stacks, or without any guard."""
    found, unmarked = 0, []
    for folder, _, files in os.walk(os.path.join(build, "src")):
        for path in (os.path.join(folder, file) for file in files if file.endswith(".c.o")):
            found += 1
            if "X86-64" in readelf("-h", path) and "IBT, SHSTK" not in readelf("-n", path):
                unmarked.append(path)
    return found, unmarked


def main():
    build = sys.argv[1]
    found, unmarked = unmarked_objects(build)
    results = [(found > 50, "objects of ours are found", build),
               (not unmarked, "every object is marked for IBT and shadow stacks", "\n".join(unmarked))]
    for name, file, forbidden in PROGRAMS:
        results += points(name, os.path.join(build, file), forbidden)
    print(f"1..{len(results)}")
    for number, (good, title, evidence) in enumerate(results, 1):
        print(f"{'ok' if good else 'not ok'} {number} - {title}")
        if not good:
            for line in evidence.splitlines()[:40]:
                print("#   " + line)
    return 0 if all(good for good, *_ in results) else 1


if __name__ == "__main__":
    sys.exit(main())
