"""Backup of a store at work, and the way back by the commands of docs/store.md."""

import base64
import json
import os
import re
import secrets
import shutil
import sqlite3
import subprocess
import threading

from raw_http import request, send
from world import (
    DAYPASSD,
    ROOT,
    Failure,
    World,
    check,
    check_equal,
    main,
    read_text,
    test,
    test_with,
    write_text,
)

WRITERS = 3
BACKUPS = 6
WRITES = 300  # at least, while the backups are made
NOBODY = 65534


def back_up(world, path, expect=0, user=None):
    command = [DAYPASSD, "--config", world.path("daypassd.yaml"), "--backup", path]
    done = subprocess.run(command, capture_output=True, text=True, user=user, timeout=60)
    check_equal(done.returncode, expect, f"--backup: {done.stdout}{done.stderr}")
    return done


class Load:
    """People who ask and take back, each write a change of state with its event."""

    def __init__(self, world):
        self.world = world
        self.token = world.token_of("engineer")
        self.writes = 0
        self.faults = []
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.run) for _ in range(WRITERS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def post(self, path, message):
        answer = send(
            self.world.url, request("POST", path, json.dumps(message).encode(), self.token)
        )
        if answer.status not in (200, 201):
            raise Failure(f"POST {path}: {answer}")
        self.writes += 1
        return json.loads(answer.body)

    def run(self):
        try:
            while not self.stop.is_set():
                grant = self.post(
                    "/v1/grants",
                    {
                        "flow": "shop-read",
                        "duration": "1h",
                        "reason": "load",
                        "public_key": base64.b64encode(secrets.token_bytes(32)).decode(),
                    },
                )
                self.post(f"/v1/grants/{grant['id']}/cancel", {})
        except Exception as fault:  # pylint: disable=broad-except
            self.faults.append(fault)

    def await_writes(self, count):
        goal = self.writes + count
        while self.writes < goal:
            if self.faults:
                raise self.faults[0]
            self.stop.wait(0.01)


def check_consistent(path, said):
    """Each grant is in the state that its newest event says; the chain has no gap."""
    store = sqlite3.connect(f"file:{path}?immutable=1", uri=True)  # makes no file beside it
    check_equal(store.execute("PRAGMA integrity_check").fetchall(), [("ok",)], "integrity")
    states = dict(store.execute("SELECT id, state FROM grants"))
    check(states, "the backup has grants")
    newest = {"requested": "pending"}
    for grant, event in store.execute(
        "SELECT grant_id, event FROM audit WHERE grant_id IS NOT NULL ORDER BY sequence"
    ):
        newest[grant] = newest.get(event[len("grant."):], event[len("grant."):])
    for grant, state in states.items():
        check_equal(newest.get(grant), state, f"newest event of {grant}")
    check_equal(set(newest) - {"requested"}, set(states), "grants that have events")
    events = store.execute("SELECT sequence, previous, hash FROM audit ORDER BY sequence").fetchall()
    check_equal([row[0] for row in events], list(range(1, len(events) + 1)), "sequence")
    check_equal([row[1] for row in events[1:]], [row[2] for row in events[:-1]], "links")
    store.close()
    check(f"with {len(events)} audit events" in said, f"it says how many events: {said}")
    check(events[-1][2] in said, f"it says the newest hash: {said}")
    return len(events)


@test
def a_backup_under_load_is_of_one_moment():
    with World().set_up() as world:
        counts = []
        with Load(world) as load:
            for number in range(BACKUPS):
                load.await_writes(WRITES // BACKUPS)
                path = world.path(f"backup-{number}.db")
                said = back_up(world, path).stdout
                check_equal(os.stat(path).st_mode & 0o7777, 0o600, "mode of a backup")
                counts.append(check_consistent(path, said))
        check_equal(load.faults, [], "failed writes")
        check(load.writes >= WRITES, f"{load.writes} writes while backing up")
        check(counts == sorted(set(counts)), f"each backup has more than the one before: {counts}")
        left = [name for name in os.listdir(world.folder) if name.startswith("backup-")]
        check_equal(len(left), BACKUPS, f"nothing but backups is left: {left}")
        check(world.daypassd.is_running(), "daypassd runs")


# ---- The way back -----------------------------------------------------------------------------------


def commands_of(heading):
    """Lines of the shell blocks below a heading of docs/store.md."""
    text = read_text(os.path.join(ROOT, "docs/store.md"))
    part = re.search(rf"^##+ {heading}$(.*?)(?=^##+ |\Z)", text, re.MULTILINE | re.DOTALL).group(1)
    blocks = re.findall(r"^```sh\n(.*?)^```$", part, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def follow(world, line):
    """Runs a line of the documentation here: other folders and user, no service manager."""
    if line == "systemctl stop daypassd":
        world.daypassd.stop()
        return
    if line == "systemctl start daypassd":
        world.restart_daypassd()
        return
    for there, here in (
        ("sudo -u daypass daypassd", DAYPASSD),
        ("/etc/daypass/daypassd.yaml", world.path("daypassd.yaml")),
        ("/var/lib/daypass/", world.path("daypassd") + "/"),
        ("/var/backups/daypass/", world.path("backups") + "/"),
        ("-o daypass -g daypass ", ""),
    ):
        line = line.replace(there, here)
    check("/var/" not in line and "/etc/" not in line, f"nothing outside is touched: {line}")
    done = subprocess.run(["sh", "-euc", line], capture_output=True, text=True, timeout=60)
    check_equal(done.returncode, 0, f"{line}: {done.stderr}")


@test
def what_the_documentation_says_of_restoring_works():
    with World().set_up() as world:
        os.mkdir(world.path("backups"), 0o700)
        kept = world.active()
        for line in commands_of("Backup"):
            follow(world, line)
        lost = world.request(reason="after the backup")
        head = json.loads(world.curl("GET", "/v1/audit/head", token=world.token_of("admin"))[1])
        for line in commands_of("Restore"):
            follow(world, line)
        # What was there is there: the grant, its credential, people's sessions, the connector.
        check_equal(world.show(kept["id"])["state"], "active", "state of the grant")
        check_equal(world.connect(kept["id"], "SELECT 1").out.strip(), "1", "a query")
        world.refuse("engineer", "unknown_grant", "show", lost)
        world.cli("engineer", "revoke", kept["id"])
        world.await_state(kept["id"], "ended")
        check_equal(world.server.accounts(), [], "accounts in the end")
        world.cli("admin", "audit", "verify")
        trail = world.cli("admin", "audit", "--format", "jsonl").out
        hashes = {json.loads(line).get("hash") for line in trail.splitlines()}
        check(head["hash"] not in hashes, "a head noted after the backup tells that it is older")
        check_equal(os.stat(world.path("daypassd/daypass.db")).st_mode & 0o7777, 0o600, "mode")


# ---- What is refused --------------------------------------------------------------------------------


@test
def a_backup_is_refused_where_it_could_do_harm():
    with World() as world:
        world.start_daypassd()
        store = world.path("daypassd/daypass.db")
        write_text(world.path("there.db"), "mine")
        said = back_up(world, world.path("there.db"), expect=14).stderr
        check("there.db: there is one already; name a file that is not there" in said, said)
        check_equal(read_text(world.path("there.db")), "mine", "the file that was there")
        said = back_up(world, store, expect=14).stderr
        check("there is one already" in said, said)
        os.symlink(world.path("elsewhere.db"), world.path("link.db"))
        back_up(world, world.path("link.db"), expect=14)
        check(not os.path.exists(world.path("elsewhere.db")), "no link is followed")
        said = back_up(world, world.path("none/backup.db"), expect=18).stderr
        check("the folder" in said and "make it first" in said, said)
        # Another user, who may reach everything by its path but not read it.
        for folder in (world.folder, world.path("daypassd")):
            os.chmod(folder, 0o711)
        os.chmod(world.path("daypassd.yaml"), 0o644)
        shutil.copy(DAYPASSD, world.path("daypassd-copy"))
        os.chmod(world.path("daypassd-copy"), 0o755)
        done = subprocess.run(
            [world.path("daypassd-copy"), "--config", world.path("daypassd.yaml"), "--backup",
             "/tmp/daypass-backup-never.db"],
            capture_output=True, text=True, user=NOBODY, group=NOBODY, extra_groups=[],
        )  # fmt: skip
        check_equal(done.returncode, 12, f"another user's backup: {done.stderr}")
        check("run this as that user" in done.stderr, done.stderr)
        check(not os.path.exists("/tmp/daypass-backup-never.db"), "nothing was made")


def break_link(store):
    store.execute("UPDATE audit SET previous = hash WHERE sequence = 2")


def alter_event(store):
    store.execute("UPDATE audit SET actor = 'somebody' WHERE sequence = 1")


def cut_end(store):
    store.execute("DELETE FROM audit WHERE sequence = (SELECT max(sequence) FROM audit)")


def lose_parent(store):
    store.execute("PRAGMA foreign_keys = OFF")
    store.execute("INSERT INTO connector_instances SELECT 'con_x', 'nobody', 'k', NULL, NULL, 1, 1, 0")


DAMAGES = {
    "a broken link": break_link,
    "an altered event": alter_event,
    "a trail cut short": cut_end,
    "a row without its parent": lose_parent,
}


@test_with(*[(name,) for name in DAMAGES])
def a_store_that_is_not_sound_gives_no_backup(name):
    with World() as world:
        world.start_daypassd()
        world.sign_in_admin()
        world.daypassd.stop()
        path = world.path("daypassd/daypass.db")
        back_up(world, world.path("good.db"))
        store = sqlite3.connect(path)
        DAMAGES[name](store)
        store.commit()
        store.close()
        command = [DAYPASSD, "--config", world.path("daypassd.yaml")]
        command += ["--backup", world.path("bad.db")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        check(done.returncode not in (0, -6, -11), f"--backup of it: {done.returncode}")
        check("daypassd: " in done.stderr, done.stderr)
        left = [name for name in os.listdir(world.folder) if name.startswith("bad.db")]
        check_equal(left, [], "files of the refused backup")


@test
def a_killed_backup_leaves_the_store_and_no_file_of_that_name():
    with World() as world:
        world.start_daypassd()
        world.sign_in_admin()
        for delay_ms in range(1, 40, 3):
            process = subprocess.Popen(
                [DAYPASSD, "--config", world.path("daypassd.yaml"), "--backup",
                 world.path("killed.db")],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            )  # fmt: skip
            try:
                process.wait(timeout=delay_ms / 1000)
            except subprocess.TimeoutExpired:
                process.kill()
            said = process.communicate()[0]
            if os.path.exists(world.path("killed.db")):
                check_equal(os.stat(world.path("killed.db")).st_nlink in (1, 2), True, "names")
                os.unlink(world.path("killed.db"))
            else:
                check_equal(said, "", "what a killed one says")
        check_equal(world.curl("GET", "/readyz")[0], 200, "daypassd answers")
        back_up(world, world.path("after.db"))


if __name__ == "__main__":
    main()
