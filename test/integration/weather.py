"""Bad weather for the stories: disks, clocks, names, certificates and servers that fail on demand."""

import ctypes
import glob
import json
import os
import re
import resource
import struct
import subprocess
import time

from world import BUILD, CA_FILE, ROOT, Failure, World, check, read_text, wait_until, write_text

LIBRARY = os.path.join(BUILD, "test/support/libweather.so")
CLONE_NEWNS = 0x00020000
SOON_S = 90  # for what comes by itself, on a machine that is busy with other tests


def faketime_library():
    found = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    if not found:
        raise Failure("libfaketime is missing: run scripts/install-dependencies test")
    return found[0]


def preload(*libraries):
    """The environment that loads them, in a program built with a sanitizer too."""
    return {
        "LD_PRELOAD": " ".join(libraries),
        "ASAN_OPTIONS": f"{os.environ.get('ASAN_OPTIONS', '')}:verify_asan_link_order=0",
    }


# ---- Disks ----------------------------------------------------------------------------------------


def own_mounts():
    """What is mounted from here on is seen by this process and its children alone."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        raise Failure(f"no mounts of our own: {os.strerror(ctypes.get_errno())}; run as root")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


class Disk:
    """A small file system at a path, gone with the process."""

    def __init__(self, path, megabytes, owner=None):
        self.path = path
        os.makedirs(path, mode=0o700, exist_ok=True)
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "tmpfs", path], check=True
        )
        if owner is not None:
            os.chown(path, owner, owner)

    def fill(self):
        """To the last byte."""
        with open(os.path.join(self.path, "ballast"), "ab", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while file.write(b"\0" * size) == size:
                        pass
                except OSError:
                    pass

    def empty(self):
        os.unlink(os.path.join(self.path, "ballast"))

    def set_read_only(self, read_only):
        mode = "ro" if read_only else "rw"
        subprocess.run(["mount", "-o", f"remount,{mode}", self.path], check=True)

    def gone(self):
        subprocess.run(["umount", "-l", self.path], check=True)


# ---- Certificates ---------------------------------------------------------------------------------


class Authority:
    """Signs certificates with any term."""

    def __init__(self, folder, name="ca"):
        self.folder = folder
        self.key = os.path.join(folder, name + ".key")
        self.file = os.path.join(folder, name + ".pem")
        self.openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-days", "400", "-subj", f"/CN=Daypass weather {name}", "-keyout", self.key,
            "-out", self.file, ahead_days=-100,
        )  # fmt: skip

    @staticmethod
    def openssl(*arguments, ahead_days=0):
        env = {**os.environ, "LD_PRELOAD": faketime_library(), "FAKETIME": f"{ahead_days:+d}d"}
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, env=env)

    def sign(self, certificate, key, name="daypass.test", from_days=-1, days=30, here=True):
        """Writes both files, each in one step. `here`: it is good for this machine, too."""
        base = os.path.join(self.folder, "signing")
        names = f"DNS:{name}" + (",DNS:localhost,IP:127.0.0.1" if here else "")
        write_text(base + ".ext", f"subjectAltName={names}\n")
        self.openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
            f"/CN={name}", "-keyout", base + ".key", "-out", base + ".csr",
        )  # fmt: skip
        self.openssl(
            "x509", "-req", "-in", base + ".csr", "-CA", self.file, "-CAkey", self.key,
            "-set_serial", str(time.time_ns()), "-days", str(days), "-extfile", base + ".ext",
            "-out", base + ".pem", ahead_days=from_days,
        )  # fmt: skip
        os.chmod(base + ".key", 0o600)
        os.replace(base + ".pem", certificate)
        os.replace(base + ".key", key)


# ---- The world ------------------------------------------------------------------------------------


class WeatherWorld(World):
    """`shimmed`: programs that the test library is loaded into, by name."""

    def __init__(self, server="pg15", shimmed=(), **options):
        super().__init__(server, **options)
        self.shimmed = shimmed
        self.weather = self.path("weather")
        os.mkdir(self.weather)
        with open(os.path.join(self.weather, "clocks"), "wb") as file:
            file.write(struct.pack("qq", 0, 0))

    def run(self, name, command, env=None):
        return super().run(name, command, {**(env or {}), **self.environment(name)})

    def environment(self, name):
        if name not in self.shimmed:
            return {}
        return {**preload(LIBRARY), "DAYPASS_WEATHER": self.weather}

    def order(self, name, what):
        """Written elsewhere first: a program never reads half of it."""
        write_text(self.path("order"), what)
        os.replace(self.path("order"), os.path.join(self.weather, name))

    def calm(self, name):
        os.unlink(os.path.join(self.weather, name))

    def set_clocks(self, slept_s=0, ahead_s=0):
        """Of the programs that the library is loaded into: how long their machine has slept, and
        by how much its wall clock was set besides."""
        with open(os.path.join(self.weather, "clocks"), "r+b") as file:
            file.write(struct.pack("qq", slept_s, ahead_s))

    def ready(self):
        return self.curl("GET", "/readyz")[0]

    def call(self, who, method, path, body=None):
        """(status, code or None) of a person's call, without the command line's repetitions."""
        status, text = self.curl(method, path, body, token=self.token_of(who))
        return status, (json.loads(text).get("code") if status >= 400 else None)

    def metric(self, name):
        """The value of a metric without labels; None when it is not there."""
        found = re.search(rf"^{name} (\S+)$", self.curl("GET", "/metrics")[1], re.MULTILINE)
        return float(found.group(1)) if found else None

    def connector_changes(self, name, **options):
        """Changes options of a connector's file."""
        config = json.loads(read_text(self.path(name + ".yaml")))
        write_text(self.path(name + ".yaml"), json.dumps({**config, **options}))

    def works(self):
        """A whole life."""
        self.end(self.active()["id"])

    def end(self, grant, cause="revoked", who="engineer"):
        self.cli(who, "revoke", grant)
        view = self.await_state(grant, "ended", seconds=SOON_S)
        check(view["cause"] == cause, f"{grant} ended as {view['cause']}, not {cause}")


def account_gone(world, account):
    return account not in world.server.accounts()


def no_sanitizer_report(program):
    text = read_text(program.log)
    for word in ("Sanitizer", "runtime error", "Assertion"):
        check(word not in text, f"{program.name} logged {word}: {text[-3000:]}")


def starve_of_files(program):
    """No file can be opened any more, until what this gives is called."""
    pid = program.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    taken = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
    free = min(set(range(len(taken) + 1)) - taken)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (free, before[1]))
    return lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def fill_last_page(path):
    """Of a file that is written at its end: what fits in there is no longer room."""
    with open(path, "ab") as file:
        file.write(b"\n" * (-file.tell() % 4096))


