"""What a look into the running release programs finds: root reads their memory after use."""

import base64
import json
import os
import re
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Sanitizers keep what was freed, and lock nothing: it is the programs as people install them that
# have to be looked into. ./check builds them there.
RELEASE = os.environ.get("DAYPASS_RELEASE") or os.path.join(ROOT, "build/release")
os.environ["DAYPASS_BUILD"] = RELEASE

# pylint: disable=wrong-import-position
from world import (  # noqa: E402
    CA_FILE,
    CONNECTOR,
    DAYPASSD,
    Failure,
    World,
    check,
    check_equal,
    main,
    read_text,
    test,
    test_with,
    wait_until,
    write_text,
)

REGION = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)$")


def memory(pid):
    """(name, bytes) of everything that the process has of its own."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb") as mem:
        for line in maps:
            start, end, mode, name = REGION.match(line).groups()
            if mode[0] != "r" or name in ("[vvar]", "[vsyscall]", "[vdso]"):
                continue
            mem.seek(int(start, 16))
            try:
                yield name or "anonymous", mem.read(int(end, 16) - int(start, 16))
            except OSError:
                continue  # gone meanwhile


def find(program, needles):
    """{name: where} of what is there in the clear."""
    found = {}
    for region, data in memory(program.process.pid):
        for name, text in needles.items():
            place = data.find(text.encode())
            if place >= 0:
                around = data[max(0, place - 60) : place + 20].replace(text.encode(), b"<IT>")
                found.setdefault(name, []).append((region, around))
    return found


def check_absent(program, needles):
    """Looks again for a while: an answer that is on its way out is not kept."""
    seen = {}

    def is_clean():
        seen.clear()
        seen.update(find(program, needles))
        return not seen

    try:
        wait_until("memory is clean", is_clean, seconds=5)
    except Failure:
        where = {name: [region for region, _ in places] for name, places in seen.items()}
        if os.environ.get("DAYPASS_SHOW_MEMORY"):
            print("#", seen)
        raise Failure(f"in the memory of {program.name}: {where}") from None


class People:
    """What the people of a world know."""

    def __init__(self, world):
        self.needles = {}
        for who in ("admin", "engineer", "dba"):
            self.needles[f"password of {who}"] = read_text(world.path("people", who, "password"))
            self.needles[f"invitation of {who}"] = read_text(world.path("people", who, "invitation"))
            self.needles[f"session of {who}"] = world.token_of(who)


TLS = (
    f"tls: {{certificate_file: {os.environ['DAYPASS_TEST_CERT_FILE']}, "
    f"key_file: {os.environ['DAYPASS_TEST_KEY_FILE']}}}\n"
)


def set_up(world, tls=""):
    """As usual, but the connector looks at its targets when it is told to only."""
    world.start_daypassd(tls)
    world.sign_in_admin()
    world.cli("admin", "connector", "create", "main", "--json")
    world.apply(
        principals=[{"name": "engineer@example.com"}, {"name": "dba@example.com"}],
        groups=[
            {"name": "backend", "members": ["engineer@example.com"]},
            {"name": "dba", "members": ["dba@example.com"]},
        ],
        integrations=[world.integration()],
        flows=[world.flow()],
    )
    world.add_person("engineer")
    world.add_person("dba")
    token = world.cli("admin", "connector", "create", "main", "--json").json["join_token"]
    path = world.connector_config("connector")
    config = {**json.loads(read_text(path)), "sweep_every": "1h"}
    write_text(path, json.dumps({**config, "ca_file": CA_FILE} if tls else config))
    done = subprocess.run(
        [CONNECTOR, "enroll", "--config", path], input=token, capture_output=True, text=True
    )
    check_equal(done.returncode, 0, f"enroll: {done.stderr}")
    world.connector = world.start_connector()
    return token


@test
def the_release_programs_are_built():
    check(os.path.exists(DAYPASSD), f"{DAYPASSD}: ./check --only story builds it")
    with open(DAYPASSD, "rb") as file:
        check(b"__asan_init" not in file.read(), f"{DAYPASSD} is a release")


@test
def what_is_to_be_found_is_found():
    with World() as world:
        world.start_daypassd()
        key = base64.b64decode(read_text(world.path("daypassd/action.key")))
        whole = b"".join(data for _, data in memory(world.daypassd.process.pid))
        check(key in whole, "the action key, which has to be there, is seen")
        check(world.url.encode() in whole, "the URL is seen")


@test
def secrets_are_in_locked_memory():
    with World() as world:
        set_up(world)
        for program in (world.daypassd, world.connector):
            status = read_text(f"/proc/{program.process.pid}/status")
            locked = int(re.search(r"VmLck:\s+(\d+) kB", status).group(1))
            check(locked >= 4, f"{program.name} has {locked} kB locked")


@test_with(("plain",), ("tls",))
def nothing_that_was_used_stays_in_memory(wire):
    os.environ.update({"DAYPASS_CA_FILE": CA_FILE, "CURL_CA_BUNDLE": CA_FILE})
    with World() as world:
        join_token = set_up(world, TLS if wire == "tls" else "")
        check(world.url.startswith("https:" if wire == "tls" else "http:"), world.url)
        view = world.active()
        credential = world.credential(view["id"])
        check_equal(world.connect(view["id"], "SELECT 1").out.strip(), "1", "a query")
        needles = People(world).needles
        needles["join token"] = join_token
        needles["temporary password"] = credential["password"]
        needles["admin password"] = read_text(world.admin_password_file).strip()
        check_absent(world.daypassd, needles)
        check_absent(world.connector, needles)
        again = world.cli("engineer", "credentials", view["id"], "--reset", "--format", "json").json
        needles["second password"] = again["password"]
        check(needles["second password"] != needles["temporary password"], "it is another")
        world.cli("engineer", "revoke", view["id"])
        world.await_state(view["id"], "ended")
        check_absent(world.daypassd, needles)
        check_absent(world.connector, needles)


if __name__ == "__main__":
    main()
