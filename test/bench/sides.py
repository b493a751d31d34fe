"""The two sides of a measurement, each run as a program of its own: people at work on the API, and
the floor. What they print comes back as a document."""

import json
import os
import subprocess

from world import BUILD, CA_FILE, Failure

TOOLS = os.path.join(BUILD, "test/bench")
RUN_S = 3600
TICKS = os.sysconf("SC_CLK_TCK")

# As PostgreSQL comes; the servers of the tests log everything and sync nothing.
AS_SHIPPED = {
    "log_statement": "none",
    "log_connections": "off",
    "log_disconnections": "off",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
}


def run_tool(name, *arguments):
    command = [os.path.join(TOOLS, name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_S)
    if done.returncode != 0:
        raise Failure(f"{name} failed: {done.stderr.strip()[:2000]}")
    return json.loads(done.stdout)


def options(**values):
    """seconds=3, ends_at=None: --seconds 3"""
    flat = []
    for name, value in values.items():
        if value is not None and value is not False:
            flat.append("--" + name.replace("_", "-"))
            flat += [] if value is True else [value]
    return flat


class People:
    """Those who ask, on a world's API."""

    def __init__(self, world, threads=32, flow="auto"):
        self.world, self.threads, self.flow = world, threads, flow
        self.tokens = world.tokens_file(*world.engineers())

    def run(self, work, **more):
        host, port = self.world.url.split("//")[1].split(":")
        values = {"host": host, "port": port, "tokens": self.tokens, "do": work,
                  "flow": self.flow, "threads": self.threads, **more}  # fmt: skip
        return run_tool("api_load", *options(**values))

    def capacity(self, seconds=1):
        """How many of the cheapest calls a second this load can make: above it, it is the limit."""
        answer = self.run("get", path="/healthz", seconds=seconds)
        return answer["count"] / answer["seconds"]


class Floor:
    """The client library alone on the world's server."""

    def __init__(self, world, script, lanes, tool="bare_postgresql"):
        self.world, self.script, self.lanes, self.tool = world, script, lanes, tool

    def run(self, **more):
        server = self.world.server
        values = {"script": self.script, "host": "localhost", "port": server.port,
                  "user": server.admin, "database": server.database, "ca_file": CA_FILE,
                  "password_file": self.world.admin_password_file, "lanes": self.lanes,
                  **more}  # fmt: skip
        return run_tool(self.tool, *options(**values))


def set_as_shipped(server):
    for name, value in AS_SHIPPED.items():
        server.query(f"ALTER SYSTEM SET {name} = '{value}'", "postgres")
    server.query("SELECT pg_reload_conf()", "postgres")


def set_mysql_as_shipped(server):
    server.query("SET GLOBAL general_log = 0; SET GLOBAL innodb_flush_log_at_trx_commit = 1")


def set_for_recording(server):
    for name in AS_SHIPPED:
        server.query(f"ALTER SYSTEM RESET {name}", "postgres")
    server.query("SELECT pg_reload_conf()", "postgres")


# ---- What processes use --------------------------------------------------------------------------


def stat(pid):
    """The fields of /proc/PID/stat from the third on; none where it has ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None


def cpu_s(pid, with_children=False):
    """Processor time of a process, and of those it waited for and has now."""
    fields = stat(pid)
    if fields is None:
        return 0
    ticks = sum(int(text) for text in fields[11 : 15 if with_children else 13])
    if with_children:
        for child in os.listdir("/proc"):
            other = stat(child) if child.isdigit() else None
            if other and other[1] == str(pid):
                ticks += int(other[11]) + int(other[12])
    return ticks / TICKS


def memory_mb(pid, name="VmRSS"):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith(name + ":"):
                return int(line.split()[1]) / 1024
    raise Failure(f"/proc/{pid}/status says no {name}")


class CpuMeter:
    """Processor time of daypassd, the connector and the server between two moments."""

    def __init__(self, world):
        self.programs = {
            "daypassd": (world.daypassd.process.pid, False),
            "connector": (world.connector.process.pid, False),
        }
        server = server_process(world.server)
        if server:
            self.programs["server"] = (server, True)
        self.before = self.now()

    def now(self):
        return {name: cpu_s(*process) for name, process in self.programs.items()}

    def used_s(self):
        now = self.now()
        return {name: now[name] - self.before[name] for name in now}


def server_process(server):
    """The process that listens on the server's port; 0 where it cannot be told."""
    wanted = f"0100007F:{server.port:04X}"
    with open("/proc/net/tcp", encoding="ascii") as file:
        rows = [line.split() for line in file]
    inodes = {row[9] for row in rows if row[1] == wanted and row[3] == "0A"}
    holders = [
        int(pid) for pid in os.listdir("/proc") if pid.isdigit() and holds_socket(pid, inodes)
    ]
    return min(holders, default=0)


def holds_socket(pid, inodes):
    folder = f"/proc/{pid}/fd"
    try:
        links = [os.readlink(f"{folder}/{name}") for name in os.listdir(folder)]
    except OSError:
        return False
    return any(link == f"socket:[{inode}]" for link in links for inode in inodes)


