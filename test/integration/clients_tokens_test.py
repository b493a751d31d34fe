"""The real clients of MySQL and MariaDB send a token as it is, and over verified TLS alone, to a
server that asks for it as RDS does."""

import os
import socket
import ssl
import struct
import threading

from aws_plane import KEY, SHOP, AwsPlane
from clients_servers_test import OTHER_CA_FILE, newer_mysql
from credential_plane import GRANT
from servers import SERVERS
from world import CA_FILE, check, check_equal, main, test_with

# LONG_PASSWORD, CONNECT_WITH_DB, PROTOCOL_41, SSL, TRANSACTIONS, SECURE_CONNECTION, PLUGIN_AUTH.
# https://dev.mysql.com/doc/dev/mysql-server/latest/group__group__cs__capabilities__flags.html
CAPABILITIES = 0x1 | 0x8 | 0x200 | 0x800 | 0x2000 | 0x8000 | 0x80000
WITHOUT_TLS = CAPABILITIES & ~0x800
REFUSAL = "seen by this test"
CLEAR_TEXT = b"mysql_clear_password\0"


class Asker:
    """A server that has a client send its password by mysql_clear_password, and then lets it go.
    https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html"""

    def __init__(self, capabilities=CAPABILITIES):
        self.capabilities = capabilities
        self.password = None
        self.user = None
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(f"{SERVERS}/server.pem", f"{SERVERS}/server.key")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def serve(self):
        try:
            while True:
                connection, _ = self.listener.accept()
                with connection:
                    connection.settimeout(60)
                    try:
                        self.ask(connection)
                    except (OSError, EOFError):
                        pass  # the client went away: what it sent by then counts
        except OSError:
            pass

    def greeting(self):
        salt = b"saltsalt", b"saltsaltsalt\0"
        low, high = self.capabilities & 0xFFFF, self.capabilities >> 16
        return (
            b"\x0a8.0.40\0" + struct.pack("<I", 1) + salt[0] + b"\0"
            + struct.pack("<HBHHB", low, 45, 2, high, 21) + bytes(10)
            + salt[1] + b"mysql_native_password\0"
        )  # fmt: skip

    def ask(self, connection):
        send(connection, 0, self.greeting())
        number, first = receive(connection)
        if not struct.unpack("<I", first[:4])[0] & 0x800:
            self.user = "without TLS"
            return
        connection = self.tls.wrap_socket(connection, server_side=True)
        number, login = receive(connection)
        self.user = login[32:].split(b"\0")[0].decode()
        send(connection, number + 1, b"\xfe" + CLEAR_TEXT + b"\0")
        number, answer = receive(connection)
        self.password = answer.rstrip(b"\0").decode()
        send(connection, number + 1, b"\xff" + struct.pack("<H", 1045) + b"#28000" + REFUSAL.encode())


def send(connection, number, data):
    connection.sendall(struct.pack("<I", len(data))[:3] + bytes([number]) + data)


def receive(connection):
    head = receive_exactly(connection, 4)
    return head[3], receive_exactly(connection, int.from_bytes(head[:3], "little"))


def receive_exactly(connection, length):
    data = b""
    while len(data) < length:
        more = connection.recv(length - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def connect(plane, asker, program, *arguments):
    path = f"{newer_mysql(plane)}:{os.environ['PATH']}" if program == "newer mysql" else None
    engine = "mariadb" if program == "mariadb" else "mysql"
    plane.resources = [{**SHOP, "engine": engine, "host": "localhost", "port": asker.port}]
    changes = {"PATH": path} if path else {}
    return plane.run("connect", GRANT, *arguments, "--", "-e", "SELECT 1", expect=None, **changes)


# MySQL's own; Debian's mysql, which is MariaDB's; mariadb.
PROGRAMS = ("newer mysql", "mysql", "mariadb")


@test_with(*((program,) for program in PROGRAMS))
def a_token_is_sent_as_it_is(program):
    with AwsPlane() as plane, Asker() as asker:
        result = connect(plane, asker, program, "--ca-file", CA_FILE)
        check(REFUSAL in result.err, f"it came as far as the password: {result.err}")
        check_equal(asker.user, "app_read", "user")
        begin = f"localhost:{asker.port}/?Action=connect&DBUser=app_read&X-Amz-Algorithm="
        check((asker.password or "").startswith(begin), f"the token: {asker.password}")


@test_with(*((program,) for program in PROGRAMS))
def one_that_is_too_long_for_an_option_file_is_sent_whole(program):
    with AwsPlane() as plane, Asker() as asker:
        plane.keys = {**KEY, "SessionToken": "Fwo/Gz+IvYXdz" + "/+=Ab09" * 440}
        result = connect(plane, asker, program, "--ca-file", CA_FILE)
        check(REFUSAL in result.err, f"it came as far as the password: {result.err}")
        check("&X-Amz-Signature=" in (asker.password or "")[-90:], f"whole: {asker.password}")
        check(len(asker.password) > 4096, f"{len(asker.password)} bytes are many")
        form = plane.run("credentials", GRANT, "--format", "mycnf", expect=None)
        check(form.code != 0 and "--format env" in form.err and not form.out, form.err)


@test_with(*((program,) for program in PROGRAMS))
def none_is_sent_to_a_server_that_nobody_vouches_for(program):
    with AwsPlane() as plane, Asker() as asker:
        result = connect(plane, asker, program, "--ca-file", OTHER_CA_FILE)
        check(result.code != 0 and REFUSAL not in result.err, result.err)
        check_equal(asker.password, None, "password")


@test_with(*((program,) for program in PROGRAMS))
def none_is_sent_without_tls(program):
    with AwsPlane() as plane, Asker(WITHOUT_TLS) as asker:
        result = connect(plane, asker, program, "--ca-file", CA_FILE)
        check(result.code != 0 and REFUSAL not in result.err, result.err)
        check_equal((asker.user, asker.password), (None, None), "what was sent")


if __name__ == "__main__":
    main()
