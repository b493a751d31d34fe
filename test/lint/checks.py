"""What the lint suite holds the tree to. Each check takes a Tree and returns a list of faults, each
a line that says where, what is wrong and what to do; lint_test.py shows that every one can fail."""

import ast
import os
import re
import shutil
import subprocess

FILE_MAX_LINES = 700
FUNCTION_MAX_LINES = 110

# A folder of src/ may include itself, base, and what stands here. Arrows run down the floors of
# ARCHITECTURE.md; the programs do not reach into each other.
LAYERS = {
    "base": set(),
    "domain": {"base"},
    "wire": {"base"},
    "config": {"base"},
    "http": {"base"},
    "aws": {"base", "http"},
    "sandbox": {"base"},
    "store": {"base", "domain"},
    "driver": {"base", "domain", "aws"},
    "api": {"base", "domain", "store", "wire", "http"},
    "server": {"base", "domain", "wire", "config", "http", "sandbox", "store", "api"},
    "connector": {"base", "domain", "wire", "config", "http", "sandbox", "driver"},
    "cli": {"base", "domain", "wire", "config", "http", "aws"},
}

# Libraries that must not leak out of the folder made for them.
LIBRARY_HOMES = {
    "libpq-fe.h": ("driver/postgresql/", "store/postgresql/"),
    "mysql.h": ("driver/mysql/",),
    "sql.h": ("driver/odbc/",),
    "sqlext.h": ("driver/odbc/",),
    "hiredis/hiredis.h": ("driver/redis/",),
    "sqlite3.h": ("store/sqlite/",),
    "microhttpd.h": ("http/",),
    "curl/curl.h": ("http/",),
    "libxml/parser.h": ("aws/",),
    "yaml.h": ("config/",),
    "libsmartcols/libsmartcols.h": ("cli/",),
    "libsmartcols.h": ("cli/",),
    "seccomp.h": ("sandbox/",),
    "systemd/sd-daemon.h": ("server/", "connector/"),
}

# What engines stand on, which is no engine itself.
SHARED_BY_ENGINES = ("driver/odbc/",)

# Written in two halves, so that this file does not find itself.
UNFINISHED = re.compile(
    "|".join([r"\bTO" r"DO\b", r"\bFIX" r"ME\b", r"\bXX" r"X\b", r"\bHA" r"CK\b", r"\bfor n" r"ow\b"])
)
SECRET_LOOKING = re.compile(
    "|".join([r"-----BEGIN [A-Z ]*PRIV" r"ATE KEY-----", r"\bAK" r"IA[0-9A-Z]{16}\b", r"\bgh" r"p_[A-Za-z0-9]{36}\b"])
)

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.MULTILINE)


class Tree:
    """The files of a tree: what git knows or would add, or everything where git is not asked."""

    def __init__(self, root, use_git=True):
        self.root = root
        self.paths = self._git_paths() if use_git else self._walked_paths()
        self._texts = {}

    def _git_paths(self):
        listed = subprocess.run(
            ["git", "-c", "safe.directory=*", "ls-files", "-z", "-co", "--exclude-standard"],
            cwd=self.root, capture_output=True, text=True,
        )
        if listed.returncode != 0:
            return self._walked_paths()
        paths = set(listed.stdout.split("\0")) - {""}
        return sorted(path for path in paths if os.path.isfile(os.path.join(self.root, path)))

    def _walked_paths(self):
        found = []
        for folder, folders, files in os.walk(self.root):
            folders[:] = [name for name in folders if name not in (".git", "build", "__pycache__")]
            found += [os.path.relpath(os.path.join(folder, name), self.root) for name in files]
        return sorted(found)

    def text(self, path):
        if path not in self._texts:
            full = os.path.join(self.root, path)
            with open(full, encoding="utf-8", errors="replace", newline="") as file:
                self._texts[path] = file.read()
        return self._texts[path]

    def select(self, *endings, under=("",)):
        return [path for path in self.paths if path.endswith(endings) and path.startswith(under)]

    def ours(self, *endings):
        return self.select(*endings, under=("src/", "test/"))

    def written_text(self):
        """Every file people write; fuzz corpora are bytes, and the licence is not ours to edit."""
        return [
            path
            for path in self.paths
            if not path.startswith("test/fuzz/corpus/")
            and path != "LICENSE"
            and not path.endswith((".png", ".svg", ".ico", ".db"))
        ]


def without_comments_and_strings(text):
    """The same text with comments and literals blanked, line numbers kept."""
    pattern = re.compile(
        r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL
    )

    def blank(match):
        piece = match.group(0)
        if piece[0] in "\"'":
            return piece[0] + piece[0]
        return re.sub(r"[^\n]", " ", piece)

    return pattern.sub(blank, text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def formatting(tree):
    """C files read as clang-format writes them."""
    paths = tree.ours(".c", ".h")
    if not paths:
        return []
    if not shutil.which("clang-format"):
        return ["clang-format is missing: scripts/install-dependencies test"]
    style = os.path.join(tree.root, ".clang-format")
    result = subprocess.run(
        ["clang-format", "--style=file:" + style, "--dry-run", "--Werror", *paths],
        cwd=tree.root, capture_output=True, text=True,
    )
    wrong = sorted(set(re.findall(r"^(\S+?):\d+:\d+: error:", result.stderr, re.MULTILINE)))
    faults = [f"{path}: not formatted; run scripts/format {path}" for path in wrong]
    if result.returncode != 0 and not faults:
        faults.append("clang-format failed: " + result.stderr.strip()[:300])
    return faults


def whitespace(tree):
    """No trailing blanks, carriage returns, tabs in C, conflict markers; a newline at the end."""
    faults = []
    for path in tree.written_text():
        text = tree.text(path)
        for number, line in enumerate(text.split("\n"), 1):
            if line.endswith("\r"):
                faults.append(f"{path}:{number}: carriage return at the end of the line")
            elif line != line.rstrip(" \t"):
                faults.append(f"{path}:{number}: blanks at the end of the line")
            if "\t" in line and path.endswith((".c", ".h", ".py", "meson.build")):
                faults.append(f"{path}:{number}: tab; indent with blanks")
            if re.match(r"(<{7} |>{7} |={7}$)", line) and not path.endswith((".md", ".rst")):
                faults.append(f"{path}:{number}: conflict marker")
        if text and not text.endswith("\n"):
            faults.append(f"{path}: no newline at the end of the file")
    return faults


def banned_names(tree):
    if "src/base/banned.h" not in tree.paths:
        return []
    return re.findall(r"^#define (\w+)\(\.\.\.\) BANNED\(", tree.text("src/base/banned.h"), re.MULTILINE)


def banned_calls(tree):
    """Nobody calls, or makes callable again, what src/base/banned.h refuses."""
    names = banned_names(tree)
    if not names:
        return ["src/base/banned.h: bans nothing; it must #define NAME(...) BANNED(NAME, INSTEAD)"]
    pattern = re.compile(
        r"(?<![\w.>])(" + "|".join(names) + r")\s*\)?\s*\(|#\s*undef\s+(" + "|".join(names) + r")\b"
    )
    faults = []
    for path in tree.ours(".c", ".h"):
        if path == "src/base/banned.h":
            continue
        text = without_comments_and_strings(tree.text(path))
        for match in pattern.finditer(text):
            name = match.group(1) or match.group(2)
            faults.append(
                f"{path}:{line_of(text, match.start())}: {name} is banned; "
                "src/base/banned.h says what to use"
            )
    return faults


def layer_of(path):
    """The folder of src/ that a path or an include belongs to."""
    return path.split("/")[0] if "/" in path else None


def layers(tree):
    """Includes run down the floors; a library stays in the folder made for it."""
    faults = []
    for path in tree.select(".c", ".h", under=("src/",)):
        inside = path[len("src/"):]
        layer = layer_of(inside)
        if layer not in LAYERS:
            faults.append(f"{path}: unknown folder; give it a place in LAYERS of test/lint/checks.py")
            continue
        for match in INCLUDE.finditer(tree.text(path)):
            quote, name = match.groups()
            where = f"{path}:{line_of(tree.text(path), match.start())}"
            if quote == "<":
                homes = LIBRARY_HOMES.get(name)
                if homes and not inside.startswith(homes):
                    faults.append(f"{where}: <{name}> belongs to src/{' and src/'.join(homes)} only")
                continue
            other = layer_of(name)
            if other not in LAYERS:
                faults.append(f'{where}: write includes from src/: "{layer}/…", not "{name}"')
            elif other != layer and other not in LAYERS[layer]:
                allowed = ", ".join(sorted(LAYERS[layer])) or "nothing"
                faults.append(f"{where}: {layer} may include {allowed}, not {name}")
            elif crosses_engines(inside, name):
                faults.append(f"{where}: one engine's folder does not reach into another's ({name})")
    return faults


def crosses_engines(inside, name):
    """store/sqlite, driver/postgresql, …: below those two, folders are strangers to each other."""
    if not inside.startswith(("store/", "driver/")) or not name.startswith(("store/", "driver/")):
        return False
    if name.startswith(SHARED_BY_ENGINES):
        return False
    mine, theirs = inside.split("/")[:-1], name.split("/")[:-1]
    return len(theirs) > 1 and len(mine) > 1 and mine[:2] != theirs[:2]


def include_circles(tree):
    """No header includes itself, directly or through others."""
    graph = {}
    for path in tree.select(".h", under=("src/", "test/")):
        targets = []
        for quote, name in INCLUDE.findall(tree.text(path)):
            for candidate in ("src/" + name, "test/" + name, os.path.join(os.path.dirname(path), name)):
                if quote == '"' and candidate in tree.paths:
                    targets.append(candidate)
                    break
        graph[path] = targets
    faults, done = [], set()

    def visit(path, trail):
        if path in trail:
            circle = trail[trail.index(path):] + [path]
            faults.append("circle of includes: " + " -> ".join(circle))
            return
        if path in done:
            return
        for target in graph.get(path, []):
            visit(target, trail + [path])
        done.add(path)

    for path in sorted(graph):
        visit(path, [])
    return faults


def headers_stand_alone(tree):
    """A header starts with #pragma once and compiles as the first include."""
    headers = tree.select(".h", under=("src/",))
    faults = []
    for path in headers:
        if not re.search(r"^#pragma once$", tree.text(path), re.MULTILINE):
            faults.append(f"{path}: no #pragma once")
    packages = "jansson libsodium libcurl libmicrohttpd sqlite3 libpq smartcols yaml-0.1 libmariadb"
    flags = subprocess.run(
        ["pkg-config", "--cflags", *packages.split()], capture_output=True, text=True
    ).stdout.split()
    for path in headers:
        message = compile_error(tree, flags, f'#include "{path[len("src/"):]}"\n')
        if message:
            faults.append(f"{path}: does not compile on its own: {message}")
    return faults


def compile_error(tree, flags, unit):
    forced = os.path.join(tree.root, "src/base/banned.h")
    command = ["gcc", "-std=gnu17", "-D_GNU_SOURCE=", "-fsyntax-only", "-Isrc", *flags, "-x", "c", "-"]
    if os.path.exists(forced):
        command[1:1] = ["-include", forced]
    result = subprocess.run(command, cwd=tree.root, input=unit, capture_output=True, text=True)
    if result.returncode == 0:
        return ""
    errors = [line for line in result.stderr.splitlines() if "error:" in line]
    return (errors or result.stderr.splitlines() or ["unknown"])[0][:200]


def static_analysis(tree):
    """cppcheck finds nothing."""
    paths = tree.ours(".c")
    if not paths:
        return []
    if not shutil.which("cppcheck"):
        return ["cppcheck is missing: scripts/install-dependencies test"]
    command = [
        "cppcheck", "--quiet", "--std=c11", "--enable=warning,portability", "--inline-suppr",
        "--suppress=missingIncludeSystem", "--suppress=missingInclude",
        # NULL is a pointer on every platform this builds on.
        "--suppress=varFuncNullUB",
        # It does not follow loops that fill an array; both compilers warn of the real ones.
        "--suppress=uninitvar",
        "--template={file}:{line}: {message} [{id}]", "--template-location=", "--error-exitcode=9",
        f"-j{os.cpu_count() or 2}", "-Isrc", "-Itest", *paths,
    ]
    result = subprocess.run(command, cwd=tree.root, capture_output=True, text=True)
    if result.returncode == 0:
        return []
    return result.stderr.splitlines() or [f"cppcheck failed with status {result.returncode}"]


def unfinished_words(tree):
    """Nothing is put off in the source."""
    return [
        f"{path}:{line_of(tree.text(path), match.start())}: \"{match.group(0)}\": finish it, or open an issue"
        for path in tree.written_text()
        for match in UNFINISHED.finditer(tree.text(path))
    ]


def secrets_in_source(tree):
    """No file holds what looks like a real key."""
    return [
        f"{path}:{line_of(tree.text(path), match.start())}: looks like a real secret; make one at run time"
        for path in tree.paths
        for match in SECRET_LOOKING.finditer(tree.text(path))
    ]


def file_lengths(tree):
    """No source file is longer than a person reads."""
    faults = []
    for path in tree.ours(".c", ".h", ".py"):
        lines = tree.text(path).count("\n")
        if lines > FILE_MAX_LINES:
            faults.append(f"{path}: {lines} lines, more than {FILE_MAX_LINES}; split it by type")
    return faults


def functions(text):
    """(name, first line, lines) of each function: clang-format puts their ends in column 0."""
    blanked = without_comments_and_strings(text)
    pattern = re.compile(r"^(?!typedef|struct|enum|union|#)(\w[\w \t*]*?\**(\w+)\([^;{}]*\)[^;{}=]*)\{$", re.MULTILINE)
    for match in pattern.finditer(blanked):
        end = blanked.find("\n}", match.end())
        if end >= 0:
            yield match.group(2), line_of(blanked, match.start()), blanked.count("\n", match.start(), end) + 2


def function_lengths(tree):
    """No function is longer than two screens."""
    faults = []
    for path in tree.ours(".c"):
        for name, line, length in functions(tree.text(path)):
            if length > FUNCTION_MAX_LINES:
                faults.append(f"{path}:{line}: {name} has {length} lines, more than {FUNCTION_MAX_LINES}")
    return faults


def macros_in_base(tree):
    """Macros with arguments live in src/base, where they can be counted."""
    faults = []
    for path in tree.select(".c", ".h", under=("src/",)):
        if path.startswith("src/base/"):
            continue
        for match in re.finditer(r"^[ \t]*#[ \t]*define[ \t]+(\w+)\(", tree.text(path), re.MULTILINE):
            faults.append(
                f"{path}:{line_of(tree.text(path), match.start())}: macro {match.group(1)}: write a "
                "function or a table, or put it with the few of src/base"
            )
    return faults


def everything_is_built(tree):
    """Each source, test and fuzz target is named in the meson.build beside it."""
    faults = []
    for path in tree.ours(".c", "_test.py"):
        folder, name = os.path.split(path)
        if folder == "test/lint":
            continue
        build = meson_build_above(tree, folder)
        stem = re.sub(r"(_contract_test|_test|_fuzz)?\.(c|py)$", "", name) if folder.startswith("test/") else None
        text = tree.text(build) if build else ""
        relative = os.path.relpath(path, os.path.dirname(build)) if build else name
        quoted = [f"'{relative}'", f"'{name}'"] + ([f"'{stem}'", f"'{name[:-2]}'"] if stem else [])
        if not any(word in text for word in quoted):
            faults.append(f"{path}: not named in {build or 'any meson.build'}, so it is never built or run")
    for path in tree.select("_fuzz.c", under=("test/fuzz/",)):
        corpus = "test/fuzz/corpus/" + os.path.basename(path)[: -len("_fuzz.c")] + "/"
        if not any(other.startswith(corpus) for other in tree.paths):
            faults.append(f"{path}: no seeds in {corpus}")
    return faults


def meson_build_above(tree, folder):
    while folder:
        candidate = folder + "/meson.build"
        if candidate in tree.paths:
            return candidate
        folder = os.path.dirname(folder)
    return None


def scripts_parse(tree):
    """Shell and Python scripts are at least well-formed."""
    faults = []
    for path in tree.paths:
        if path.startswith("test/fuzz/corpus/"):
            continue
        first = tree.text(path).split("\n", 1)[0]
        if path.endswith(".py") or (first.startswith("#!") and "python" in first):
            try:
                ast.parse(tree.text(path), path)
            except SyntaxError as error:
                faults.append(f"{path}:{error.lineno}: {error.msg}")
        elif path.endswith(".sh") or (first.startswith("#!") and re.search(r"/(env )?(ba)?sh\b", first)):
            shell = "bash" if "bash" in first or path.endswith(".sh") else "sh"
            result = subprocess.run(
                [shell, "-n", path], cwd=tree.root, capture_output=True, text=True
            )
            faults += result.stderr.splitlines()[:3]
            if first.startswith("#!") and not os.access(os.path.join(tree.root, path), os.X_OK):
                faults.append(f"{path}: starts with #! but is not executable; chmod +x")
    return faults


def links_in_documents(tree):
    """A link from one document to a file of the tree leads somewhere."""
    faults = []
    known = set(tree.paths)
    folders = {os.path.dirname(path) for path in tree.paths}
    for path in tree.select(".md"):
        for match in re.finditer(r"\]\(([^)\s#]+)(#[^)\s]*)?\)", tree.text(path)):
            link = match.group(1)
            if re.match(r"[a-z][a-z+.-]*:", link):
                continue
            target = os.path.normpath(os.path.join(os.path.dirname(path), link))
            if target not in known and target.rstrip("/") not in folders:
                faults.append(f"{path}:{line_of(tree.text(path), match.start())}: link to {link}, which is not there")
    return faults


CHECKS = [
    formatting,
    whitespace,
    banned_calls,
    layers,
    include_circles,
    headers_stand_alone,
    static_analysis,
    macros_in_base,
    file_lengths,
    function_lengths,
    unfinished_words,
    secrets_in_source,
    everything_is_built,
    scripts_parse,
    links_in_documents,
]
