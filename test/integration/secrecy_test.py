"""Nobody but the requester reads the credential, and no secret is anywhere it does not belong."""

import base64
import glob
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import tempfile

from recorder import CommandLineSampler, RecordingProxy, tree_bytes
from world import (
    CA_FILE,
    CLI,
    CONNECTOR,
    DAYPASSD,
    Failure,
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


class Secrets:
    """Everything secret of a story, under a name each, and in every spelling it could leak in."""

    def __init__(self):
        self.spellings = {}

    def add(self, name, text):
        check(len(text) >= 12, f"{name} is long enough to be looked for")
        data = text.encode()
        self.spellings[name] = {data, base64.b64encode(data).rstrip(b"="), data.hex().encode()}
        return text

    def add_key(self, name, path):
        """Half a key is a leak too, and padding differs: the middle of the base64 will do."""
        text = read_text(path).strip()
        raw = base64.b64decode(text)
        check_equal(len(raw), 32, f"bytes of {path}")
        self.spellings[name] = {
            text.rstrip("=").encode(),
            base64.urlsafe_b64encode(raw).rstrip(b"="),
            raw,
            raw.hex().encode(),
            raw.hex().upper().encode(),
        }

    def check_absent(self, data, where, allowed=()):
        for name, spellings in self.spellings.items():
            if any(name.startswith(prefix) for prefix in allowed):
                continue
            for spelling in spellings:
                if spelling in data:
                    raise Failure(f"{name} is in {where}")


class Story:
    """A whole story, with both wires recorded and every command line seen."""

    def __init__(self, world):
        self.world = world
        self.secrets = Secrets()
        self.people = None
        self.machines = None
        self.sampler = CommandLineSampler()
        self.stores = {}  # of several moments
        self.outputs = []
        self.sealed = None
        self.grant = None
        self.account = None
        self.join_token = None

    def tell(self):
        world = self.world
        world.start_daypassd()
        self.secrets.add("bootstrap token", read_text(world.path("daypassd", "bootstrap-token")))
        self.people = RecordingProxy(world.url)
        self.machines = RecordingProxy(world.url)
        world.url = self.people.url
        with self.sampler:
            self.begin()
            self.use()
            self.end()

    def begin(self):
        world = self.world
        world.sign_in_admin()
        world.apply(
            principals=[{"name": "engineer@example.com"}, {"name": "dba@example.com"}],
            groups=[
                {"name": "backend", "members": ["engineer@example.com"]},
                {"name": "dba", "members": ["dba@example.com"]},
            ],
            integrations=[world.integration()],
            flows=[world.flow()],
        )
        for who in ("engineer", "dba"):
            world.add_person(who)
            self.secrets.add(
                f"invitation of {who}", read_text(world.path("people", who, "invitation"))
            )
        for who in ("admin", "engineer", "dba"):
            self.secrets.add(
                f"password of {who}", read_text(world.path("people", who, "password"))
            )
            self.secrets.add(f"session of {who}", world.token_of(who))
        self.enroll()
        token = world.cli("engineer", "token", "create", "ci", "--scopes", "read,request", "--json")
        self.secrets.add("personal token", token.json["token"])
        self.secrets.add("admin password", read_text(world.admin_password_file).strip())
        for name in ("action.key", "audit.key"):
            self.secrets.add_key(name, world.path("daypassd", name))
        self.secrets.add_key("instance.key", world.path("connector", "instance.key"))

    def enroll(self):
        world = self.world
        token = world.cli("admin", "connector", "create", "main", "--json").json["join_token"]
        self.join_token = self.secrets.add("join token", token)
        config = world.connector_config("connector", url=self.machines.url)
        command = [CONNECTOR, "enroll", "--config", config]
        done = subprocess.run(command, input=token, capture_output=True, text=True)
        check_equal(done.returncode, 0, f"enroll: {done.stderr}")
        self.outputs.append(done.stdout + done.stderr)
        world.connector = world.start_connector("connector")

    def add_seal_keys(self, moment):
        paths = glob.glob(self.world.path("people", "engineer", "daypass", "keys", "*"))
        check(len(paths) > 0, "the engineer's machine has a key")
        for index, path in enumerate(paths):
            self.secrets.add_key(f"seal key {moment} {index}", path)

    def keep_store(self, moment):
        for path in glob.glob(self.world.path("daypassd", "daypass.db*")):
            with open(path, "rb") as file:
                self.stores[f"{os.path.basename(path)} {moment}"] = file.read()

    def use(self):
        world = self.world
        view = world.active()
        self.grant, self.account = view["id"], view["account"]
        self.add_seal_keys("at first")
        self.secrets.add("temporary password", world.credential(self.grant)["password"])
        rows = world.connect(self.grant, "SELECT count(*) FROM schema_app.orders_table").out
        check_equal(rows.strip(), "5", "rows of a granted table")
        for form in ("env", "url", "pgpass"):
            world.cli("engineer", "credentials", self.grant, "--format", form)
        _, body = world.curl(
            "GET", f"/v1/grants/{self.grant}/credentials", token=world.token_of("engineer")
        )
        self.sealed = json.loads(body)["sealed"]
        self.keep_store("while it lives")
        world.cli("engineer", "credentials", self.grant, "--reset")
        self.add_seal_keys("after a reset")
        self.secrets.add("second password", world.credential(self.grant)["password"])
        self.keep_store("after a reset")
        world.refuse("engineer", "not_a_requester", "request", "no-such-flow")

    def end(self):
        world = self.world
        for who in ("engineer", "dba", "admin"):
            self.outputs.append(world.cli(who, "show", self.grant, "--json").out)
            self.outputs.append(world.cli(who, "requests", "--all", "--json").out)
        world.cli("engineer", "revoke", self.grant)
        world.await_state(self.grant, "ended")
        self.outputs.append(world.cli("engineer", "show", self.grant).out)
        for form in ("jsonl", "csv", "table"):
            self.outputs.append(world.cli("admin", "audit", "--format", form).out)
        for arguments in (["export"], ["token", "list", "--all", "--json"], ["connectors", "--json"],
                          ["integrations", "shop-prod", "--json"], ["principal", "list", "--json"]):  # fmt: skip
            self.outputs.append(world.cli("admin", *arguments).out)
        self.keep_store("at the end")


def environment_of(process):
    with open(f"/proc/{process.pid}/environ", "rb") as file:
        return file.read()


@test
def no_secret_is_anywhere_but_where_it_belongs():
    umask = os.umask(0)  # so that the programs' own care shows
    try:
        with World() as world:
            story = Story(world)
            story.tell()
            check_daemons(world, story)
            check_wires(story)
            check_command_lines(story)
            check_files(world, story)
            check_logs(world, story)
            check_modes(world)
            check_copied_store(world, story)
            check_store_forgets(world, story)
    finally:
        os.umask(umask)


def check_daemons(world, story):
    for program in (world.daypassd, world.connector):
        story.secrets.check_absent(environment_of(program.process), f"environment of {program.name}")
        limits = read_text(f"/proc/{program.process.pid}/limits")
        cores = [line.split()[4:6] for line in limits.splitlines() if "core file" in line]
        check_equal(cores, [["0", "0"]], f"core limits of {program.name}")


def check_wires(story):
    sent, answered = story.people.recorded()
    check(story.sealed.encode() in answered, "the sealed credential is on the people's wire")
    tokens = ("bootstrap", "invitation", "password of", "session", "personal")
    # What is told once, to whom it is for: a join token, which the administrator carries over.
    story.secrets.check_absent(sent, "what people sent", tokens)
    story.secrets.check_absent(
        answered, "what people were answered", ("invitation", "session", "personal", "join")
    )
    sent, answered = story.machines.recorded()
    check(story.account.encode() in sent + answered, "the account is on the connector's wire")
    story.secrets.check_absent(sent, "what the connector sent", ("join",))
    story.secrets.check_absent(answered, "what the connector was answered")
    check_equal(sent.count(story.join_token.encode()), 1, "join tokens sent")


def check_command_lines(story):
    check(story.sampler.rounds > 100, f"rounds of sampling: {story.sampler.rounds}")
    lines = b"\n".join(story.sampler.seen)
    check(story.grant.encode() in lines, "short commands were seen")
    check(b"psql" in lines, "psql was seen")
    story.secrets.check_absent(lines, "a command line")


def check_files(world, story):
    for name, data in story.stores.items():
        story.secrets.check_absent(data, f"the store, {name}")
    live = b"".join(data for name, data in story.stores.items() if "while it lives" in name)
    check(story.account.encode() in live and story.sealed.encode() in live, "the store was read")
    keys = {world.path("daypassd", name) for name in ("action.key", "audit.key")}
    keys.add(world.path("connector", "instance.key"))
    for folder in ("daypassd", "connector"):
        found = tree_bytes(world.path(folder), keys)
        check(len(found) > 0, f"files below {folder}")
        for path, data in found.items():
            story.secrets.check_absent(data, path)
    for path in (world.path("daypassd.yaml"), world.path("connector.yaml")):
        story.secrets.check_absent(read_text(path).encode(), path)
    check(not os.path.exists(world.path("daypassd", "bootstrap-token")), "bootstrap token is gone")
    check_equal(
        glob.glob(world.path("people", "engineer", "daypass", "keys", "*")), [],
        "keys of grants that are over",
    )  # fmt: skip


def check_logs(world, story):
    for program in world.programs:
        text = read_text(program.log)
        check(story.grant in text, f"the log of {program.name} tells of the grant")
        story.secrets.check_absent(text.encode(), f"the log of {program.name}")
    server = read_text(world.server.log)
    check(story.account in server, "the server logs statements")
    story.secrets.check_absent(server.encode(), "the server's log")
    for output in story.outputs:
        story.secrets.check_absent(output.encode(), f"output: {output[:200]}")
    check(any(story.account in output for output in story.outputs), "outputs were looked at")


def check_modes(world):
    count = 0
    for folder in ("daypassd", "connector", "people/engineer/daypass"):
        for parent, folders, names in os.walk(world.path(folder)):
            for name in [""] + folders + names:
                path = os.path.join(parent, name)
                mode = stat.S_IMODE(os.stat(path).st_mode)
                wanted = 0o700 if os.path.isdir(path) else 0o600
                check_equal(oct(mode), oct(wanted), f"mode of {path}")
                count += 1
    check(count >= 10, f"files looked at: {count}")


def check_copied_store(world, story):
    """Nothing in a copy of the store lets its thief in."""
    copy = tempfile.mkdtemp(dir=world.folder)
    for path in glob.glob(world.path("daypassd", "daypass.db*")):
        shutil.copy(path, copy)
    store = sqlite3.connect(os.path.join(copy, "daypass.db"))
    rows = store.execute("SELECT id, hash FROM tokens").fetchall()
    check(len(rows) >= 4, f"tokens in the store: {len(rows)}")
    for row in rows:
        for text in row:
            for method, path in (("GET", "/v1/whoami"), ("POST", "/v1/connector/enroll")):
                status, body = world.curl(method, path, token=text)
                check_equal(status, 401, f"a stolen hash as a token for {path}")
                check(json.loads(body)["code"] in ("bad_token", "bad_join_token"), body)
    for principal, password in store.execute("SELECT principal, hash FROM passwords").fetchall():
        check(password.startswith("$argon2id$"), "passwords are hashed")
        status, _ = world.curl(
            "POST", "/v1/sessions", {"principal": principal, "password": password}
        )
        check_equal(status, 401, "a stolen hash of a password")
    store.close()


def check_store_forgets(world, story):
    """The sealed box goes with its grant, out of the file's bytes too."""
    db = sqlite3.connect(world.path("daypassd", "daypass.db"))
    documents = db.execute("SELECT document FROM grants").fetchall()
    db.close()
    check(story.grant in str(documents), "the grant is in the store")
    check("sealed" not in str(documents), f"no sealed box is left: {documents}")
    world.daypassd.stop()
    for path, data in tree_bytes(world.path("daypassd")).items():
        check(story.sealed.encode() not in data, f"{path} still holds the sealed box")


# ---- TLS -----------------------------------------------------------------------------------------


def secure(url):
    return url.replace("http://", "https://")


def start_with_tls(world):
    """daypassd with TLS, people and connector each behind a recording proxy. Gives the proxies."""
    world.start_daypassd(json_line("tls", {
        "certificate_file": os.environ["DAYPASS_TEST_CERT_FILE"],
        "key_file": os.environ["DAYPASS_TEST_KEY_FILE"],
    }))  # fmt: skip
    check(world.url.startswith("https://"), f"the address: {world.url}")
    people, machines = RecordingProxy(world.url), RecordingProxy(world.url)
    world.url = secure(people.url)
    return people, machines


def json_line(name, value):
    return f"{name}: {json.dumps(value)}\n"


def enroll_by(world, name, url, ca_file):
    """The result of enrolling, and the file of the connector."""
    config = json.loads(read_text(world.connector_config(name, url=url)))
    config["ca_file"] = ca_file
    write_text(world.path(name + ".yaml"), json.dumps(config))
    token = world.cli("admin", "connector", "create", "main", "--json").json["join_token"]
    return subprocess.run(
        [CONNECTOR, "enroll", "--config", world.path(name + ".yaml")],
        input=token, capture_output=True, text=True,
    )  # fmt: skip


@test
def over_tls_the_wire_shows_nothing_and_only_the_right_server_is_talked_to():
    trusted = {"DAYPASS_CA_FILE": CA_FILE, "CURL_CA_BUNDLE": CA_FILE}
    other_ca = os.environ["DAYPASS_TEST_OTHER_CA_FILE"]
    before = dict(os.environ)
    os.environ.update(trusted)
    try:
        with World() as world:
            people, machines = start_with_tls(world)
            world.sign_in_admin()
            world.apply(
                principals=[{"name": "engineer@example.com"}, {"name": "dba@example.com"}],
                groups=[{"name": "backend", "members": ["engineer@example.com"]},
                        {"name": "dba", "members": ["dba@example.com"]}],
            )  # fmt: skip
            refused = enroll_by(world, "wrong", secure(machines.url), other_ca)
            check(refused.returncode > 1 and "certificate" in refused.stderr, refused.stderr)
            done = enroll_by(world, "connector", secure(machines.url), CA_FILE)
            check_equal(done.returncode, 0, done.stderr)
            world.apply(integrations=[world.integration()], flows=[world.flow()])
            world.connector = world.start_connector()
            for who in ("engineer", "dba"):
                world.add_person(who)
            view = world.active()
            world.credential(view["id"])

            session = world.token_of("engineer").encode()
            for proxy, words in ((people, (session, b"/v1/", b"Bearer")),
                                 (machines, (b"/v1/", b"Signature", view["account"].encode()))):  # fmt: skip
                sent, answered = proxy.recorded()
                check(len(sent) > 1000 and len(answered) > 1000, "something went over the wire")
                for word in words:
                    check(word not in sent + answered, f"{word!r} is on the wire")

            os.environ["DAYPASS_CA_FILE"] = other_ca
            was_sent = len(people.recorded()[0])
            result = world.cli("engineer", "whoami", "--json", expect=None)
            check(result.code > 1 and "certificate" in result.error["message"], result.err)
            check(session not in people.recorded()[0][was_sent:], "no token for another server")
            os.environ["DAYPASS_CA_FILE"] = CA_FILE
            plain = RecordingProxy(world.url)
            result = world.cli("stranger", "login", plain.url, "--principal", "engineer@example.com",
                               stdin="not-a-password\n", expect=None)  # fmt: skip
            check(result.code > 1, "without TLS nothing is answered")
            world.cli("engineer", "whoami")
    finally:
        os.environ.clear()
        os.environ.update(before)


# ---- What others could read ----------------------------------------------------------------------


def run_program(command, env=None):
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
        env={**os.environ, **(env or {})},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def check_refused(world, command, path, mode, expected, env=None):
    """With this mode the program must not start; the error names the file and what to do."""
    before = stat.S_IMODE(os.stat(path).st_mode)
    os.chmod(path, mode)
    code, output = run_program(command, env)
    os.chmod(path, before)
    check(code != 0, f"{path} with mode {mode:o} is refused")
    check(path in output and expected in output, f"{path} with mode {mode:o}: {output}")


@test
def daemons_refuse_folders_keys_and_secrets_that_others_can_read():
    with World().set_up() as world:
        world.connector.stop()
        world.daypassd.stop()
        daypassd = [DAYPASSD, "--config", world.path("daypassd.yaml")]
        for name in ("", "action.key", "audit.key"):
            path = world.path("daypassd", name).rstrip("/")
            for mode in (0o750, 0o705) if name == "" else (0o640, 0o604, 0o660):
                check_refused(world, daypassd, path, mode, "chmod")
        connector = [CONNECTOR, "run", "--config", world.path("connector.yaml")]
        check_refused(world, connector, world.path("connector"), 0o755, "chmod 700")
        check_refused(world, connector, world.path("connector", "instance.key"), 0o644, "chmod 600")
        checking = [CONNECTOR, "check", "--config", world.path("connector.yaml")]
        check_refused(world, checking, world.admin_password_file, 0o644, "chmod 600")
        session = world.path("people", "engineer", "daypass", "session.json")
        people = {"XDG_STATE_HOME": world.path("people", "engineer")}
        check_refused(world, [CLI, "whoami"], session, 0o644, "chmod 600", people)
        folder = world.path("people", "engineer", "daypass")
        check_refused(world, [CLI, "whoami"], folder, 0o755, "chmod 700", people)


@test
def daypassd_refuses_a_tls_key_that_others_can_read():
    with World() as world:
        for name in ("server.pem", "server.key"):
            shutil.copy(os.path.join(os.path.dirname(world.admin_password_file), name), world.folder)
        config = {
            "listen": {"port": 0},
            "state_folder": world.path("daypassd"),
            "tls": {
                "certificate_file": world.path("server.pem"),
                "key_file": world.path("server.key"),
            },
        }
        write_text(world.path("daypassd.yaml"), json.dumps(config))
        command = [DAYPASSD, "--config", world.path("daypassd.yaml")]
        check_refused(world, command, world.path("server.key"), 0o640, "chmod 600")
        check(not os.path.exists(world.path("daypassd", "address")), "nothing listens")


@test
def no_program_takes_a_secret_on_its_command_line():
    with World().set_up() as world:
        for command in (
            [CLI, "login", world.url, "--password", "not-a-secret"],
            [CLI, "login", world.url, "--invitation", "not-a-secret"],
            [CLI, "login", world.url, "--token", "not-a-secret"],
            [CONNECTOR, "enroll", "--config", world.path("connector.yaml"), "--token", "not-a-secret"],
            [CONNECTOR, "enroll", "--config", world.path("connector.yaml"), "not-a-secret"],
        ):
            code, output = run_program(command, {"XDG_STATE_HOME": world.path("people", "new")})
            check_equal(code, 2, f"{command[1:]}: {output}")


@test
def daemons_cannot_be_dumped_by_their_own_user():
    """Of a process that cannot be dumped, all of /proc/PID belongs to root."""
    with World() as world:
        is_root = os.geteuid() == 0
        folder = world.path("plain")
        os.makedirs(folder, 0o700)
        for program in (DAYPASSD, "/bin/sleep"):
            shutil.copy(program, folder)
        config = os.path.join(folder, "daypassd.yaml")
        state = os.path.join(folder, "state")
        write_text(config, json.dumps({"listen": {"port": 0}, "state_folder": state}))
        if is_root:
            os.chmod(world.folder, 0o711)
            for path in [folder] + glob.glob(folder + "/*"):
                os.chown(path, NOBODY, NOBODY)
        user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if is_root else {}
        with open(world.path("plain.log"), "ab") as log:
            sleep = subprocess.Popen([folder + "/sleep", "100"], **user)
            daemon = subprocess.Popen(
                [folder + "/daypassd", "--config", config], stdout=log, stderr=log, **user
            )
        try:
            wait_until(
                f"daypassd runs: {read_text(world.path('plain.log'))}",
                lambda: os.path.exists(state + "/address"),
            )
            check(os.stat(f"/proc/{sleep.pid}/environ").st_uid != 0, "an ordinary process")
            check_equal(os.stat(f"/proc/{daemon.pid}/environ").st_uid, 0, "owner of daypassd's")
        finally:
            for process in (sleep, daemon):
                process.kill()
                process.wait()


if __name__ == "__main__":
    main()
