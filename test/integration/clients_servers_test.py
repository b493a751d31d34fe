"""daypass connect with the real clients: the credential works on real servers, and /proc shows the
password nowhere but where the client has no other way."""

import hashlib
import os
import signal
import socket
import struct
import subprocess
import threading

from clients_test import ODD
from credential_plane import GRANT, CredentialPlane
from world import CA_FILE, CLI, check, check_equal, main, read_text, test_with, wait_until, write_text

OTHER_CA_FILE = os.environ["DAYPASS_TEST_OTHER_CA_FILE"]
CACHE = os.environ.get("DAYPASS_CACHE", os.path.expanduser("~/.cache/daypass"))
USER = "temp_odd_a1b2c3"


def fact(server, name):
    return os.environ[f"DAYPASS_TEST_{server.upper()}_{name}"]


def feed(command, text, **environment):
    process = subprocess.run(
        command, input=text, capture_output=True, text=True, env={**os.environ, **environment}
    )
    check_equal(process.returncode, 0, f"{command[0]}: {process.stderr}")


def password_of_superuser():
    return read_text(os.environ["DAYPASS_TEST_PASSWORD_FILE"]).strip()


def make_postgresql(server):
    quoted = ODD.replace("'", "''")
    command = ["psql", "-X", "-h", "127.0.0.1", "-p", fact(server, "PORT"), "-U", "postgres"]
    feed(
        command + ["-d", "postgres", "-v", "ON_ERROR_STOP=1"],
        f"DROP ROLE IF EXISTS {USER}; CREATE ROLE {USER} LOGIN PASSWORD '{quoted}';",
        PGPASSWORD=password_of_superuser(),
    )


def make_mysql(server):
    quoted = ODD.replace("\\", "\\\\").replace("'", "\\'")
    feed(
        ["mariadb", f"--defaults-file={fact(server, 'DEFAULTS_FILE')}"],
        f"CREATE OR REPLACE USER {USER} IDENTIFIED BY '{quoted}';"
        if server.startswith("mariadb")
        else f"DROP USER IF EXISTS {USER}; CREATE USER {USER} IDENTIFIED BY '{quoted}';",
    )


def make_redis(server):
    feed(
        ["redis-cli", "-p", fact(server, "PORT")],
        f"ACL SETUSER {USER} reset on #{hashlib.sha256(ODD.encode()).hexdigest()} +@all ~*\n",
        REDISCLI_AUTH=password_of_superuser(),
    )


def newer_mysql(plane):
    """A folder with the mysql of Debian sid, which runs with the libraries it came with."""
    tree = os.path.join(CACHE, "sid-mysql")
    os.makedirs(plane.path("bin"), exist_ok=True)
    write_text(
        plane.path("bin", "mysql"),
        f"#!/bin/sh\nexec {tree}/usr/lib64/ld-linux-x86-64.so.2 --library-path "
        f'{tree}/usr/lib/x86_64-linux-gnu {tree}/usr/bin/mysql "$@"\n',
        mode=0o755,
    )
    return plane.path("bin")


ASK = {
    "postgresql": (["-X", "-At", "-c", "SELECT current_user"], ["-X", "-c", "SELECT pg_sleep(600)"]),
    "mysql": (["-N", "-e", "SELECT current_user()"], ["-e", "SELECT SLEEP(600)"]),
    "mariadb": (["-N", "-e", "SELECT current_user()"], ["-e", "SELECT SLEEP(600)"]),
    "redis": (["ACL", "WHOAMI"], ["BLPOP", "nothing", "0"]),
}
MAKE = {"postgresql": make_postgresql, "mysql": make_mysql, "mariadb": make_mysql, "redis": make_redis}
DATABASE = {"postgresql": "postgres", "mysql": "information_schema", "redis": "0"}
# kind, server, whether with the newer mysql, the variable the client has no other way than.
CASES = (
    ("postgresql", "pg15", False, "PGPASSWORD"),
    ("mysql", "mysql97", True, None),
    ("mysql", "mysql97", False, None),
    ("mariadb", "mariadb118", False, None),
    ("redis", "redis", False, "REDISCLI_AUTH"),
)


class Offered:
    """A plane with the credential of an account that was made on a server."""

    def __init__(self, plane, kind, server, newer, host="localhost"):
        MAKE[kind](server)
        port = fact(server, "TLS_PORT" if kind == "redis" else "PORT")
        tls = "verify-ca" if kind == "redis" else "verify-full"
        database = DATABASE["mysql" if kind == "mariadb" else kind]
        plane.offer(
            kind=kind, host=host, port=int(port), database=database, user=USER, password=ODD, tls=tls
        )
        self.plane = plane
        self.kind = kind
        path = os.environ["PATH"]
        self.environment = {"PATH": f"{newer_mysql(plane)}:{path}" if newer else path}

    def connect(self, *arguments, **options):
        return self.plane.run("connect", GRANT, *arguments, **{**self.environment, **options})


@test_with(*CASES)
def a_real_client_is_let_in(kind, server, newer, _variable):
    with CredentialPlane() as plane:
        offered = Offered(plane, kind, server, newer)
        result = offered.connect("--ca-file", CA_FILE, "--", *ASK[kind][0])
        check(USER in result.out, f"who it is: {result.out}{result.err}")
        check(ODD not in result.out + result.err, "the password is not printed")


@test_with(*CASES)
def a_certificate_of_others_is_refused(kind, server, newer, _variable):
    with CredentialPlane() as plane:
        offered = Offered(plane, kind, server, newer)
        result = offered.connect("--ca-file", OTHER_CA_FILE, "--", *ASK[kind][0], expect=None)
        check(USER not in result.out and "certificate" in result.err.lower(), result.err)
        if kind in ("mysql", "mariadb"):  # redis-cli looks at no name; 127.1 is 127.0.0.1 to libpq
            offered = Offered(plane, kind, server, newer, host="127.1")
            result = offered.connect("--ca-file", CA_FILE, "--", *ASK[kind][0], expect=None)
            check(USER not in result.out and result.code != 0, "a name that is not the server's")


@test_with(*CASES)
def proc_shows_no_password(kind, server, newer, variable):
    with CredentialPlane() as plane:
        offered = Offered(plane, kind, server, newer)
        command = [CLI, "connect", GRANT, "--ca-file", CA_FILE, "--", *ASK[kind][1]]
        environment = plane.environment(**offered.environment)
        with subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as process:
            try:
                folder = f"/proc/{process.pid}"
                wait_until(
                    "the client is connected",
                    lambda: os.readlink(f"{folder}/exe") != os.path.realpath(CLI)
                    and has_connection(folder),
                )
                check(ODD not in read_text(f"{folder}/cmdline"), "not in cmdline")
                settings = read_text(f"{folder}/environ").split("\0")
                holders = [entry.split("=", 1)[0] for entry in settings if ODD in entry]
                expected = [variable, "VALKEYCLI_AUTH"] if kind == "redis" else [variable]
                check_equal(sorted(holders), sorted(filter(None, expected)), "environ")
                check_equal(pipes_with_text(folder), [], "nothing to be read from descriptors")
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait()


def has_connection(folder):
    links = []
    for name in os.listdir(f"{folder}/fd"):
        try:
            links.append(os.readlink(f"{folder}/fd/{name}"))
        except OSError:
            pass  # closed meanwhile
    return any(link.startswith("socket:") for link in links)


def pipes_with_text(folder):
    """Descriptors beyond the standard three from which the same user could still read."""
    found = []
    for name in os.listdir(f"{folder}/fd"):
        link = os.readlink(f"{folder}/fd/{name}")
        if int(name) > 2 and (link.startswith("pipe:") or "memfd" in link):
            fd = os.open(f"{folder}/fd/{name}", os.O_RDONLY | os.O_NONBLOCK)
            try:
                if USER.encode() in os.read(fd, 4096):  # clients have pipes of their own
                    found.append(link)
            except BlockingIOError:
                pass
            finally:
                os.close(fd)
    return found


# ---- Servers without TLS ---------------------------------------------------------------------------


class Plaintext:
    """A MySQL server that says it has no TLS, and keeps what a client answers
    (https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html)."""

    CAPABILITIES = 0x003FF7FF  # all of its time but CLIENT_SSL

    def __init__(self):
        self.answer = None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        low, high = self.CAPABILITIES & 0xFFFF, self.CAPABILITIES >> 16
        greeting = b"\x0a8.0.30\0" + struct.pack("<I", 5) + b"abcdefgh\0"
        greeting += struct.pack("<HBHHB10x", low, 33, 2, high, 21)
        greeting += b"ijklmnopqrst\0mysql_native_password\0"
        connection, _ = self.listener.accept()
        with connection:
            connection.sendall(struct.pack("<I", len(greeting)) + greeting)
            try:
                self.answer = connection.recv(4096)
            except ConnectionResetError:
                self.answer = b""


@test_with(*((kind, newer, mode) for kind, newer in (("mysql", True), ("mariadb", False))
             for mode in ("verify-full", "verify-ca", "require", "disable")))  # fmt: skip
def a_server_without_tls_is_told_nothing_unless_it_is_disabled(kind, newer, mode):
    with CredentialPlane() as plane:
        server = Plaintext()
        plane.offer(
            kind=kind, host="127.0.0.1", port=server.port, user=USER, password=ODD, tls=mode
        )
        path = f"{newer_mysql(plane)}:{os.environ['PATH']}" if newer else os.environ["PATH"]
        arguments = ["connect", GRANT, "--ca-file", CA_FILE, "--", "-e", "SELECT 1"]
        result = plane.run(*arguments, expect=None, PATH=path)
        server.thread.join(timeout=30)
        check(result.code != 0 and server.answer is not None, "the client came and went")
        check_equal(USER.encode() in server.answer, mode == "disable", "the account is named")


# ---- SQL Server -----------------------------------------------------------------------------------


class Login7:
    """A listener that speaks TDS as far as a client's login packet, and keeps what is in it
    (MS-TDS 2.2.6.4, 2.2.6.5)."""

    def __init__(self):
        self.login = None
        self.is_over = False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        connection, _ = self.listener.accept()
        with connection, connection.makefile("rb") as stream:
            self.packet(stream)
            options = struct.pack(">BHHBHHB", 0, 11, 6, 1, 17, 1, 255)
            body = options + bytes([15, 0, 0, 0, 0, 0, 2])  # version 15, no encryption
            connection.sendall(struct.pack(">BBHHBB", 4, 1, 8 + len(body), 0, 1, 0) + body)
            self.login = self.packet(stream)
            self.is_over = True

    def packet(self, stream):
        body = b""
        while True:
            head = stream.read(8)
            if len(head) < 8:
                return None
            _kind, status, length = struct.unpack(">BBH4x", head)
            body += stream.read(length - 8)
            if status & 1:
                return body

    def text(self, position, is_password=False):
        offset, length = struct.unpack_from("<HH", self.login, 36 + 4 * position)
        data = self.login[offset : offset + 2 * length]
        if is_password:
            data = bytes(((byte ^ 0xA5) >> 4 | (byte ^ 0xA5) << 4) & 0xFF for byte in data)
        return data.decode("utf-16le")


@test_with(("tsql", ODD), ("isql", "Abc123def456"))
def a_login_over_tds_has_the_credential(program, password):
    listener = Login7()
    with CredentialPlane() as plane:
        os.makedirs(plane.path("bin"))
        os.symlink(f"/usr/bin/{program}", plane.path("bin", program))
        plane.offer(
            kind="sqlserver", host="127.0.0.1", port=listener.port, database="shop", user=USER,
            password=password, tls="disable",
        )  # fmt: skip
        result = plane.run("connect", GRANT, expect=None, PATH=plane.path("bin"))
        check(listener.login, f"a login arrives: {result.err}")
        check_equal(
            (listener.text(1), listener.text(2, True), listener.text(8)),
            (USER, password, "shop"),
            "user, password and database",
        )
        wait_until("nothing is left behind", lambda: not os.listdir(plane.runtime))


@test_with(*((program, mode) for program in ("tsql", "isql") for mode in ("verify-full", "require")))
def a_server_of_tds_without_tls_gets_no_login(program, mode):
    listener = Login7()
    with CredentialPlane() as plane:
        os.makedirs(plane.path("bin"))
        os.symlink(f"/usr/bin/{program}", plane.path("bin", program))
        plane.offer(
            kind="sqlserver", host="127.0.0.1", port=listener.port, database="shop", user=USER,
            password="Abc123def456", tls=mode,
        )  # fmt: skip
        result = plane.run("connect", GRANT, expect=None, PATH=plane.path("bin"))
        check(result.code != 0, result.out)
        wait_until("the client is gone", lambda: listener.is_over)
        check_equal(listener.login, None, "what follows the server's answer")


if __name__ == "__main__":
    main()
