#!/usr/bin/env python3
"""Shows that a connector built without the client libraries that can be left out links none of them,
and says so: smallest_test.py BUILD."""

import os
import subprocess
import sys
import tempfile

from programs_test import CLIENTS, readelf

KINDS = {
    "mysql": "MySQL", "mariadb": "MariaDB", "sqlserver": "SQL Server", "oracle": "Oracle", "redis": "Redis",
    "aws": "AWS",
}  # fmt: skip
CONFIG = """control_plane: https://127.0.0.1:1
state_folder: {folder}/state
secrets:
  - {secret}
"""
DATABASE = "{{name: a, user: x, env: HOME, target: {{kind: {kind}, host: localhost, database: d}}}}"
ACCOUNT = "{name: a, target: {kind: aws, aws: {account: '123456789012', region: eu-central-1}}}"


def run(program, *arguments):
    result = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    return result.returncode, result.stdout + result.stderr


def says_it_has_none(program, kind, title):
    with tempfile.TemporaryDirectory() as folder:
        config = os.path.join(folder, "connector.yaml")
        with open(config, "w", encoding="utf-8") as file:
            secret = ACCOUNT if kind == "aws" else DATABASE.format(kind=kind)
            file.write(CONFIG.format(folder=folder, secret=secret))
        os.chmod(config, 0o600)
        for command in ("check-config", "check"):
            code, said = run(program, command, "--config", config)
            if code == 0 or f"built without {title}; it has PostgreSQL" not in said:
                return False, said
    return True, ""


def main():
    program = os.path.join(sys.argv[1], "src/connector/daypass-connector")
    dynamic = readelf("-d", program)
    left_out = [library for library in CLIENTS if library != "libpq"] + ["libxml2"]
    results = [(library + ".so" not in dynamic, f"{library} is left out", dynamic) for library in left_out]
    code, said = run(program, "--version")
    results.append((code == 0 and said.endswith("(PostgreSQL)\n"), "--version says what it has", said))
    for kind, title in KINDS.items():
        good, said = says_it_has_none(program, kind, title)
        results.append((good, f"a target of kind {kind} is refused in words", said))
    print(f"1..{len(results)}")
    for number, (good, title, evidence) in enumerate(results, 1):
        print(f"{'ok' if good else 'not ok'} {number} - {title}")
        if not good:
            for line in evidence.splitlines()[:20]:
                print("#   " + line)
    return 0 if all(good for good, *_ in results) else 1


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main())
