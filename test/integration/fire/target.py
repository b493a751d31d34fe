"""A PostgreSQL of the campaign's own, which it may kill, hold and start again."""

import os
import signal
import subprocess
import tempfile
import threading
import time

from fire.libpq import Lost, Session

ROOT = os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
)
# %h tells instances of a connector apart: each comes from an address of its own.
SETTINGS = """
log_line_prefix = '%m|%p|%h|%u|%a|'
synchronous_commit = on
restart_after_crash = on
checkpoint_timeout = 30s
"""
START_S = 60


def start_servers():
    """Starts the server by the usual means and puts its facts into the environment."""
    folder = tempfile.mkdtemp(prefix="daypass-fire-")
    command = [os.path.join(ROOT, "scripts/test-servers"), "start", folder, "pg15"]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {result.stderr}")
    with open(os.path.join(folder, "facts"), encoding="utf-8") as facts:
        for line in facts:
            name, _, value = line.strip().partition("=")
            os.environ[name] = value
    return folder


def stop_servers(folder):
    subprocess.run(
        [os.path.join(ROOT, "scripts/test-servers"), "stop", folder],
        capture_output=True, text=True, check=False,
    )


def children_of(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []


def command_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


class Target:
    """The server process, seen by its superuser."""

    def __init__(self):
        self.port = int(os.environ["DAYPASS_TEST_PG15_PORT"])
        self.log = os.environ["DAYPASS_TEST_PG15_LOG"]
        self.ca_file = os.environ["DAYPASS_TEST_CA_FILE"]
        self.data = os.path.join(os.environ["DAYPASS_TEST_PG15_SOCKET_DIR"], "data")
        self.bindir = os.environ["DAYPASS_TEST_PG15_BINDIR"]
        with open(os.environ["DAYPASS_TEST_PASSWORD_FILE"], encoding="ascii") as file:
            self.password = file.read().strip()
        self.process = None
        self.lock = threading.Lock()

    def _as_owner(self):
        owner = os.stat(self.data)
        if os.geteuid() != 0:
            return {"cwd": "/"}
        return {"cwd": "/", "user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}

    def take_over(self):
        """Stops the server as it was started, and starts it as a child with what we need."""
        subprocess.run(
            [os.path.join(self.bindir, "pg_ctl"), "-D", self.data, "-m", "fast", "-w", "-s", "stop"],
            check=True, stdin=subprocess.DEVNULL, capture_output=True, **self._as_owner(),
        )
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="utf-8") as file:
            file.write(SETTINGS)
        rules = os.path.join(self.data, "pg_hba.conf")
        with open(rules, encoding="utf-8") as file:
            text = file.read()
        with open(rules, "w", encoding="utf-8") as file:
            file.write(text.replace("127.0.0.1/32", "127.0.0.0/8"))
        self.start()

    def start(self):
        """Again and again until it stays: what was killed may hold its shared memory a moment."""
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            with open(self.log, "ab") as log:
                self.process = subprocess.Popen(
                    [os.path.join(self.bindir, "postgres"), "-D", self.data, "-p", str(self.port)],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, **self._as_owner(),
                )
            while self.process.poll() is None and time.monotonic() < end:
                if self.answers():
                    return
                time.sleep(0.05)
        raise RuntimeError(f"PostgreSQL did not start again (log: {self.log})")

    def session(self, database="shop"):
        return Session("postgres", self.password, self.port, database, self.ca_file, "fire-check")

    def answers(self):
        try:
            self.session("postgres").close()
            return True
        except Lost:
            return False

    def query(self, sql, database="shop"):
        with self.session(database) as session:
            return session.query(sql)

    def await_ready(self, seconds=START_S):
        end = time.monotonic() + seconds
        while not self.answers():
            if time.monotonic() > end:
                raise RuntimeError(f"PostgreSQL does not answer (log: {self.log})")
            time.sleep(0.05)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def kill_backend(self, chooser):
        """Kills one process that serves a connector: the server recovers by itself. False: none."""
        serving = [
            pid for pid in children_of(self.process.pid) if "daypass_admin" in command_of(pid)
        ]
        if not serving:
            return False
        try:
            os.kill(chooser.choice(serving), signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def hold(self):
        """Gives the processes to be let go again."""
        held = [self.process.pid] + children_of(self.process.pid)
        for pid in held:
            try:
                os.kill(pid, signal.SIGSTOP)
            except ProcessLookupError:
                pass
        return held

    @staticmethod
    def let_go(held):
        for pid in held:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # fast
            self.process.wait(60)
