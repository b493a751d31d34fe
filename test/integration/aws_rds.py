"""A PostgreSQL that takes RDS's authentication tokens for passwords, as RDS does: members of rds_iam
come in by PAM.

PAM's module is pam_exec, whose program hands user and token to the test. The token is judged by
botocore, which signs the same request anew with the secret of the key that the token names; whether
its owner may connect, moto's policy module says, of the policies that are on them at that moment.
The service's file is in /etc/pam.d in a mount namespace of this server alone.

pam_exec gives its program 511 bytes of a password, so the ground's session tokens are short.
"""

import hmac
import http.server
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
from datetime import datetime, timedelta, timezone
from glob import glob
from urllib.parse import parse_qsl, quote, urlsplit

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from aws_ground import REGION, Account
from checks import WAIT_S, Failure, read_text, wait_until, write_text

CA_FILE = os.environ["DAYPASS_TEST_CA_FILE"]
LIFE_S = 900  # of a token
LATE_S = 300  # by which a clock may be ahead
PAM_PROGRAM = """#!/bin/sh
# Password on standard input, and nowhere else.
exec curl -sS --noproxy '*' --unix-socket {socket} -o /dev/null -f -m 30 \\
  -H "X-User: $PAM_USER" -H 'Content-Type: text/plain' --data-binary @- http://judge/
"""
PAM_SERVICE = (
    "auth required pam_exec.so expose_authtok quiet {program}\naccount required pam_permit.so\n"
)
HBA = """local all postgres trust
hostssl all +rds_iam 127.0.0.1/32 pam pamservice=daypass-rds
"""
CONF = """listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{folder}'
ssl = on
ssl_cert_file = '{folder}/server.pem'
ssl_key_file = '{folder}/server.key'
fsync = off
log_connections = on
"""


class Refusal(Exception):
    """Why a token is no good."""


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Judge:
    """Says whether a token is good for a user of a database."""

    def __init__(self, database):
        self.database = database
        self.keys = {}  # access key id -> (key, ARN of the identity, its account)
        self.verdicts = []  # (user, None or why not), in the order of logins

    def know(self, key, arn, account: Account):
        self.keys[key["AccessKeyId"]] = (key, arn, account)

    def judge(self, user, token):
        """Gives nothing; Refusal when the token is no good."""
        parts = urlsplit("https://" + token)
        query = parse_qsl(parts.query, strict_parsing=True)
        given = dict(query)
        if len(given) != len(query):
            raise Refusal("a parameter comes twice")
        if parts.netloc != f"{self.database.host}:{self.database.port}" or parts.path != "/":
            raise Refusal(f"for another server: {parts.netloc}{parts.path}")
        if given.get("Action") != "connect" or given.get("DBUser") != user:
            raise Refusal(
                f"for another action or user: {given.get('Action')} {given.get('DBUser')}"
            )
        key, arn, account = self.check_signature(given)
        self.check_age(given)
        if not account.can(arn, "rds-db:connect", self.database.arn_of(user)):
            raise Refusal(f"{arn} may not connect as {user}")
        return key

    def check_signature(self, given):
        scope = given.get("X-Amz-Credential", "").split("/")
        if scope[0] not in self.keys:
            raise Refusal(f"of a key that nobody has: {scope[0]}")
        key, arn, account = self.keys[scope[0]]
        if scope[1:] != [given["X-Amz-Date"][:8], REGION, "rds-db", "aws4_request"]:
            raise Refusal(f"its scope is {scope}")
        if given.get("X-Amz-Security-Token") != key.get("SessionToken"):
            raise Refusal("of another session")
        signature = given.pop("X-Amz-Signature", "")
        if not hmac.compare_digest(signature, self.signature_of(given, key)):
            raise Refusal("its signature is another")
        return key, arn, account

    def signature_of(self, given, key):
        """By botocore, over these parameters."""
        secret = Credentials(key["AccessKeyId"], key["SecretAccessKey"], key.get("SessionToken"))
        query = "&".join(
            f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in given.items()
        )
        where = f"{self.database.host}:{self.database.port}"
        request = AWSRequest("GET", f"https://{where}/?{query}", headers={"host": where})
        request.context["timestamp"] = given["X-Amz-Date"]
        signer = SigV4QueryAuth(secret, "rds-db", REGION)
        canonical = signer.canonical_request(request)
        return signer.signature(signer.string_to_sign(request, canonical), request)

    def check_age(self, given):
        made = datetime.strptime(given["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
        life = int(given["X-Amz-Expires"])
        now = datetime.now(timezone.utc)
        if life > LIFE_S or not made - timedelta(seconds=LATE_S) <= now < made + timedelta(
            seconds=life
        ):
            raise Refusal(f"made at {made}, for {life} s")

    def answer(self, user, token):
        try:
            self.judge(user, token)
        except (Refusal, ValueError, KeyError) as error:
            # Not the error's words where it is not ours: they could hold what was sent.
            why = str(error) if isinstance(error, Refusal) else f"no token ({type(error).__name__})"
            self.verdicts.append((user, why))
            return False
        self.verdicts.append((user, None))
        return True


class JudgeHandler(http.server.BaseHTTPRequestHandler):
    """What the program of pam_exec asks."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        good = self.server.judge.answer(self.headers["X-User"], body.decode("utf-8", "replace"))
        self.send_response(204 if good else 403)
        self.end_headers()

    def log_message(self, *_):
        pass


class JudgeServer(http.server.ThreadingHTTPServer):
    address_family = socket.AF_UNIX
    daemon_threads = True

    def server_bind(self):
        self.socket.bind(self.server_address)
        os.chmod(self.server_address, 0o666)

    def get_request(self):
        connection, _ = self.socket.accept()
        return connection, ("unix", 0)


class RdsServer:
    """Use as a context manager. `database` is what AWS knows it as."""

    def __init__(self, account, identifier="orders-db", **described):
        self.port = free_port()
        self.database = account.make_database(identifier, self.port, **described)
        self.judge = Judge(self.database)
        self.folder = tempfile.mkdtemp(prefix="daypass-rds-")
        self.bin = sorted(glob("/usr/lib/postgresql/*/bin"))[-1]
        self.process = self.answers = None

    def __enter__(self):
        try:
            self.fill()
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.terminate()  # SIGTERM waits for sessions to end
            self.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()",
                must=False,
            )
            try:
                self.process.wait(WAIT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.answers:
            self.answers.shutdown()
            self.answers.server_close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def as_postgres(self, *command):
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]

    def fill(self):
        owner = pwd.getpwnam("postgres")
        os.chmod(self.folder, 0o755)
        os.makedirs(self.path("pam.d"))
        for name in ("CERT", "KEY"):
            path = self.path("server.pem" if name == "CERT" else "server.key")
            write_text(path, read_text(os.environ[f"DAYPASS_TEST_{name}_FILE"]))
            os.chown(path, owner.pw_uid, owner.pw_gid)
        write_text(self.path("judge"), PAM_PROGRAM.format(socket=self.path("judge.socket")))
        service = PAM_SERVICE.format(program=self.path("judge"))
        write_text(self.path("pam.d", "daypass-rds"), service)
        for public in (self.path("pam.d"), self.path("pam.d", "daypass-rds"), self.path("judge")):
            os.chmod(public, 0o755)
        os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        made = subprocess.run(
            self.as_postgres(self.bin + "/initdb", "-N", "-U", "postgres", "-A", "trust", "-D", self.path("data")),
            cwd="/", capture_output=True, text=True,
        )  # fmt: skip
        if made.returncode != 0:
            raise Failure("initdb: " + made.stderr)
        write_text(self.path("data", "pg_hba.conf"), HBA)
        with open(self.path("data", "postgresql.conf"), "a", encoding="utf-8") as file:
            file.write(CONF.format(port=self.port, folder=self.folder))

    def start(self):
        self.answers = JudgeServer(self.path("judge.socket"), JudgeHandler)
        self.answers.judge = self.judge
        threading.Thread(target=self.answers.serve_forever, daemon=True).start()
        mounted = 'mount --bind "$0" /etc/pam.d && exec "$@"'
        server = self.as_postgres(self.bin + "/postgres", "-D", self.path("data"))
        command = [
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            mounted,
            self.path("pam.d"),
            *server,
        ]
        with open(self.path("server.log"), "ab") as log:
            self.process = subprocess.Popen(
                command, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        wait_until(
            f"RDS's PostgreSQL listens: {self.path('server.log')}",
            lambda: self.process.poll() is not None or self.sql("SELECT 1", must=False) == "1",
        )
        self.sql("CREATE ROLE rds_iam; CREATE DATABASE shop")

    def sql(self, statements, must=True):
        """As the superuser, by the socket."""
        command = ["psql", "-X", "-At", "-h", self.folder, "-p", str(self.port), "-U", "postgres"]
        done = subprocess.run(
            command, input=statements, capture_output=True, text=True, timeout=WAIT_S
        )
        if must and (done.returncode != 0 or done.stderr):
            raise Failure(f"{statements}: {done.stderr}")
        return done.stdout.strip()

    def add_user(self, name):
        self.sql(f'CREATE ROLE "{name}" LOGIN; GRANT rds_iam TO "{name}"')

    def log_in(self, user, token, database="shop"):
        """The user that psql came in as, or None where it did not."""
        env = {
            **os.environ,
            "PGPASSWORD": token,
            "PGSSLMODE": "verify-full",
            "PGSSLROOTCERT": CA_FILE,
            "PGCONNECT_TIMEOUT": "20",
        }
        command = [
            "psql",
            "-X",
            "-At",
            "-h",
            self.database.host,
            "-p",
            str(self.port),
            "-U",
            user,
            "-d",
            database,
        ]
        done = subprocess.run(
            [*command, "-c", "SELECT current_user"],
            env=env,
            capture_output=True,
            text=True,
            timeout=WAIT_S,
        )
        if done.returncode == 0:
            return done.stdout.strip()
        if "PAM authentication failed" not in done.stderr:
            raise Failure(f"psql as {user}: {done.stderr}")
        return None
