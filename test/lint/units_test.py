#!/usr/bin/env python3
"""Shows that the systemd units are sound, strict, and let the programs of a release build run:
units_test.py BUILD. systemd itself is not started: its own tool judges the units, and the filter of
system calls that a unit asks for is put around the real program."""

import ctypes
import errno
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
UNITS = {"daypassd": "src/server/daypassd", "daypass-connector": "src/connector/daypass-connector"}
# Of 100, by systemd-analyze security; what is left is that they use the network and their host.
EXPOSURE_MAX = 11
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM


def run(*command):
    return subprocess.run(command, capture_output=True, text=True)


def unit_text(name):
    with open(os.path.join(ROOT, "packaging", name + ".service"), encoding="utf-8") as file:
        return file.read()


def group(name, known={}):  # pylint: disable=dangerous-default-value
    """The system calls of a group, "@system-service", as this systemd has it."""
    if not name.startswith("@"):
        return {name}
    if name not in known:
        lines = run("systemd-analyze", "--no-pager", "syscall-filter", name).stdout.splitlines()[1:]
        lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip() for line in lines]
        known[name] = set()
        for line in lines:
            if line and not line.startswith("#"):
                known[name] |= group(line)
    return known[name]


def allowed_calls(text):
    """As systemd.exec(5) reads the lines: the first decides that it is a list of what is allowed."""
    calls = set(group("@default"))
    for value in re.findall(r"^SystemCallFilter=(.*)$", text, re.MULTILINE):
        for word in value.lstrip("~").split():
            calls = calls - group(word) if value.startswith("~") else calls | group(word)
    return calls


def confine(calls):
    """In the child, before it becomes the program. execve once more is systemd's own doing too."""
    seccomp = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(REFUSE))
    for call in calls | {"execve"}:
        number = seccomp.seccomp_syscall_resolve_name(call.encode())
        if number >= 0:
            seccomp.seccomp_rule_add(context, ALLOW, number, 0)
    if seccomp.seccomp_load(context) != 0:
        os._exit(99)


def starts_under_its_filter(program, text):
    """(whether, log) of daypassd under what its unit allows."""
    with tempfile.TemporaryDirectory() as folder:
        config, log = os.path.join(folder, "c.yaml"), os.path.join(folder, "log")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"listen: {{port: 0}}\nstate_folder: {folder}/state\n")
        calls = allowed_calls(text)
        with open(log, "wb") as out:
            process = subprocess.Popen(
                [program, "--config", config], stdout=out, stderr=out,
                preexec_fn=lambda: confine(calls),
            )  # fmt: skip
        end = time.monotonic() + 60
        said = ""
        while time.monotonic() < end and process.poll() is None and "sandbox.entered" not in said:
            with open(log, encoding="utf-8") as file:
                said = file.read()
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=60)
        with open(log, encoding="utf-8") as file:
            said = file.read()
        return code == 0 and "sandbox.entered" in said, f"exit code {code}\n{said}"


def named_calls():
    """What our own filter lets the daemons do, by the lists of src/sandbox/system_calls.c."""
    with open(os.path.join(ROOT, "src/sandbox/system_calls.c"), encoding="utf-8") as file:
        text = file.read()
    names = {}
    for list_name, body in re.findall(r"char \*const (\w+)\[\] = \{(.*?)\};", text, re.DOTALL):
        names[list_name] = set(re.findall(r'"(\w+)"', body))
    return names


# What a unit may refuse although our own filter does not: newer than that systemd, or done by root
# alone (SQLite gives new files to the store's owner).
REFUSED_BY_UNITS = {
    "fchown", "fchown32", "futex_requeue", "futex_wait", "futex_wake", "futex_waitv", "mincore",
    "map_shadow_stack", "fchmodat2", "sched_setaffinity", "setrlimit",
}  # fmt: skip


def points(build):
    found = []
    names = named_calls()
    for unit, file in UNITS.items():
        text = unit_text(unit)
        program = os.path.join(build, file)
        with tempfile.TemporaryDirectory() as folder:
            # The programs and manuals need not be installed here.
            path = os.path.join(folder, unit + ".service")
            with open(path, "w", encoding="utf-8") as copy:
                changed = text.replace(f"/usr/bin/{unit}", os.path.abspath(program))
                copy.write(re.sub(r"^Documentation=.*$", "", changed, flags=re.MULTILINE))
            verified = run("systemd-analyze", "verify", path)
            said = verified.stdout + verified.stderr
            found.append((verified.returncode == 0 and not said, f"{unit}.service is sound", said))
            security = run("systemd-analyze", "security", "--no-pager", "--offline=true",
                           f"--threshold={EXPOSURE_MAX}", path)
            score = re.search(r"exposure level.*: ([0-9.]+)", security.stdout)
            found.append((security.returncode == 0 and score, f"{unit}.service exposes {score and score.group(1)} of 10 at most {EXPOSURE_MAX / 10}", security.stdout))
        calls = allowed_calls(text)
        wanted = {"seccomp", "prctl", "prlimit64"}.union(*(names[key] for key in names if key != "SANITIZERS"))
        missing = sorted(wanted - calls - REFUSED_BY_UNITS)
        found.append((not missing, f"{unit}.service allows what the program's own filter does", str(missing)))
        found.append(("SystemCallErrorNumber=EPERM" in text, f"{unit}.service refuses rather than kills", text))
    good, log = starts_under_its_filter(os.path.join(build, UNITS["daypassd"]), unit_text("daypassd"))
    found.append((good, "daypassd starts and confines itself under its unit's filter", log))
    return found


def main():
    results = points(sys.argv[1])
    print(f"1..{len(results)}")
    for number, (good, title, evidence) in enumerate(results, 1):
        print(f"{'ok' if good else 'not ok'} {number} - {title}")
        if not good:
            for line in evidence.splitlines()[:40]:
                print("#   " + line)
    return 0 if all(good for good, *_ in results) else 1


if __name__ == "__main__":
    sys.exit(main())
