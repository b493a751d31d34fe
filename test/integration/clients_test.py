"""daypass connect and daypass credentials for every kind of target: what reaches a client, and that
the password is nowhere that others can look."""

import configparser
import json
import os
import re
import shlex
import signal
import subprocess
import urllib.parse

from credential_plane import GRANT, CredentialPlane
from world import check, check_equal, main, read_text, test, test_with, wait_until, write_text

ODD = "p;w}x{y\"'\\ =z#:@/?&%+$&lt;!`|"
PLAIN = "Abc123def456"
KINDS = ("postgresql", "mysql", "mariadb", "sqlserver", "oracle", "redis")

# Stands for a client: writes down what it was given, then does as CLIENT_THEN says.
RECORDER = """#!/usr/bin/python3
import json, os, re, sys
if sys.argv[1:] == ["--version"]:
    print(open(__file__ + ".version").read())
    sys.exit()
words = sys.argv[1:] + [os.environ.get("FREETDSCONF", "")]
paths = [path for word in words for path in re.findall("/(?:dev/fd/|[^ =@]*/daypass-)[^ ]*", word)]
record = {
    "argv": sys.argv,
    "environment": dict(os.environ),
    "command_line": open("/proc/self/cmdline").read(),
    "files": {path: open(path).read() for path in paths},
    "again": {path: open(path).read() for path in paths if "--defaults-file" not in words[0]},
    "typed": sys.stdin.read(),
}
with open(__file__ + ".part", "w") as file:
    json.dump(record, file)
os.rename(__file__ + ".part", __file__ + ".record")
if os.environ.get("CLIENT_THEN") == "hang":
    import signal
    signal.pause()
sys.exit(7)
"""


class Fakes:
    """A folder for PATH with nothing but fake clients."""

    def __init__(self, plane, *names, version="a client of this test"):
        self.folder = plane.path("bin-" + "-".join(names))
        os.makedirs(self.folder, exist_ok=True)
        self.record_file = os.path.join(self.folder, names[0] + ".record") if names else None
        for name in names:
            write_text(os.path.join(self.folder, name), RECORDER, mode=0o755)
            write_text(os.path.join(self.folder, name + ".version"), version)

    def record(self):
        record = json.loads(read_text(self.record_file))
        os.unlink(self.record_file)
        return record


def offer(plane, kind, password=PLAIN, tls="verify-full", **changes):
    plane.offer(
        **{
            "kind": kind,
            "host": "db.internal",
            "port": 5999,
            "database": "3" if kind == "redis" else "shop",
            "user": "temp_eng_a1b2c3",
            "password": password,
            "tls": tls,
            **changes,
        }
    )


# ---- Forms ----------------------------------------------------------------------------------------


def braced_values(text):
    """An ODBC connection string, read as MS-ODBCSTR 2.1 defines it."""
    values = {}
    while text:
        name, text = text.split("=", 1)
        if text.startswith("{"):
            value = re.match(r"\{((?:[^}]|\}\})*)\}(;|$)", text)
            values[name.lower()] = value.group(1).replace("}}", "}")
        else:
            value = re.match(r"([^;]*)(;|$)", text)
            values[name.lower()] = value.group(1)
        text = text[value.end() :]
    return values


def dotnet_values(text):
    """As DbConnectionStringBuilder: a quoted value ends at a quote that is not doubled."""
    found = re.findall(r'([^=;]+)="((?:[^"]|"")*)"(?:;|$)', text)
    check_equal("".join(f'{n}="{v}";' for n, v in found), text, "nothing but names and values")
    return {name: value.replace('""', '"') for name, value in found}


def query_values(url):
    query = urllib.parse.urlsplit(url).query
    return dict(urllib.parse.parse_qsl(query, strict_parsing=True)) if query else {}


def check_login(url, scheme, plane):
    parts = urllib.parse.urlsplit(url)
    credential = plane.credential
    check_equal(parts.scheme, scheme, "scheme")
    check_equal(urllib.parse.unquote(parts.username), credential["user"], "user")
    check_equal(urllib.parse.unquote(parts.password), credential["password"], "password")
    check_equal((parts.hostname, parts.port), (credential["host"], credential["port"]), "address")


@test_with(*((kind,) for kind in KINDS))
def a_url_is_read_back_by_an_independent_parser(kind):
    schemes = {"redis": "rediss"}
    with CredentialPlane() as plane:
        for host in ("db.internal", "2001:db8::1"):
            offer(plane, kind, ODD, host=host)
            url = plane.form("url")
            check_login(url, schemes.get(kind, kind), plane)
            if kind == "sqlserver":
                check_equal(query_values(url)["database"], "shop", "database")
            else:
                check_equal(
                    urllib.parse.urlsplit(url).path, "/" + plane.credential["database"], "database"
                )


@test_with(*((kind,) for kind in KINDS))
def env_is_read_back_by_a_shell(kind):
    names = {
        "postgresql": ("PGUSER", "PGPASSWORD"),
        "mysql": ("MYSQL_USER", "MYSQL_PWD"),
        "mariadb": ("MYSQL_USER", "MYSQL_PWD"),
        "sqlserver": ("SQLCMDUSER", "SQLCMDPASSWORD"),
        "oracle": ("ORACLE_USER", "ORACLE_PASSWORD"),
        "redis": ("REDIS_USERNAME", "REDISCLI_AUTH"),
    }
    with CredentialPlane() as plane:
        offer(plane, kind, ODD, user="temp'; exit 1; $(id)")
        script = plane.form("env") + "\nenv -0\n"
        process = subprocess.run(["sh", "-eu"], input=script, capture_output=True, text=True)
        values = dict(line.split("=", 1) for line in process.stdout.split("\0") if line)
        check_equal(
            [values.get(name) for name in names[kind]], ["temp'; exit 1; $(id)", ODD], "values"
        )


@test_with(("postgresql",), ("mysql",))
def jdbc_urls_that_are_percent_encoded_are_read_back(kind):
    with CredentialPlane() as plane:
        offer(plane, kind, ODD, database="a/b c")
        scheme, _, url = plane.form("jdbc").partition(":")
        check_equal(scheme, "jdbc", "scheme")
        values = query_values(url)
        check_equal((values["user"], values["password"]), ("temp_eng_a1b2c3", ODD), "login")
        check_equal(urllib.parse.unquote(urllib.parse.urlsplit(url).path), "/a/b c", "database")


@test
def sql_servers_jdbc_url_is_read_back():
    with CredentialPlane() as plane:
        offer(plane, "sqlserver", ODD, host="::1")
        url = plane.form("jdbc")
        check(url.startswith("jdbc:sqlserver://;"), url[:20])
        values = braced_values(url.partition(";")[2])
        check_equal(values["password"], ODD, "password")
        check_equal((values["servername"], values["portnumber"]), ("::1", "5999"), "address")


@test_with(("mariadb",), ("oracle",))
def jdbc_urls_without_an_escape_refuse_what_needs_one(kind):
    with CredentialPlane() as plane:
        offer(plane, kind, ODD)
        result = plane.run("credentials", GRANT, "--format", "jdbc", expect=None)
        check(result.code != 0 and "--format json" in result.err, result.err)
        check_equal(result.out, "", "what is printed")
        offer(plane, kind, PLAIN)
        check(PLAIN in plane.form("jdbc"), "a plain password is written")


@test_with(*((kind,) for kind in KINDS if kind != "redis"))
def odbc_and_dotnet_strings_are_read_back(kind):
    with CredentialPlane() as plane:
        offer(plane, kind, ODD)
        values = braced_values(plane.form("odbc"))
        check_equal((values["uid"], values["pwd"]), ("temp_eng_a1b2c3", ODD), "odbc")
        check(ODD in dotnet_values(plane.form("dotnet")).values(), "dotnet")


@test_with(("mysql",), ("mariadb",))
def an_option_file_is_read_back_by_the_client_itself(kind):
    with CredentialPlane() as plane:
        offer(plane, kind, ODD, database='o"d\\d #1')
        write_text(plane.path("my.cnf"), plane.form("mycnf"))
        command = ["mariadb", f"--defaults-file={plane.path('my.cnf')}", "--print-defaults"]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        check(f"--password={ODD} --" in printed, "password")
        check('--database=o"d\\d #1' in printed, "database")
        parser = configparser.ConfigParser(allow_no_value=True, interpolation=None)
        parser.read(plane.path("my.cnf"))
        check_equal(parser["client"]["host"], '"db.internal"', "host")


@test_with(
    ("mysql", "pgpass"), ("postgresql", "mycnf"), ("redis", "jdbc"), ("redis", "odbc"),
    ("oracle", "pgpass"), ("sqlserver", "mycnf"),
)  # fmt: skip
def a_form_of_another_engine_is_refused_in_words(kind, form):
    with CredentialPlane() as plane:
        offer(plane, kind)
        result = plane.run("credentials", GRANT, "--format", form, expect=None)
        check(result.code != 0 and "which has: env|url|json" in result.err, result.err)
        check_equal(result.out, "", "what is printed")


# ---- Fake clients ---------------------------------------------------------------------------------


def connect(plane, fakes, *arguments, expect=7, stdin="", **environment):
    result = plane.run(
        "connect", GRANT, *arguments, expect=expect, stdin=stdin, PATH=fakes.folder, **environment
    )
    check(PLAIN not in result.out + result.err, "the password is not printed")
    return result


# kind, the client's names in PATH, what it says of its version, where the password is.
CLIENTS = (
    ("postgresql", "psql", "", "PGPASSWORD"),
    ("mysql", "mysql", "mysql  Ver 9.7.4 for Linux", "once"),
    ("mysql", "mysql", "mysql  Ver 15.1 Distrib 10.11.19-MariaDB", "once"),
    ("mysql", "mariadb", "", "once"),
    ("mariadb", "mariadb", "", "once"),
    ("mariadb", "mysql", "mysql  Ver 8.0.40 for Linux", "once"),
    ("sqlserver", "sqlcmd", "", "SQLCMDPASSWORD"),
    ("sqlserver", "tsql", "", "typed"),
    ("sqlserver", "isql", "", "file"),
    ("oracle", "sqlplus", "", "file"),
    ("oracle", "sql", "", "file"),
    ("redis", "redis-cli", "", "REDISCLI_AUTH"),
    ("redis", "valkey-cli", "", "VALKEYCLI_AUTH"),
)


@test_with(*CLIENTS)
def the_password_is_where_it_should_be_alone(kind, program, version, place):
    with CredentialPlane() as plane:
        fakes = Fakes(plane, program, version=version)
        offer(plane, kind, tls="verify-ca")
        connect(plane, fakes, "--ca-file", "/dev/null", "--", "-x", "a b", stdin="select 1\n")
        record = fakes.record()
        check(PLAIN not in record["command_line"], "not in /proc/PID/cmdline")
        check_equal(record["argv"][0].rpartition("/")[2], program, "the client")
        check("-x" in record["argv"] and "a b" in record["argv"], f"arguments: {record['argv']}")
        holders = {n for n, value in record["environment"].items() if PLAIN in value}
        files = "".join(record["files"].values())
        variable = place if place.isupper() else None
        allowed = {"REDISCLI_AUTH", "VALKEYCLI_AUTH"} if kind == "redis" else {variable}
        check_equal(holders, allowed if variable else set(), "environment")
        check_equal(PLAIN in files, place in ("once", "file"), "in a file")
        typed = f"{PLAIN}\n" if place == "typed" else ""
        check_equal(record["typed"], typed + "select 1\n", "standard input")
        if place == "once":
            check(PLAIN not in "".join(record["again"].values()), "read once, it is gone")
        check("DAYPASS_TOKEN" not in record["environment"], "our token is not passed on")
        wait_until("nothing is left behind", lambda: not os.listdir(plane.runtime))


@test_with(
    ("postgresql", "psql", ("PGHOSTADDR", "PGSERVICE", "PGPASSFILE")),
    ("mysql", "mysql", ("MYSQL_HOST", "MYSQL_PWD", "LIBMYSQL_ENABLE_CLEARTEXT_PLUGIN")),
    ("mariadb", "mariadb", ("MARIADB_HOST", "MYSQL_UNIX_PORT", "MYSQL_GROUP_SUFFIX")),
    ("sqlserver", "sqlcmd", ("SQLCMDSERVER", "SQLCMDUSER", "SQLCMDINI")),
    ("sqlserver", "tsql", ("TDSHOST", "TDSDUMP", "TDSPORT")),
    ("oracle", "sqlplus", ("TWO_TASK", "LOCAL")),
)
def what_would_redirect_a_client_is_unset(kind, program, names):
    with CredentialPlane() as plane:
        fakes = Fakes(plane, program)
        offer(plane, kind)
        elsewhere = {name: "elsewhere" for name in names}
        connect(plane, fakes, "--ca-file", "/dev/null", **elsewhere)
        record = fakes.record()
        kept = {name for name, value in record["environment"].items() if value == "elsewhere"}
        check_equal(kept, set(), "still set")
        if kind in ("mysql", "mariadb"):
            login_file = record["environment"]["MYSQL_TEST_LOGIN_FILE"]
            check_equal(login_file, "/dev/null", "~/.mylogin.cnf")
            check(record["argv"][1].startswith("--defaults-file="), "~/.my.cnf is not read")


def given(record):
    return shlex.join(record["argv"][1:]) + "\n" + "".join(record["files"].values())


# kind, client, its version, mode, what has to be there, what must not.
MODES = (
    ("mysql", "mysql", "9.7.4", "verify-full", ["VERIFY_IDENTITY", "ssl-ca"], []),
    ("mysql", "mysql", "9.7.4", "verify-ca", ["VERIFY_CA", "ssl-ca"], []),
    ("mysql", "mysql", "9.7.4", "require", ['"REQUIRED"'], ["ssl-ca"]),
    ("mysql", "mysql", "9.7.4", "disable", ['"DISABLED"', "get-server-public-key"], []),
    ("mysql", "mysql", "MariaDB", "require", ["\nssl-verify-server-cert\n"], ["ssl-mode"]),
    ("mariadb", "mariadb", "", "verify-ca", ["\nssl\nssl-verify-server-cert\n"], ["skip"]),
    ("mariadb", "mariadb", "", "disable", ["\nskip-ssl\n"], ["verify"]),
    ("sqlserver", "sqlcmd", "", "verify-full", ["-N -S"], ["-C"]),
    ("sqlserver", "sqlcmd", "", "verify-ca", ["-N -S"], ["-C"]),
    ("sqlserver", "sqlcmd", "", "require", ["-N -C -S"], []),
    ("sqlserver", "sqlcmd", "", "disable", ["-C -S"], ["-N"]),
    ("sqlserver", "tsql", "", "verify-full", ["require", "hostname = yes", "ca file ="], []),
    ("sqlserver", "tsql", "", "verify-ca", ["require", "hostname = no", "ca file ="], []),
    ("sqlserver", "isql", "", "require", ["encryption = require"], ["ca file"]),
    ("sqlserver", "tsql", "", "disable", ["encryption = off"], ["ca file"]),
    ("oracle", "sqlplus", "", "verify-full", ["TCPS", "DN_MATCH=YES"], []),
    ("oracle", "sqlplus", "", "require", ["TCPS", "DN_MATCH=NO"], []),
    ("oracle", "sqlplus", "", "disable", ["PROTOCOL=TCP)"], ["TCPS"]),
    ("redis", "redis-cli", "", "verify-ca", ["--tls --cacert"], ["--insecure"]),
    ("redis", "redis-cli", "", "require", ["--tls --insecure"], []),
    ("redis", "redis-cli", "", "disable", ["-h db.internal"], ["--tls"]),
)


@test_with(*MODES)
def each_mode_of_tls_becomes_the_clients_own(kind, program, version, mode, there, absent):
    with CredentialPlane() as plane:
        fakes = Fakes(plane, program, version=version)
        offer(plane, kind, tls=mode)
        connect(plane, fakes, "--ca-file", "/dev/null")
        text = given(fakes.record())
        missing = [word for word in there if word not in text]
        check_equal((missing, [word for word in absent if word in text]), ([], []), text)


@test
def a_mode_that_a_client_cannot_hold_is_refused():
    with CredentialPlane() as plane:
        fakes = Fakes(plane, "redis-cli")
        offer(plane, "redis")
        result = connect(plane, fakes, expect=None)
        check(result.code != 0 and "--tls verify-ca" in result.err, result.err)
        check(not os.path.exists(fakes.record_file), "redis-cli was not started")
        connect(plane, fakes, "--tls", "verify-ca")
        check("--tls" in fakes.record()["argv"], "what the person chose")


@test_with(
    ("postgresql", "postgresql-client"), ("mysql", "default-mysql-client"),
    ("mariadb", "mariadb-client"), ("sqlserver", "sqlcmd"), ("oracle", "SQL*Plus"),
    ("redis", "redis-tools"),
)  # fmt: skip
def a_client_that_is_not_there_is_named(kind, package):
    with CredentialPlane() as plane:
        offer(plane, kind)
        result = connect(plane, Fakes(plane), expect=None)
        check(result.code != 0 and package in result.err, result.err)
        check("daypass credentials" in result.err, "what else can be done")


@test_with(
    ("postgresql", "psql"), ("mysql", "mysql or mariadb"), ("mariadb", "mariadb or mysql"),
    ("sqlserver", "sqlcmd or tsql or isql"), ("oracle", "sqlplus or sql"),
    ("redis", "redis-cli or valkey-cli"),
)  # fmt: skip
def show_says_how_to_connect(kind, clients):
    with CredentialPlane() as plane:
        offer(plane, kind)
        told = plane.run("show", GRANT).out
        check(f"daypass connect {GRANT} ({clients})" in told, told)
        check("--format env|url|json" in told, told)


@test
def sqlplus_gets_a_script_with_its_parameters_behind_the_connection():
    with CredentialPlane() as plane:
        fakes = Fakes(plane, "sqlplus")
        offer(plane, "oracle", tls="disable")
        connect(plane, fakes, "--", "-S", "@report.sql", "a b", "&c")
        record = fakes.record()
        check_equal(record["argv"][1:3], ["-S", "/nolog"], "options stand first")
        check(record["argv"][3].endswith("/connect.sql"), "a name that ends in .sql")
        lines = "".join(record["files"].values()).splitlines()
        check_equal(lines[0], "SET DEFINE OFF", "an '&' of a password is no question")
        check(lines[2].startswith(f'CONNECT temp_eng_a1b2c3/"{PLAIN}"@(DESCRIPTION='), "connect")
        check_equal(lines[-1], '@"report.sql" "a b" "&c"', "script")


@test_with((signal.SIGTERM,), (signal.SIGKILL,))
def nothing_is_left_when_a_client_is_killed(number):
    with CredentialPlane() as plane:
        fakes = Fakes(plane, "sqlplus")
        offer(plane, "oracle")
        with subprocess.Popen(
            [os.path.join(os.environ["DAYPASS_BUILD"], "src/cli/daypass"), "connect", GRANT],
            env=plane.environment(PATH=fakes.folder, CLIENT_THEN="hang"),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as process:
            wait_until("the client runs", lambda: os.path.exists(fakes.record_file))
            check_equal(len(os.listdir(plane.runtime)), 1, "its folder is there")
            process.send_signal(number)
            process.wait()
        wait_until("the folder is gone", lambda: not os.listdir(plane.runtime))


if __name__ == "__main__":
    main()
