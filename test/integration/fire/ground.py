"""Where the fire burns: programs, each with a folder to arm fault points in, and the links between
them. Every fault that is done to them is on the timeline, with its times."""

import os
import re
import signal
import subprocess
import threading
import time

from fire.proxy import Network, program_of
from fire.target import Target
from world import CONNECTOR, DAYPASSD, Failure, World, check, read_text, wait_until, write_text

START_S = 60
LEASE_S = 15
SWEEP_S = 2
SOURCE = os.path.join(os.path.dirname(__file__), "../../../src")
POINT = re.compile(r'FAULT_POINT\("([^"]+)"\)')
# Instance, its connector, and the address its connections to the target come from.
INSTANCES = (
    ("main-1", "main", "127.0.1.1"),
    ("main-2", "main", "127.0.1.2"),
    ("side-1", "side", "127.0.1.3"),
)

UNHEARD_S = 90  # a first poll that a dead link swallowed is given up after 55 s, and tried again
ENGINE = "postgresql"


def fault_points():
    """{name: folder of src/} of every point there is, but for those of other engines' drivers."""
    found = {}
    for folder, _, files in os.walk(SOURCE):
        for file in files:
            if not file.endswith(".c"):
                continue
            place, _, engine = os.path.relpath(folder, SOURCE).partition("/")
            if place == "driver" and engine not in ("", ENGINE):
                continue
            for name in POINT.findall(read_text(os.path.join(folder, file))):
                check(name not in found, f"fault point {name} is there twice")
                found[name] = place
    return found


class Burning:
    """One program under fire: it may be killed, held, and told where to die."""

    def __init__(self, ground, name, command, connector=None):
        self.ground = ground
        self.name = name
        self.connector = connector
        self.command = command
        self.log = ground.path(name + ".log")
        self.faults = ground.path("faults-" + name)
        os.makedirs(self.faults, mode=0o700, exist_ok=True)
        self.env = {
            **os.environ,
            "DAYPASS_FAULTS": self.faults,
            # A killed program would cut the coverage data of all in two.
            "GCOV_PREFIX": ground.path("gcov"),
        }
        self.process = None
        self.lock = threading.Lock()  # held by whoever does something to it
        self.log_from = 0  # where the log of this start begins
        self.deaths = []  # unexpected ones

    def launch(self):
        with open(self.log, "ab") as log:
            self.log_from = log.tell()
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env
            )

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def start(self):
        """Starts it until it stays up. Whom it can reach by then is another matter."""
        self.launch()
        end = time.monotonic() + START_S
        while not self.ground.is_up(self):
            if not self.is_running():
                self.bury()
                self.launch()
            if time.monotonic() > end:
                raise Failure(f"{self.name} does not come up (log: {self.log})")
            time.sleep(0.05)

    def bury(self):
        """Takes the exit status; one that is not of our making is kept."""
        code = self.process.wait()
        if code != -signal.SIGKILL:
            self.deaths.append(f"{self.name} ended by itself with status {code} (log: {self.log})")
        return code

    def signal(self, number):
        if self.is_running():
            self.process.send_signal(number)

    # ---- Fault points -------------------------------------------------------------------------------

    def arm(self, point, order):
        write_text(os.path.join(self.faults, point), order)

    def disarm(self, point):
        """False when it was hit before."""
        try:
            os.unlink(os.path.join(self.faults, point))
            return True
        except FileNotFoundError:
            return False

    def was_hit(self, point):
        return os.path.exists(os.path.join(self.faults, point + ".hit"))

    def forget_hit(self, point):
        try:
            os.unlink(os.path.join(self.faults, point + ".hit"))
        except FileNotFoundError:
            pass

    def seen(self):
        return {name[: -len(".seen")] for name in os.listdir(self.faults) if name.endswith(".seen")}


class Ground(World):
    """The whole of it. Use as a context manager."""

    def __init__(self):
        super().__init__("pg15")
        self.target = Target()
        self.network = Network()
        self.direct_url = None
        self.burning = []
        self.links = {}
        self.timeline = []  # (from, until, what, who), wall clock in seconds
        self.timeline_lock = threading.Lock()
        self.store = None

    def __enter__(self):
        self.target.take_over()
        super().__enter__()
        self.target.query(
            "GRANT CREATE ON SCHEMA schema_app TO daypass_admin WITH GRANT OPTION"
        )
        return self

    def __exit__(self, kind, value, trace):
        for program in self.burning:
            program.signal(signal.SIGCONT)
            program.signal(signal.SIGKILL)
            if program.process:
                program.process.wait()
        if kind:
            self.show_logs()
        self.network.stop()
        self.server.port = self.target.port
        try:
            self.target.await_ready(20)
            super().__exit__(None, None, None)
        finally:
            self.target.stop()

    def show_logs(self):
        for program in self.burning:
            for line in read_text(program.log).splitlines()[-30:]:
                print(f"# {program.name}: {line}")

    def note_fault(self, began, what, who):
        with self.timeline_lock:
            self.timeline.append((began, time.time(), what, who))

    def program(self, name):
        return next(program for program in self.burning if program.name == name)

    def connectors(self):
        return [program for program in self.burning if program is not self.store]

    # ---- Starting ---------------------------------------------------------------------------------

    def is_up(self, program, sign="connector.started"):
        """`sign`: what an instance of a connector has logged by then."""
        if not program.is_running():
            return False
        if program is self.store:
            return self.is_listening()
        with open(program.log, "rb") as log:
            log.seek(program.log_from)
            return sign.encode() in log.read()

    def is_ready(self, program):
        return self.is_up(program, "poll.connected")

    def is_listening(self):
        address = self.path("daypassd", "address")
        if not os.path.exists(address):
            return False
        url = read_text(address).strip()
        if not url:
            return False
        before, self.url = self.url, url
        try:
            return self.curl("GET", "/readyz")[0] == 200
        finally:
            self.url = before

    def make_store(self):
        """daypassd, configured and not started."""
        write_text(
            self.path("daypassd.yaml"),
            f"listen: {{address: 127.0.0.1, port: 0}}\nstate_folder: {self.path('daypassd')}\n"
            f"actions: {{lease: {LEASE_S}s}}\n"
            "limits: {sign_ins_per_address: 6000}\n",
        )
        self.store = Burning(self, "daypassd", [DAYPASSD, "--config", self.path("daypassd.yaml")])
        self.burning.append(self.store)

    def open_store(self):
        """The first start that lasts: the port is kept from now on, and people go by a proxy."""
        self.store.start()
        self.direct_url = read_text(self.path("daypassd", "address")).strip()
        port = int(self.direct_url.rsplit(":", 1)[1])
        config = read_text(self.path("daypassd.yaml")).replace("port: 0", f"port: {port}")
        write_text(self.path("daypassd.yaml"), config)
        self.links["people"] = self.network.link("people-daypassd", port)
        people = self.network.listen(lambda *_: self.links["people"])
        self.url = f"http://127.0.0.1:{people}"
        for name, _, address in INSTANCES:
            self.links[name] = self.network.link(f"{name}-daypassd", port)
            self.links[name + "-target"] = self.network.link(
                f"{name}-target", self.target.port, address
            )
        self.server.port = self.network.listen(self.link_to_target)

    def link_to_target(self, peer_port, port):
        pids = {
            program.process.pid: program.name for program in self.connectors() if program.process
        }
        name = pids.get(program_of(peer_port, port, list(pids)))
        return self.links.get(f"{name}-target")

    def make_connector(self, name, connector):
        """An instance that has its configuration, and is not enrolled yet."""
        port = self.network.listen(lambda *_: self.links[name])
        self.connector_config(name, url=f"http://127.0.0.1:{port}")
        config = self.path(name + ".yaml")
        program = Burning(self, name, [CONNECTOR, "run", "--config", config], connector)
        self.burning.append(program)
        return program

    def try_enroll(self, program):
        """Whether it worked. Each try has a join token of its own."""
        result = self.cli("admin", "connector", "create", program.connector, "--json", expect=None)
        if result.code != 0:
            return False
        command = [CONNECTOR, "enroll", "--config", self.path(program.name + ".yaml")]
        enrolled = subprocess.run(
            command, input=result.json["join_token"], capture_output=True, text=True,
            env=program.env, check=False,
        )
        return enrolled.returncode == 0

    # ---- When it is over ---------------------------------------------------------------------------

    def accounts(self):
        """Names of all temporary accounts on the target."""
        return [row[0] for row in self.target.query("SELECT rolname FROM pg_roles WHERE rolname LIKE 'temp\\_%'")]

    def await_all(self, seconds=START_S):
        """Everything runs and every link is open."""
        for link in self.network.links:
            self.network.set(link, "open")
        for program in self.burning:
            program.signal(signal.SIGCONT)
            if not program.is_running():
                program.bury()
                program.start()
        self.target.await_ready(seconds)
        for program in self.burning:
            wait_until(
                f"{program.name} is ready", lambda p=program: self.is_ready(p), seconds + UNHEARD_S
            )
