"""Servers that scripts/test-servers started, each with a small shop in it."""

import hashlib
import os
import secrets
import subprocess

from checks import WAIT_S, Failure, read_text, write_text

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SERVERS = os.path.dirname(os.environ["DAYPASS_TEST_PASSWORD_FILE"])
CA_FILE = os.environ["DAYPASS_TEST_CA_FILE"]


class Server:
    """A server that scripts/test-servers started, seen by its superuser; PostgreSQL."""

    kind = "postgresql"
    admin = "daypass_admin"
    database = "shop"

    def __init__(self, name):
        self.name = name
        self.port = int(os.environ[f"DAYPASS_TEST_{name.upper()}_PORT"])
        self.log = os.environ[f"DAYPASS_TEST_{name.upper()}_LOG"]
        self.user = os.environ["DAYPASS_TEST_SUPERUSER"]
        self.password = read_text(os.environ["DAYPASS_TEST_PASSWORD_FILE"]).strip()

    def psql(self, sql, database="shop", user=None, password=None, wait=True):
        env = {
            **os.environ,
            "PGPASSWORD": self.password if password is None else password,
            "PGSSLMODE": "verify-full",
            "PGSSLROOTCERT": CA_FILE,
            "PGCONNECT_TIMEOUT": "10",
        }
        command = ["psql", "-X", "-At", "-v", "ON_ERROR_STOP=1", "-h", "localhost"]
        command += ["-p", str(self.port), "-U", user or self.user, "-d", database, "-f", "-"]
        process = subprocess.Popen(
            command,
            env=env,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        if not wait:
            process.stdin.write(sql)
            process.stdin.close()
            process.stdin = None
            return process
        process.stdout_text, process.stderr_text = process.communicate(sql, timeout=WAIT_S)
        return process

    def query(self, sql, database="shop"):
        process = self.psql(sql, database)
        if process.returncode != 0:
            raise Failure(f"{sql}: {process.stderr_text}")
        return process.stdout_text.strip()

    def make_shop(self):
        """A fresh database `shop`; the roles of an earlier one stay."""
        self.query("DROP DATABASE IF EXISTS shop WITH (FORCE)", "postgres")
        subprocess.run(
            [os.path.join(ROOT, "scripts/make-shop"), SERVERS, self.name],
            check=True,
            capture_output=True,
            text=True,
        )
        return os.path.join(SERVERS, f"admin-password-{self.name}")

    def accounts(self):
        """Names of all temporary accounts that are there."""
        rows = self.query("SELECT rolname FROM pg_roles WHERE rolname LIKE 'temp\\_%'")
        return rows.split() if rows else []

    def sessions(self, account):
        return int(self.query(f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{account}'"))

    def drop_leftovers(self):
        """What a failed test left on the server must not reach the next one."""
        self.query("DROP DATABASE IF EXISTS shop WITH (FORCE)", "postgres")
        rows = self.query(
            "SELECT quote_ident(rolname) FROM pg_roles "
            "WHERE rolname LIKE 'temp\\_%' OR rolname ~ '^daypass_[0-9a-f]{16}$'",
            "postgres",
        )
        for role in rows.split():
            self.psql(f"DROP OWNED BY {role}; DROP ROLE {role};", "postgres")

    # ---- Programs -------------------------------------------------------------------------------


class MysqlServer:
    """A MySQL or MariaDB, seen by root. The connector's account is given what its check asks for."""

    admin = "daypass_admin"
    database = "shop"

    def __init__(self, name):
        prefix = f"DAYPASS_TEST_{name.upper()}_"
        self.name = name
        self.kind = "mysql" if name.startswith("mysql") else "mariadb"
        self.port = int(os.environ[prefix + "PORT"])
        self.log = os.environ[prefix + "LOG"]
        self.defaults = os.environ[prefix + "DEFAULTS_FILE"]

    def query(self, sql, database=""):
        process = subprocess.run(
            ["mariadb", f"--defaults-file={self.defaults}", "-N", "-B", database],
            input=sql,
            capture_output=True,
            text=True,
            timeout=WAIT_S,
        )
        if process.returncode != 0:
            raise Failure(f"{self.name}: {sql}: {process.stderr}")
        return process.stdout.strip()

    def make_shop(self):
        """Gives the file of the connector's password. Of its rights it has but those on the shop."""
        self.drop_leftovers()
        password = secrets.token_urlsafe(24)
        # Not in the log: that is where tests look for passwords.
        self.query(
            "SET SESSION sql_log_off = 1;"
            f"CREATE USER {self.admin}@'%' IDENTIFIED BY '{password}';"
            "CREATE DATABASE shop; USE shop;"
            "CREATE TABLE customers (id int PRIMARY KEY, name varchar(20), card varchar(20));"
            "INSERT INTO customers VALUES (1, 'Ada', 'none'), (2, 'Grace', 'none');"
            "CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders VALUES (1);"
            f"GRANT SELECT, INSERT, UPDATE, DELETE, CREATE VIEW, SHOW VIEW ON shop.* TO {self.admin}@'%'"
            " WITH GRANT OPTION;"
        )
        path = os.path.join(SERVERS, f"admin-password-{self.name}")
        write_text(path, password + "\n")
        return path

    def accounts(self):
        rows = self.query("SELECT user FROM mysql.user WHERE user LIKE 'temp\\_%'")
        return rows.split() if rows else []

    def sessions(self, account):
        return int(
            self.query(
                f"SELECT count(*) FROM information_schema.processlist WHERE user = '{account}'"
            )
        )

    def drop_leftovers(self):
        """What a failed test left on the server must not reach the next one."""
        rows = self.query(
            "SELECT concat(quote(user), '@', quote(host)) FROM mysql.user"
            f" WHERE user LIKE 'temp\\_%' OR user = '{self.admin}'"
        )
        for account in rows.splitlines():
            self.query(f"DROP USER {account}")
        self.query("DROP DATABASE IF EXISTS shop; DROP DATABASE IF EXISTS daypass")


class RedisServer:
    """Redis, seen by its default user."""

    kind = "redis"
    admin = "daypass_admin"
    database = "0"

    def __init__(self, name):
        self.name = name
        self.port = int(os.environ["DAYPASS_TEST_REDIS_TLS_PORT"])
        self.log = os.environ["DAYPASS_TEST_REDIS_LOG"]
        self.socket = os.environ["DAYPASS_TEST_REDIS_SOCKET"]
        self.password = read_text(os.environ["DAYPASS_TEST_PASSWORD_FILE"]).strip()

    def query(self, line):
        """One command, as somebody types it."""
        process = subprocess.run(
            ["redis-cli", "-s", self.socket, "--user", "default"],
            env={**os.environ, "REDISCLI_AUTH": self.password},
            input=line + "\n",
            capture_output=True,
            text=True,
            timeout=WAIT_S,
        )
        answer = process.stdout.strip()
        if process.returncode != 0 or answer.startswith(("ERR", "(error)", "NOAUTH", "NOPERM")):
            raise Failure(f"{self.name}: {line}: {answer}{process.stderr}")
        return answer

    def make_shop(self):
        self.drop_leftovers()
        password = secrets.token_urlsafe(24)
        digest = hashlib.sha256(password.encode()).hexdigest()
        self.query(f"ACL SETUSER {self.admin} on #{digest} -@all +ping +hello +auth +select")
        self.query("SET cache:1 one")
        self.query("SET orders:1 open")
        path = os.path.join(SERVERS, f"admin-password-{self.name}")
        write_text(path, password + "\n")
        return path

    def accounts(self):
        return [name for name in self.query("ACL USERS").split() if name.startswith("temp_")]

    def sessions(self, account):
        return self.query("CLIENT LIST").count(f"user={account} ")

    def drop_leftovers(self):
        for name in [self.admin, *self.accounts()]:
            self.query(f"ACL DELUSER {name}")
        self.query("FLUSHALL")
