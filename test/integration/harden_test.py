"""What the daemons gave up is really gone, and what they refuse to work with: over the real programs."""

import json
import os
import re
import resource
import signal
import stat
import subprocess

from world import (
    CA_FILE,
    CONNECTOR,
    DAYPASSD,
    World,
    check,
    check_equal,
    main,
    read_text,
    test,
    wait_until,
    write_text,
)

NOBODY = 65534
INVALID, FORBIDDEN, EXPIRED = 10, 12, 15


def statuses(pid):
    """The status file of every thread, as a dictionary each."""
    found = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        lines = read_text(f"/proc/{pid}/task/{thread}/status").splitlines()
        found.append(dict(line.split(":\t", 1) for line in lines if ":\t" in line))
    return found


def check_confined(program, on=True):
    threads = statuses(program.process.pid)
    check(len(threads) > 2, f"{program.name} has threads")
    for thread in threads:
        check_equal(thread["Seccomp"], "2" if on else "0", f"Seccomp of {program.name}")
        if on:
            check_equal(thread["NoNewPrivs"], "1", f"NoNewPrivs of {program.name}")


# ---- Given up ---------------------------------------------------------------------------------------


@test
def every_thread_of_both_daemons_is_confined_and_the_job_is_done():
    with World().set_up() as world:
        check_confined(world.daypassd)
        check_confined(world.connector)
        view = world.active(duration="1h")
        check_equal(world.connect(view["id"], "SELECT 1").out.strip(), "1", "a query")
        check_confined(world.connector)  # threads that were started for it too
        world.cli("engineer", "revoke", view["id"])
        world.await_state(view["id"], "ended")
        check(world.daypassd.has_logged("event=sandbox.entered connects=no executes=no"), "log")
        check(world.connector.has_logged("event=sandbox.entered listens=no executes=no"), "log")


@test
def a_secret_that_a_program_prints_is_read_from_within():
    with World() as world:
        world.start_daypassd()
        world.sign_in_admin()
        world.cli("admin", "connector", "create", "main", "--json")
        world.apply(integrations=[world.integration()])
        config = json.loads(read_text(world.enroll("connector")))
        del config["secrets"][0]["file"]
        config["secrets"][0]["command"] = ["sh", "-c", f"cat {world.admin_password_file} | tr -d '\\n'"]
        write_text(world.path("connector.yaml"), json.dumps(config))
        connector = world.start_connector("connector")
        check_confined(connector)
        check(connector.has_logged("event=sandbox.entered listens=no executes=yes"), "log")
        wait_until("a check is done", lambda: connector.has_logged("event=action.done kind=check"))


@test
def it_can_be_switched_off_and_says_so():
    with World() as world:
        world.start_daypassd("sandbox: {seccomp: off}\n")
        check_confined(world.daypassd, on=False)
        check(world.daypassd.has_logged("event=sandbox.off"), "log")
        world.sign_in_admin()
        config = world.enroll("connector")
        write_text(config, read_text(config)[:-1] + ', "sandbox": {"seccomp": "off"}}')
        check_confined(world.start_connector("connector"), on=False)


@test
def no_dump_and_no_look_inside():
    with World().set_up() as world:
        for program in (world.daypassd, world.connector):
            pid = program.process.pid
            limits = read_text(f"/proc/{pid}/limits")
            check(re.search(r"Max core file size +0 +0 ", limits), f"cores of {program.name}")
            for name in ("mem", "environ", "maps"):
                mode = subprocess.run(
                    ["cat", f"/proc/{pid}/{name}"], user=NOBODY, capture_output=True, check=False
                )
                check(mode.returncode != 0, f"{name} of {program.name} is closed to others")


@test
def the_same_user_cannot_look_inside_either():
    with World() as world:
        state = world.path("daypassd")
        os.mkdir(state, 0o700)
        os.chown(state, NOBODY, NOBODY)
        for path in (world.folder, os.path.dirname(DAYPASSD)):
            check(os.path.isdir(path), path)
        os.chmod(world.folder, 0o755)
        write_text(world.path("daypassd.yaml"), f"listen: {{port: 0}}\nstate_folder: {state}\n", 0o644)
        os.chmod(world.path("daypassd.yaml"), 0o644)
        program = world.path("daypassd-copy")
        subprocess.run(["cp", DAYPASSD, program], check=True)
        log = world.path("nobody.log")
        with open(log, "wb") as out:
            process = subprocess.Popen(
                [program, "--config", world.path("daypassd.yaml")],
                stdout=out, stderr=out, user=NOBODY, group=NOBODY, extra_groups=[],
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0)),
            )  # fmt: skip
        try:
            wait_until(f"it is confined (log: {log})", lambda: "sandbox.entered" in read_text(log))
            said = read_text(log)
            check("process.root" not in said, "nothing is said of root")
            check("memory.not_locked" in said or is_sanitized(), f"it says that nothing is locked: {said}")
            for name in ("mem", "environ"):
                done = subprocess.run(
                    ["head", "-c", "1", f"/proc/{process.pid}/{name}"],
                    user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, text=True,
                )  # fmt: skip
                check("Permission denied" in done.stderr, f"{name}: {done.stderr}")
            trace = (
                "import ctypes; libc = ctypes.CDLL(None, use_errno=True);"
                f"print(libc.ptrace(16, {process.pid}, 0, 0), ctypes.get_errno())"
            )
            done = subprocess.run(
                ["/usr/bin/python3", "-c", trace], user=NOBODY, group=NOBODY, extra_groups=[],
                capture_output=True, text=True, cwd="/",
            )  # fmt: skip
            check_equal(done.stdout.strip(), "-1 1", f"PTRACE_ATTACH by the same user {done.stderr}")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def is_sanitized():
    """Sanitizers take locking of memory for their own and do nothing."""
    with open(DAYPASSD, "rb") as file:
        return b"__asan_init" in file.read()


# ---- Refused ----------------------------------------------------------------------------------------
# What is done to a good state of things, and what the program must say of it.


def chmod(name, mode):
    return lambda world: os.chmod(world.path(name), mode)


def chown(name):
    return lambda world: os.chown(world.path(name), NOBODY, -1, follow_symlinks=False)


def link(name):
    def act(world):
        os.rename(world.path(name), world.path(name + ".real"))
        os.symlink(world.path(name + ".real"), world.path(name))

    return act


def foreign_link(name):
    def act(world):
        link(name)(world)
        os.lchown(world.path(name), NOBODY, NOBODY)

    return act


def second_name(name):
    return lambda world: os.link(world.path(name), world.path(name + ".second"))


def folder_instead(name):
    def act(world):
        os.unlink(world.path(name))
        os.mkdir(world.path(name), 0o700)

    return act


def text_instead(name, text):
    return lambda world: write_text(world.path(name), text)


SERVER = {
    "folder open to its group": (chmod("daypassd", 0o750), "it is open to others (mode 0750); expected 0700: chmod 700 "),
    "folder open to everybody": (chmod("daypassd", 0o777), "it is open to others (mode 0777); expected 0700: chmod 700 "),
    "folder of another user": (chown("daypassd"), "it belongs to somebody else (the user with id 65534); run this as that user"),
    "folder that is a link of another user": (foreign_link("daypassd"), "it is a link that somebody else made"),
    "folder that everybody can replace": (chmod("", 0o777), "everybody can replace it, because the folder "),
    "action key open to its group": (chmod("daypassd/action.key", 0o640), "action.key: others than its owner have access (mode 0640); expected 0600: chmod 600 "),
    "action key open to everybody": (chmod("daypassd/action.key", 0o604), "action.key: others than its owner have access (mode 0604)"),
    "action key of another user": (chown("daypassd/action.key"), "action.key: it belongs to somebody else (the user with id 65534); expected root or the user that runs this (0): chown it"),
    "action key that is a folder": (folder_instead("daypassd/action.key"), "action.key: expected a plain file, not a folder, device or pipe"),
    "action key that is none": (text_instead("daypassd/action.key", "nothing\n"), "action.key: expected the 32 bytes of an Ed25519 seed in base64"),
    "audit key open to its group": (chmod("daypassd/audit.key", 0o660), "audit.key: others than its owner have access (mode 0660)"),
    "audit key of another user": (chown("daypassd/audit.key"), "audit.key: it belongs to somebody else"),
    "store open to its group": (chmod("daypassd/daypass.db", 0o640), "daypass.db: the store is open to others (mode 0640); expected 0600: chmod 600 "),
    "store of another user": (chown("daypassd/daypass.db"), "daypass.db: the store belongs to the user with id 65534; run this as that user (we are 0), or chown the file"),
    "store that is a link": (link("daypassd/daypass.db"), "daypass.db: the store must not be a symbolic link"),
    "store with a second name": (second_name("daypassd/daypass.db"), "daypass.db: the store has a second name (a hard link)"),
    "store that is a folder": (folder_instead("daypassd/daypass.db"), "daypass.db: the store must be a plain file"),
    "configuration that everybody may write": (chmod("daypassd.yaml", 0o666), "daypassd.yaml: everybody can write to it (mode 0666): chmod o-w "),
    "configuration of another user": (chown("daypassd.yaml"), "daypassd.yaml: it belongs to somebody else (the user with id 65534), who could put anything into it"),
}  # fmt: skip


class Kept:
    """Files and folders of a world as they were, to be put back after each case."""

    def __init__(self, world, *names):
        self.world = world
        self.names = names
        os.mkdir(world.path("kept"), 0o700)
        for name in names:
            subprocess.run(["cp", "-a", world.path(name), world.path("kept", name)], check=True)

    def put_back(self):
        os.chmod(self.world.folder, 0o700)
        for name in self.names:
            for path in (self.world.path(name), self.world.path(name + ".real")):
                subprocess.run(["rm", "-rf", path], check=True)
            subprocess.run(
                ["cp", "-a", self.world.path("kept", name), self.world.path(name)], check=True
            )


@test
def daypassd_refuses():
    with World() as world:
        world.start_daypassd()
        world.daypassd.stop()
        kept = Kept(world, "daypassd.yaml", "daypassd")
        before = set(os.listdir(world.path("daypassd")))
        for name, (act, said) in SERVER.items():
            kept.put_back()
            act(world)
            command = [DAYPASSD, "--config", world.path("daypassd.yaml")]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
            check(done.returncode in (INVALID, FORBIDDEN), f"{name}: {done.returncode} {done.stderr}")
            check(said in done.stderr, f"{name}: {said!r} in: {done.stderr}")
            left = {
                entry
                for entry in os.listdir(world.path("daypassd"))
                if not entry.startswith("daypass.db.")
            }
            check(left <= before, f"{name}: new files {left - before}")
        kept.put_back()
        world.restart_daypassd()


SECRET = "secret"
CONNECTOR_CASES = {
    "folder open to its group": (chmod("connector", 0o710), "it is open to others (mode 0710); expected 0700: chmod 700 "),
    "folder of another user": (chown("connector"), "it belongs to somebody else (the user with id 65534)"),
    "key open to its group": (chmod("connector/instance.key", 0o640), "instance.key: others than its owner have access (mode 0640); expected 0600: chmod 600 "),
    "key of another user": (chown("connector/instance.key"), "instance.key: it belongs to somebody else"),
    "configuration that everybody may write": (chmod("connector.yaml", 0o646), "connector.yaml: everybody can write to it (mode 0646): chmod o-w "),
    "configuration of another user": (chown("connector.yaml"), "connector.yaml: it belongs to somebody else"),
}  # fmt: skip
SECRET_CASES = {
    "secret open to its group": (chmod(SECRET, 0o640), "secret: others than its owner have access (mode 0640); expected 0600: chmod 600 "),
    "secret of another user": (chown(SECRET), "secret: it belongs to somebody else (the user with id 65534); expected root or the user that runs this"),
    "secret that is a folder": (folder_instead(SECRET), "secret: expected a plain file, not a folder, device or pipe"),
    "secret that is missing": (lambda world: os.unlink(world.path(SECRET)), "secret: there is no such file"),
    "secret that is empty": (text_instead(SECRET, ""), "the secret is empty"),
    "authorities that are missing": (lambda world: os.unlink(world.path("ca.pem")), "ca.pem: cannot open: No such file"),
    "authorities that are none": (text_instead("ca.pem", "nothing\n"), "ca.pem: there is no certificate in it; expected PEM"),
    "authorities that everybody may write": (chmod("ca.pem", 0o666), "ca.pem: everybody can write to it (mode 0666)"),
}  # fmt: skip


def enrolled(world):
    """A connector whose secret and authorities are files of the test's own."""
    world.start_daypassd()
    world.sign_in_admin()
    write_text(world.path(SECRET), read_text(world.admin_password_file))
    write_text(world.path("ca.pem"), read_text(CA_FILE))
    world.enroll("connector", changes={"file": world.path(SECRET), "ca_file": world.path("ca.pem")})


def run_connector(world, command):
    return subprocess.run(
        [CONNECTOR, command, "--config", world.path("connector.yaml")],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip


@test
def the_connector_refuses():
    with World() as world:
        enrolled(world)
        check_equal(run_connector(world, "check-config").returncode, 0, "check-config before")
        kept = Kept(world, "connector.yaml", "connector")
        for name, (act, said) in CONNECTOR_CASES.items():
            kept.put_back()
            act(world)
            for command in ("run", "check-config"):
                done = run_connector(world, command)
                check_equal(done.returncode, INVALID, f"{name}, {command}: {done.stderr}")
                check(said in done.stderr, f"{name}, {command}: {said!r} in: {done.stderr}")


@test
def check_config_opens_what_the_connectors_file_names():
    with World() as world:
        enrolled(world)
        good = {name: read_text(world.path(name)) for name in (SECRET, "ca.pem")}
        for name, (act, said) in SECRET_CASES.items():
            act(world)
            done = run_connector(world, "check-config")
            check_equal(done.returncode, INVALID, f"{name}: {done.stdout}{done.stderr}")
            check("secret shop-prod-admin: " in done.stderr and said in done.stderr, f"{name}: {done.stderr}")
            for path, text in good.items():
                if os.path.isdir(world.path(path)):
                    os.rmdir(world.path(path))
                elif os.path.exists(world.path(path)):
                    os.unlink(world.path(path))
                write_text(world.path(path), text)
        check_equal(run_connector(world, "check-config").stdout, "the configuration is good\n", "in the end")


URLS = {
    "http://daypass.example.com": "http is only accepted to this machine itself",
    "daypass.example.com:8443": "the server's URL cannot be read; expected one such as https://",
    "https://user:pass@daypass.example.com": "must not hold a user name or password",
    "https://daypass.example.com/api": "must end after host and port",
    "ftp://daypass.example.com": "must start with https://",
}


@test
def a_bad_url_of_the_control_plane_is_found_at_once():
    with World() as world:
        world.url = "http://127.0.0.1:1"
        for url, said in URLS.items():
            world.connector_config("connector", url=url)
            for command in ("run", "check-config", "enroll", "check", "print-config"):
                done = run_connector(world, command)
                check_equal(done.returncode, INVALID, f"{command} with {url}: {done.stderr}")
                check(said in done.stderr, f"{said!r} in: {done.stderr}")
                check("connector.yaml:1" in done.stderr and "pass@" not in done.stderr, done.stderr)


NO_DEPLOYMENTS = ("staging", "dep_", "grt_k3v9q2m7w4x8r5t1", "dep_K3V9", "dep_k3v9/x", "")


@test
def what_is_no_installation_is_not_adopted():
    with World() as world:
        world.url = "http://127.0.0.1:1"
        for name in NO_DEPLOYMENTS:
            ceiling = {"adopt_deployments": ["dep_k3v9q2m7w4x8r5t1", name]}
            world.connector_config("connector", changes={"ceiling": ceiling})
            done = run_connector(world, "check-config")
            check_equal(done.returncode, INVALID, f"{name}: {done.stdout}{done.stderr}")
            said = "adopt_deployments/1: expected the id of an installation"
            check(said in done.stderr, f"{said!r} in: {done.stderr}")


@test
def too_few_files_are_said_in_numbers():
    with World() as world:
        path = world.path("few.yaml")
        write_text(path, f"listen: {{port: 0}}\nstate_folder: {world.path('few')}\nlimits: {{connections: 5000}}\n")
        os.mkdir(world.path("few"), 0o700)
        log = world.path("few.log")
        with open(log, "wb") as out:
            process = subprocess.Popen(
                [DAYPASSD, "--config", path], stdout=out, stderr=out,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1000, 1000)),
            )  # fmt: skip
        try:
            wait_until(f"it says so (log: {log})", lambda: "limits.files" in read_text(log))
            line = next(line for line in read_text(log).splitlines() if "limits.files" in line)
            for said in ("allowed=1000", "connections=5000", "set LimitNOFILE to 5", "or limits.connections to "):
                check(said in line, f"{said!r} in: {line}")
        finally:
            process.terminate()
            process.wait(30)


# ---- daypassd --check-config ------------------------------------------------------------------------


def make_certificate(world, name, days=1):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-subj", "/CN=localhost", "-days", str(days), "-keyout", world.path(name + ".key"), "-out",
         world.path(name + ".crt")],
        check=True, capture_output=True,
    )  # fmt: skip
    os.chmod(world.path(name + ".key"), 0o600)


def check_config(world, text):
    write_text(world.path("check.yaml"), text.format(world.folder))
    command = [DAYPASSD, "--config", world.path("check.yaml"), "--check-config"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


TLS = "state_folder: {0}/none\ntls: {{certificate_file: {0}/%s.crt, key_file: {0}/%s.key}}\n"
CHECKED = {
    "a pair": (TLS % ("a", "a"), 0, ""),
    "two halves": (TLS % ("a", "b"), INVALID, "TLS: "),
    "no certificate": (TLS % ("none", "a"), 13, "none.crt: cannot open"),
    "no key": (TLS % ("a", "none"), 13, "none.key: there is no such file"),
    "a key for everybody": (TLS % ("a", "open"), INVALID, "open.key: others than its owner have access"),
    "a certificate that is over": (TLS % ("old", "old"), EXPIRED, "old.crt: it ended at "),
    "no address": ("listen: {{address: nope}}\n", INVALID, "expected an IP address, such as 127.0.0.1"),
    "a name for an address": ("listen: {{address: localhost}}\n", INVALID, "expected an IP address"),
    "everybody without TLS": ("listen: {{address: 0.0.0.0}}\n", INVALID, "TLS is needed to listen on 0.0.0.0"),
    "a state folder for everybody": ("state_folder: {0}/shared\n", INVALID, "shared: it is open to others (mode 0755)"),
    "a state folder that is not there yet": ("state_folder: {0}/later\n", 0, ""),
}  # fmt: skip


@test
def check_config_opens_what_the_file_names():
    with World() as world:
        for name in ("a", "b", "open"):
            make_certificate(world, name)
        os.chmod(world.path("open.key"), 0o644)
        subprocess.run(
            ["faketime", "2020-01-01", "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-days", "1", "-keyout",
             world.path("old.key"), "-out", world.path("old.crt")],
            check=True, capture_output=True,
        )  # fmt: skip
        os.chmod(world.path("old.key"), 0o600)
        os.mkdir(world.path("shared"), 0o755)
        for name, (text, code, said) in CHECKED.items():
            done = check_config(world, text)
            check_equal(done.returncode, code, f"{name}: {done.stderr}")
            check(said in done.stderr, f"{name}: {said!r} in: {done.stderr}")
        check(not os.path.exists(world.path("later")), "nothing is made")


# ---- The command line -------------------------------------------------------------------------------

PERSON = "people/admin/daypass"
PEOPLE_CASES = {
    "folder open to its group": (chmod(PERSON, 0o750), "it is open to others (mode 0750); expected 0700: chmod 700 "),
    "folder of another user": (chown(PERSON), "it belongs to somebody else (the user with id 65534)"),
    "session open to its group": (chmod(PERSON + "/session.json", 0o640), "session.json: others than its owner have access (mode 0640); expected 0600: chmod 600 "),
    "session of another user": (chown(PERSON + "/session.json"), "session.json: it belongs to somebody else"),
    "folder that everybody can replace": (chmod("people/admin", 0o777), "everybody can replace it, because the folder "),
}  # fmt: skip


@test
def the_command_line_refuses():
    with World() as world:
        world.start_daypassd()
        world.sign_in_admin()
        world.cli("admin", "whoami")
        for name, (act, said) in PEOPLE_CASES.items():
            kept = {
                path: os.stat(path)
                for path in (world.path("people/admin"), world.path(PERSON), world.path(PERSON, "session.json"))
            }
            act(world)
            done = world.cli("admin", "whoami", expect=None)
            check_equal(done.code, INVALID, f"{name}: {done.err}")
            check(said in done.err, f"{name}: {said!r} in: {done.err}")
            for path, info in kept.items():
                os.chown(path, info.st_uid, info.st_gid)
                os.chmod(path, stat.S_IMODE(info.st_mode))
        world.cli("admin", "whoami")


if __name__ == "__main__":
    main()
