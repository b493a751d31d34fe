"""A whole Daypass for one test: a shop in a real PostgreSQL, daypassd, connectors and people.

Every wait is for an event, with a time limit that fails loudly.
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
import urllib.request

from checks import WAIT_S, Failure, check, check_equal, read_text, wait_until, write_text
from servers import CA_FILE, ROOT, SERVERS, Server

BUILD = os.environ["DAYPASS_BUILD"]
DAYPASSD = os.path.join(BUILD, "src/server/daypassd")
CONNECTOR = os.path.join(BUILD, "src/connector/daypass-connector")
CLI = os.path.join(BUILD, "src/cli/daypass")
WITHOUT_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
END_S = 15  # for a program to end by itself once a test is over
# "off" where a tool around the programs needs system calls that they have no use for.
SECCOMP = os.environ.get("DAYPASS_TEST_SECCOMP", "on")


class Result:
    """What a command printed and how it ended."""

    def __init__(self, process):
        self.code = process.returncode
        self.out = process.stdout
        self.err = process.stderr

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def error(self):
        """The error of a command that was run with --json."""
        return json.loads(self.err or self.out)["error"]


class Program:
    """A daemon under test, with its log in a file."""

    def __init__(self, name, command, log, env=None):
        self.name = name
        self.command = command
        self.log = log
        self.env = {**os.environ, **(env or {})}
        self.process = None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env
            )
        return self

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        """Asks it to end, and checks that it ended well."""
        if not self.is_running():
            return
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=WAIT_S)
        check_equal(code, 0, f"exit code of {self.name} after SIGTERM (log: {self.log})")

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()

    def end(self):
        """Lets it end by itself, so that leaks are looked for, whatever state a test left it in."""
        if self.is_running():
            self.resume()
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=END_S)
            except subprocess.TimeoutExpired:
                pass
        self.kill()

    def findings(self):
        """What a sanitizer had to say."""
        words = ("Sanitizer:", "runtime error:")
        lines = read_text(self.log).splitlines() if os.path.exists(self.log) else []
        return [line for line in lines if any(word in line for word in words)]

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def has_logged(self, text):
        return text in read_text(self.log)




class World:
    """Use as a context manager. Ends everything it started."""

    def __init__(self, server="pg15", privilege_mode="shared-role"):
        self.folder = tempfile.mkdtemp(prefix="daypass-story-")
        self.server = Server(server) if isinstance(server, str) else server
        self.privilege_mode = privilege_mode
        self.programs = []
        self.url = None
        self.daypassd = None
        self.connector = None
        self.admin_password_file = None
        self.is_to_begin = False
        self.environments = {}  # of a person's commands, beyond what all have

    def __enter__(self):
        try:
            self.admin_password_file = self.server.make_shop()
            if self.is_to_begin:
                self.begin()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, value, trace):
        for program in reversed(self.programs):
            program.end()
        findings = [finding for program in self.programs for finding in program.findings()]
        if kind or findings:
            self.show_logs()
        self.server.drop_leftovers()
        shutil.rmtree(self.folder, ignore_errors=True)
        if findings and not kind:
            raise Failure("\n".join(findings))

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def show_logs(self):
        for program in self.programs:
            for line in read_text(program.log).splitlines()[-40:]:
                print(f"# {program.name}: {line}")

    def run(self, name, command, env=None):
        program = Program(name, command, self.path(name + ".log"), env)
        self.programs.append(program)
        return program.start()

    def start_daypassd(self, extra=""):
        if not self.url:
            write_text(
                self.path("daypassd.yaml"),
                f"listen: {{address: 127.0.0.1, port: 0}}\nstate_folder: {self.path('daypassd')}\n"
                + extra
                + ("" if SECCOMP == "on" else f"sandbox: {{seccomp: {SECCOMP}}}\n"),
            )
        self.daypassd = self.run("daypassd", [DAYPASSD, "--config", self.path("daypassd.yaml")])
        self.await_daypassd()
        return self.daypassd

    def await_daypassd(self):
        """Waits for the address file of this run; later starts keep the port."""
        address = self.path("daypassd", "address")
        wait_until(
            f"daypassd listens (log: {self.daypassd.log})",
            lambda: os.path.exists(address) or not self.daypassd.is_running(),
        )
        check(self.daypassd.is_running(), "daypassd runs")
        if not self.url:
            self.url = read_text(address).strip()
            port = self.url.rsplit(":", 1)[1]
            config = read_text(self.path("daypassd.yaml")).replace("port: 0", f"port: {port}")
            write_text(self.path("daypassd.yaml"), config)
        wait_until("daypassd answers", lambda: self.curl("GET", "/readyz")[0] == 200)

    def restart_daypassd(self):
        self.daypassd.start()
        wait_until("daypassd answers again", lambda: self.curl("GET", "/readyz")[0] == 200)

    def curl(self, method, path, body=None, token=None, headers=()):
        """(status, body) of a call; status 0 when there was no answer. Secrets go by a file."""
        config = self.path(f"curl-{secrets.token_hex(4)}")
        lines = [f'header = "{header}"' for header in headers]
        if token:
            lines.append(f'header = "Authorization: Bearer {token}"')
        write_text(config, "\n".join(lines) + "\n")
        command = ["curl", "-sS", "--noproxy", "*", "-m", "60", "-K", config, "-X", method]
        command += ["-o", "-", "-w", "\n%{http_code}"]
        if body is not None:
            command += ["--data-binary", "@-"]
            if not any(header.lower().startswith("content-type") for header in headers):
                command += ["-H", "Content-Type: application/json"]
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        process = subprocess.run(command + [self.url + path], input=data, capture_output=True)
        os.unlink(config)
        text, _, status = process.stdout.decode("utf-8", "replace").rpartition("\n")
        return int(status or 0), text

    def connector_config(self, name, url=None, changes=None):
        """Writes and gives the configuration file of a connector. `changes`: to its secret."""
        secret = {
            "name": "shop-prod-admin",
            "user": self.server.admin,
            "file": self.admin_password_file,
            "ca_file": CA_FILE,
            "target": {
                "kind": self.server.kind,
                "host": "localhost",
                "port": self.server.port,
                "database": self.server.database,
                "tls": "verify-full",
            },
            **(changes or {}),
        }
        config = {
            "control_plane": url or self.url,
            "state_folder": self.path(name),
            "sweep_every": "2s",
            "secrets": [secret],
            **({} if SECCOMP == "on" else {"sandbox": {"seccomp": SECCOMP}}),
        }
        path = self.path(name + ".yaml")
        write_text(path, json.dumps(config))  # JSON is YAML
        return path

    def enroll(self, name, connector="main", changes=None):
        """Makes an instance `name` of a connector. Gives its configuration file."""
        token = self.cli("admin", "connector", "create", connector, "--json").json["join_token"]
        config = self.connector_config(name, changes=changes)
        result = subprocess.run(
            [CONNECTOR, "enroll", "--config", config], input=token, capture_output=True, text=True
        )
        check_equal(result.returncode, 0, f"enroll: {result.stderr}")
        return config

    def start_connector(self, name="connector"):
        """Starts it by its file; enrolls it as an instance of `main` where there is none."""
        config = self.path(name + ".yaml")
        if not os.path.exists(config):
            config = self.enroll(name)
        program = self.run(name, [CONNECTOR, "run", "--config", config])
        wait_until(f"{name} polls", lambda: program.has_logged("poll.connected"))
        return program

    # ---- People ---------------------------------------------------------------------------------

    def cli(self, who, *arguments, expect=0, stdin=None):
        """Runs `daypass` as a person. `expect`: its exit code, or None for any."""
        env = {
            **os.environ,
            "XDG_STATE_HOME": self.path("people", who),
            "PGSSLROOTCERT": CA_FILE,
            "PGCONNECT_TIMEOUT": "10",
            **self.environments.get(who, {}),
        }
        process = subprocess.run(
            [CLI, *arguments],
            env=env,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=120,
        )
        result = Result(process)
        if expect is not None and result.code != expect:
            raise Failure(
                f"daypass {' '.join(arguments)} as {who}: exit {result.code}, expected {expect}\n"
                f"{result.out}{result.err}"
            )
        return result

    def refuse(self, who, code, *arguments):
        """The command must fail with this stable error code."""
        result = self.cli(who, *arguments, "--json", expect=None)
        check(result.code != 0, f"daypass {' '.join(arguments)} as {who} was not refused")
        check_equal(result.error["code"], code, f"daypass {' '.join(arguments)} as {who}")
        return result

    def sign_in(self, who, principal, invitation):
        """`invitation` is the token's text."""
        os.makedirs(self.path("people"), mode=0o755, exist_ok=True)  # also without an umask
        os.makedirs(self.path("people", who), mode=0o700, exist_ok=True)
        invitation_file = self.path("people", who, "invitation")
        password_file = self.path("people", who, "password")
        write_text(invitation_file, invitation)
        write_text(password_file, secrets.token_urlsafe(18))
        self.cli(
            who, "login", self.url, "--principal", principal,
            "--invitation-file", invitation_file, "--password-file", password_file,
        )  # fmt: skip

    def sign_in_admin(self):
        token = read_text(self.path("daypassd", "bootstrap-token")).strip()
        self.sign_in("admin", "admin@example.com", token)

    def add_person(self, who, role="member"):
        """A person that may be declared already."""
        principal = f"{who}@example.com"
        result = self.cli("admin", "principal", "invite", principal, "--json", expect=None)
        if result.code != 0:
            result = self.cli("admin", "principal", "create", principal, "--role", role, "--json")
        self.sign_in(who, principal, result.json["invitation"])

    def token_of(self, who):
        """The session token that the person's command keeps."""
        return json.loads(read_text(self.path("people", who, "daypass", "session.json")))["token"]

    # ---- The shop -------------------------------------------------------------------------------

    def integration(self, **changes):
        return {
            "name": "shop-prod",
            "kind": self.server.kind,
            "connector": "main",
            "host": "localhost",
            "port": self.server.port,
            "database": self.server.database,
            "tls": "verify-full",
            "admin_secret": "shop-prod-admin",
            "custodian": "daypass_custodian",
            "privilege_mode": self.privilege_mode,
            **changes,
        }

    def flow(self, **changes):
        return {
            "name": "shop-read",
            "integration": "shop-prod",
            "requesters": {"groups": ["backend"]},
            "grants": [
                {
                    "schema": "schema_app",
                    "tables": ["customers_table", "orders_table"],
                    "privileges": ["SELECT"],
                }
            ],
            "duration": {"default": "1h", "max": "8h"},
            "approval": [{"any_of": {"groups": ["dba"]}, "count": 1}],
            "reason": "required",
            **changes,
        }

    def apply(self, *arguments, expect=0, **configuration):
        path = self.path("apply.yaml")
        write_text(path, json.dumps(configuration))
        return self.cli("admin", "apply", "-f", path, *arguments, expect=expect)

    def set_up(self):
        """with World().set_up() as world: begins as usual."""
        self.is_to_begin = True
        return self

    def begin(self):
        """The usual beginning: everything runs, engineer and dba have signed in."""
        self.start_daypassd()
        self.sign_in_admin()
        self.cli("admin", "connector", "create", "main", "--json")
        self.apply(
            principals=[{"name": "engineer@example.com"}, {"name": "dba@example.com"}],
            groups=[
                {"name": "backend", "members": ["engineer@example.com"]},
                {"name": "dba", "members": ["dba@example.com"]},
            ],
            integrations=[self.integration()],
            flows=[self.flow()],
        )
        self.add_person("engineer")
        self.add_person("dba")
        self.connector = self.start_connector()

    # ---- Grants ---------------------------------------------------------------------------------

    def request(self, who="engineer", flow="shop-read", duration="1h", reason="a test"):
        return self.cli(
            who, "request", flow, "--for", duration, "--reason", reason, "--json"
        ).json["id"]  # fmt: skip

    def show(self, grant, who="engineer"):
        return self.cli(who, "show", grant, "--json").json

    def state_of(self, grant, who="engineer"):
        """Straight from the API: waits look often, and a program for each look is much."""
        if not self.url.startswith("http://"):
            return self.show(grant, who)["state"]
        headers = {"Authorization": f"Bearer {self.token_of(who)}"}
        request = urllib.request.Request(f"{self.url}/v1/grants/{grant}", headers=headers)
        with WITHOUT_PROXY.open(request, timeout=WAIT_S) as answer:
            return json.load(answer)["state"]

    def await_state(self, grant, state, who="engineer", seconds=WAIT_S):
        return wait_until(
            f"{grant} is {state}",
            lambda: self.state_of(grant, who) == state
            and (view := self.show(grant, who))["state"] == state
            and view,
            seconds,
            pause_s=0.15,
        )

    def active(self, duration="1h", **request):
        """A grant that is requested, approved and there. Gives its view."""
        grant = self.request(duration=duration, **request)
        self.cli("dba", "approve", grant)
        return self.await_state(grant, "active")

    def credential(self, grant, who="engineer"):
        return self.cli(who, "credentials", grant, "--format", "json").json

    def connect(self, grant, sql, who="engineer", expect=0):
        return self.cli(
            who, "connect", grant, "--", "-X", "-At", "-v", "ON_ERROR_STOP=1", "-c", sql,
            expect=expect,
        )  # fmt: skip


# ---- TAP ------------------------------------------------------------------------------------------

TESTS = []


def is_story(function):
    """One that is imported by another story, for what else it has, is not told there."""
    return function.__module__ == "__main__"


def test(function):
    """Marks a test; its name with spaces is its description."""
    if is_story(function):
        TESTS.append((function.__name__.replace("_", " "), function, ()))
    return function


def test_with(*parameters):
    """Runs the test once for each tuple of arguments."""

    def mark(function):
        for arguments in parameters if is_story(function) else ():
            name = function.__name__.replace("_", " ")
            TESTS.append((f"{name} ({', '.join(map(str, arguments))})", function, arguments))
        return function

    return mark


def main():
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    chosen = [entry for entry in TESTS if only in entry[0]]
    print(f"1..{len(chosen)}")
    failed = 0
    for number, (name, function, arguments) in enumerate(chosen, 1):
        try:
            function(*arguments)
            print(f"ok {number} - {name}", flush=True)
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print(f"not ok {number} - {name}")
            for line in traceback.format_exc().splitlines():
                print(f"# {line}")
            sys.stdout.flush()
    sys.exit(1 if failed else 0)
