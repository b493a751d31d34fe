#!/usr/bin/env python3
"""Shows that each lint check passes on good input and fails on bad, in small trees of its own."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import checks

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BANNED = "#define strcpy(...) BANNED(strcpy, memcpy)\n#define gets(...) BANNED(gets, fgets)\n"
LONG_BODY = "    work();\n" * checks.FUNCTION_MAX_LINES

# check, what the bad input shows, files, expected words of the fault (None: no fault).
CASES = [
    ("formatting", "well formatted", {"src/base/a.c": "int a(void) {\n    return 1;\n}\n"}, None),
    ("formatting", "wrong indent", {"src/base/a.c": "int a(void) {\n  return 1;\n}\n"}, "not formatted"),
    ("formatting", "pointer to the left", {"src/base/a.h": "int a(const char* b);\n"}, "not formatted"),
    ("whitespace", "clean", {"a.md": "fine\n"}, None),
    ("whitespace", "blanks at a line's end", {"a.md": "fine \n"}, "a.md:1: blanks"),
    ("whitespace", "carriage return", {"a.md": "fine\r\n"}, "carriage return"),
    ("whitespace", "tab in C", {"src/base/a.c": "\tint a;\n"}, "tab"),
    ("whitespace", "no newline at the end", {"a.md": "fine"}, "no newline"),
    ("whitespace", "conflict marker", {"a.py": "<" * 7 + " ours\n"}, "conflict marker"),
    ("whitespace", "corpora are bytes", {"test/fuzz/corpus/a/1": "a \r\n\t"}, None),
    ("banned_calls", "named in a comment or a string",
     {"src/base/banned.h": BANNED, "src/base/a.c": '// strcpy(a, b)\nchar *a = "strcpy(";\n'}, None),
    ("banned_calls", "a member of that name", {"src/base/banned.h": BANNED, "src/base/a.c": "x.gets(1);\n"}, None),
    ("banned_calls", "call", {"src/base/banned.h": BANNED, "src/base/a.c": "strcpy(a, b);\n"}, "a.c:1: strcpy"),
    ("banned_calls", "call around the macro",
     {"src/base/banned.h": BANNED, "src/base/a.c": "\n(strcpy)(a, b);\n"}, "a.c:2: strcpy"),
    ("banned_calls", "ban lifted", {"src/base/banned.h": BANNED, "test/a.c": "#undef gets\n"}, "gets is banned"),
    ("banned_calls", "no ban left", {"src/base/banned.h": "\n"}, "bans nothing"),
    ("layers", "down the floors", {"src/api/a.c": '#include "store/s.h"\n#include "api/b.h"\n'}, None),
    ("layers", "up", {"src/base/a.c": '#include "domain/grant.h"\n'}, "base may include nothing"),
    ("layers", "sideways", {"src/wire/a.c": '#include "domain/grant.h"\n'}, "wire may include base"),
    ("layers", "daypassd reaches a target", {"src/server/a.c": '#include "driver/driver.h"\n'}, "server may include"),
    ("layers", "one program into another", {"src/cli/a.c": '#include "server/a.h"\n'}, "cli may include"),
    ("layers", "not written from src/", {"src/api/a.c": '#include "b.h"\n'}, "write includes from src/"),
    ("layers", "unknown folder", {"src/misc/a.c": "\n"}, "unknown folder"),
    ("layers", "one engine into another",
     {"src/driver/mysql/a.c": '#include "driver/postgresql/b.h"\n'}, "one engine's folder"),
    ("layers", "libpq where it belongs", {"src/driver/postgresql/a.c": "#include <libpq-fe.h>\n"}, None),
    ("layers", "libpq elsewhere", {"src/server/a.c": "#include <libpq-fe.h>\n"}, "<libpq-fe.h> belongs to"),
    ("include_circles", "a chain",
     {"src/base/a.h": '#include "base/b.h"\n', "src/base/b.h": "\n"}, None),
    ("include_circles", "a circle of three",
     {"src/base/a.h": '#include "base/b.h"\n', "src/base/b.h": '#include "base/c.h"\n',
      "src/base/c.h": '#include "base/a.h"\n'}, "circle of includes: src/base/a.h"),
    ("headers_stand_alone", "complete", {"src/base/a.h": "#pragma once\nint a(int b);\n"}, None),
    ("headers_stand_alone", "type not declared", {"src/base/a.h": "#pragma once\nThing *a(void);\n"}, "on its own"),
    ("headers_stand_alone", "no guard", {"src/base/a.h": "int a(int b);\n"}, "no #pragma once"),
    ("static_analysis", "within bounds",
     {"src/base/a.c": "int a(void) {\n    int b[2] = {0, 0};\n    return b[1];\n}\n"}, None),
    ("static_analysis", "out of bounds",
     {"src/base/a.c": "int a(void) {\n    int b[2] = {0, 0};\n    return b[2];\n}\n"}, "a.c:3: "),
    ("macros_in_base", "in base", {"src/base/a.h": "#define TWICE(x) ((x) + (x))\n"}, None),
    ("macros_in_base", "a constant", {"src/api/a.c": "#define TWO 2\n"}, None),
    ("macros_in_base", "elsewhere", {"src/api/a.c": "#define TWICE(x) ((x) + (x))\n"}, "macro TWICE"),
    ("file_lengths", "short", {"src/base/a.c": "\n" * checks.FILE_MAX_LINES}, None),
    ("file_lengths", "long", {"src/base/a.c": "\n" * (checks.FILE_MAX_LINES + 1)}, "more than"),
    ("function_lengths", "short", {"src/base/a.c": "static void a(int b) {\n    work();\n}\n"}, None),
    ("function_lengths", "long", {"src/base/a.c": "static void a(int b) {\n" + LONG_BODY + "}\n"}, "a has"),
    ("function_lengths", "long, many lines of parameters",
     {"src/base/a.c": "Status a(int b,\n         int c) {\n" + LONG_BODY + "}\n"}, "a has"),
    ("unfinished_words", "finished", {"src/base/a.c": "// done\n"}, None),
    ("unfinished_words", "put off", {"src/base/a.c": "// TO" "DO: later\n"}, "a.c:1"),
    ("unfinished_words", "put off in a document", {"docs/a.md": "works for n" "ow\n"}, "a.md:1"),
    ("secrets_in_source", "none", {"a.md": "-----BEGIN CERTIFICATE-----\n"}, None),
    ("secrets_in_source", "a key", {"test/a.pem": "-----BEGIN PRIV" "ATE KEY-----\n"}, "real secret"),
    ("everything_is_built", "named",
     {"src/base/a.c": "\n", "src/base/meson.build": "files('a.c')\n",
      "test/unit/base/a_test.c": "\n", "test/unit/base/meson.build": "tests = ['a']\n"}, None),
    ("everything_is_built", "source left out",
     {"src/base/a.c": "\n", "src/base/meson.build": "files()\n"}, "a.c: not named"),
    ("everything_is_built", "test left out",
     {"test/unit/base/a_test.c": "\n", "test/unit/base/meson.build": "tests = ['ab']\n"}, "a_test.c: not named"),
    ("everything_is_built", "story left out",
     {"test/integration/a_test.py": "\n", "test/integration/meson.build": "\n"}, "a_test.py: not named"),
    ("everything_is_built", "fuzz target without seeds",
     {"test/fuzz/a_fuzz.c": "\n", "test/fuzz/meson.build": "{'a': base_dep}\n"}, "no seeds"),
    ("scripts_parse", "well-formed", {"a.sh": "echo a\n", "b.py": "a = 1\n"}, None),
    ("scripts_parse", "shell", {"a.sh": "if true; then\n"}, "a.sh"),
    ("scripts_parse", "Python", {"b.py": "a = (\n"}, "b.py:1"),
    ("scripts_parse", "not executable", {"a": "#!/bin/sh\n"}, "chmod +x"),
    ("links_in_documents", "leads somewhere",
     {"a.md": "[b](docs/b.md#part) [c](https://example.com)\n", "docs/b.md": "[a](../a.md)\n"}, None),
    ("links_in_documents", "leads nowhere", {"a.md": "\n[b](b.md)\n"}, "a.md:2: link to b.md"),
]


def faults_of(check, files):
    folder = tempfile.mkdtemp(prefix="daypass-lint-")
    try:
        shutil.copy(os.path.join(ROOT, ".clang-format"), folder)
        for path, text in files.items():
            full = os.path.join(folder, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8", newline="") as file:
                file.write(text)
        return check(checks.Tree(folder, use_git=False))
    finally:
        shutil.rmtree(folder)


def refused_by_compiler(name):
    """Whether a call of the banned function fails to compile behind the real banned.h."""
    result = subprocess.run(
        ["gcc", "-std=gnu17", "-D_GNU_SOURCE=", "-include", os.path.join(ROOT, "src/base/banned.h"),
         "-Werror=implicit-function-declaration", "-fsyntax-only", "-x", "c", "-"],
        input=f"int main(void) {{ (void){name}(0); return 0; }}\n", capture_output=True, text=True,
    )
    return result.returncode != 0 and f"banned_{name}_use_" in result.stderr


def main():
    by_name = {check.__name__: check for check in checks.CHECKS}
    results = []
    for name, title, files, expected in CASES:
        faults = faults_of(by_name[name], files)
        if expected is None:
            good = not faults
        else:
            good = bool(faults) and any(expected in fault for fault in faults)
        verb = "passes" if expected is None else "fails"
        results.append((good, f"{name} {verb}: {title}", faults))

    for name in checks.banned_names(checks.Tree(ROOT)):
        results.append((refused_by_compiler(name), f"the compiler refuses {name}", []))

    for name in by_name:
        outcomes = {expected is None for case, _, _, expected in CASES if case == name}
        results.append((outcomes == {True, False}, f"{name} is shown both ways", []))

    print(f"1..{len(results)}")
    for number, (good, title, faults) in enumerate(results, 1):
        print(f"{'ok' if good else 'not ok'} {number} - {title}")
        if not good:
            for fault in faults or ["no fault found"]:
                print("#   " + re.sub(r"\s+", " ", fault))
    return 0 if all(good for good, _, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main())
