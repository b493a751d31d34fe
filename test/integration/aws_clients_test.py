"""The engineer's side of grants on AWS: tokens that are made on the machine, from credentials that
are there already, and sessions that the AWS CLI starts."""

import contextlib
import datetime
import json
import os
import shlex
import subprocess
from unittest import mock
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from aws_plane import ACCOUNT, IDENTITY, KEY, ORDERS, SESSION, SHOP, WEB, AwsPlane, seconds_until, time_text
from clients_test import Fakes, given
from credential_plane import GRANT, CredentialPlane
from world import check, check_equal, main, test, test_with, wait_until

LIFE_S = 900  # of a token
ALL = ("env", "url", "json", "jdbc", "odbc", "dotnet")


# ---- The token ------------------------------------------------------------------------------------


@contextlib.contextmanager
def botocore_at(stamp):
    now = datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ")
    if hasattr(botocore.auth, "get_current_datetime"):
        patch = mock.patch("botocore.auth.get_current_datetime", lambda *_, **__: now)
    else:
        module = mock.Mock(wraps=datetime)
        module.datetime.utcnow.return_value = now
        patch = mock.patch("botocore.auth.datetime", module)
    with patch:
        yield


def token_of_botocore(keys, stamp, host, port, user):
    query = f"Action=connect&DBUser={quote(user, safe='')}"
    request = AWSRequest("GET", f"https://{host}:{port}/?{query}")
    signer = botocore.auth.SigV4QueryAuth(
        Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys.get("SessionToken")),
        "rds-db", "eu-central-1", expires=LIFE_S,
    )  # fmt: skip
    with botocore_at(stamp):
        signer.add_auth(request)
    return request.url.removeprefix("https://")


ENGINES = {"postgresql": ORDERS, "mysql": SHOP, "mariadb": {**SHOP, "engine": "mariadb"}}


@test_with(("postgresql", False, "app_read"), ("mysql", True, "o'brien @50%"), ("mariadb", True, "jürgen"))
def the_token_is_the_one_of_botocore(engine, of_session, user):
    resource, keys = ENGINES[engine], SESSION if of_session else KEY
    with AwsPlane({**resource, "users": [user]}) as plane:
        plane.keys = keys
        credential = plane.credential_json()
        token = credential["password"]
        stamp = dict(parse_qsl(token))["X-Amz-Date"]
        where = resource["host"], resource["port"]
        check_equal(token, token_of_botocore(keys, stamp, *where, user), "token")
        told = [credential[name] for name in ("host", "port", "user", "database", "tls", "kind")]
        check_equal(told, [*where, user, "shop", "verify-full", resource["engine"]], "the rest")
        check_equal(credential["authentication"], "iam", "how it is checked")


@test
def it_ends_with_the_first_of_token_grant_and_credentials():
    with AwsPlane(ORDERS) as plane:
        left = seconds_until(plane.credential_json()["expires_at"])
        check(LIFE_S - 60 < left <= LIFE_S, f"15 minutes: {left}")
        plane.ends_in_s = 300
        left = seconds_until(plane.credential_json()["expires_at"])
        check(200 < left <= 300, f"the grant's end: {left}")
        plane.ends_in_s = 3600
        profile = plane.profile("dev", Expiration=time_text(600))
        left = seconds_until(plane.credential_json("--profile", "dev", **profile)["expires_at"])
        check(500 < left <= 600, f"the credentials' end: {left}")
        check_equal(
            plane.run("credentials", GRANT, "--profile", "dev", **profile).err.count("until"), 1,
            "the end is told",
        )  # fmt: skip


@test_with(*((engine, form) for engine in ("postgresql", "mysql") for form in ALL))
def every_form_carries_it(engine, form):
    resource = ENGINES[engine]
    with AwsPlane(resource) as plane:
        text = plane.form(form)
        check("X-Amz-Signature" in unquote(text), f"the token is in: {text}")
        check(KEY["SecretAccessKey"] not in text, "and not what made it")
        if form == "url":
            parts = urlsplit(text)
            check_equal(parts.hostname, resource["host"], "host")
            check(unquote(parts.password).startswith(resource["host"]), "password")
        if form == "env":
            script = f"{text}\nenv -0\n"
            done = subprocess.run(
                ["sh", "-eu"], input=script, capture_output=True, text=True, check=True
            )
            values = dict(line.split("=", 1) for line in done.stdout.split("\0") if line)
            name = "PGPASSWORD" if resource is ORDERS else "MYSQL_PWD"
            check(values[name].startswith(resource["host"]), name)
            clear = values.get("LIBMYSQL_ENABLE_CLEARTEXT_PLUGIN")
            check_equal(clear, None if resource is ORDERS else "1", "sent as it is")


# ---- Clients --------------------------------------------------------------------------------------

# The engine, the client's name in PATH, what it says of its version, where the token is.
CLIENTS = (
    ("postgresql", "psql", "", "PGPASSWORD"),
    ("mysql", "mysql", "mysql  Ver 9.7.4 for Linux", "file"),
    ("mysql", "mysql", "mysql  Ver 15.1 Distrib 10.11.19-MariaDB", "file"),
    ("mysql", "mariadb", "", "file"),
    ("mariadb", "mariadb", "", "file"),
    ("mariadb", "mysql", "mysql  Ver 8.0.40 for Linux", "file"),
)


@test_with(*CLIENTS)
def the_token_is_where_it_should_be_alone(engine, program, version, place):
    with AwsPlane(ENGINES[engine]) as plane:
        plane.keys = SESSION
        fakes = Fakes(plane, program, version=version)
        result = plane.run("connect", GRANT, "--", "-x", "a b", PATH=fakes.folder, expect=7)
        record = fakes.record()
        check_equal(record["argv"][0].rpartition("/")[2], program, "the client")
        check(record["argv"][-2:] == ["-x", "a b"], f"arguments: {record['argv']}")
        for secret in ("X-Amz-Signature", SESSION["SecretAccessKey"], SESSION["SessionToken"]):
            check(secret not in record["command_line"], "not in /proc/PID/cmdline")
            check(secret not in result.out + result.err, "not printed")
        holders = {n for n, text in record["environment"].items() if "X-Amz-Signature" in text}
        check_equal(holders, set() if place == "file" else {place}, "environment")
        files = "".join(record["files"].values())
        check_equal("X-Amz-Signature" in files, place == "file", "in the option file")
        check("X-Amz-Signature" not in "".join(record["again"].values()), "read once, it is gone")
        # MariaDB's clients send it when they are asked to, MySQL's when they are told to.
        of_mysql = program == "mysql" and "MariaDB" not in version
        check_equal("\nenable-cleartext-plugin\n" in files, of_mysql, files)
        check("DAYPASS_TOKEN" not in record["environment"], "our token is not passed on")
        verified = ("VERIFY_IDENTITY", "ssl-verify-server-cert", "verify-full")
        modes = files + record["environment"].get("PGSSLMODE", "")
        check(any(word in modes for word in verified), "the server is verified")
        check("truststore.pki.rds.amazonaws.com" in result.err, f"its authority: {result.err}")
        wait_until("nothing is left behind", lambda: not os.listdir(plane.runtime))


@test_with(("us-gov-west-1", "us-gov-west-1.rds"), ("cn-north-1", "amazonaws.com.cn"))
def every_partition_has_its_authorities(region, where):
    with AwsPlane({**ORDERS, "region": region}) as plane:
        fakes = Fakes(plane, "psql")
        told = plane.run("connect", GRANT, PATH=fakes.folder, expect=7).err
        check(where in told, told)
        told = plane.run("connect", GRANT, "--ca-file", "/dev/null", PATH=fakes.folder, expect=7)
        check(where not in told.err, f"a file was named: {told.err}")


@test
def a_proxy_is_verified_by_the_systems_authorities():
    with AwsPlane({**ORDERS, "kind": "rds proxy", "id": "prx-0123"}) as plane:
        fakes = Fakes(plane, "psql")
        told = plane.run("connect", GRANT, PATH=fakes.folder, expect=7).err
        root = fakes.record()["environment"].get("PGSSLROOTCERT", "")
        check(root.startswith("/etc/"), f"the system's: {root}")
        check("truststore" not in told, told)


@test
def a_token_goes_nowhere_in_clear_text():
    with AwsPlane(SHOP) as plane:
        fakes = Fakes(plane, "mysql")
        words = ("--tls", "disable")
        plane.check_refused("usage", "clear text", *words, command="connect", PATH=fakes.folder)
        check(not os.path.exists(fakes.record_file), "mysql was not started")


@test
def a_token_goes_to_nobody_who_is_not_verified():
    with AwsPlane(SHOP) as plane:
        fakes = Fakes(plane, "mysql")
        words = ("--tls", "require")
        plane.check_refused("usage", "verify-ca", *words, command="connect", PATH=fakes.folder)
        check(not os.path.exists(fakes.record_file), "mysql was not started")
        plane.run("connect", GRANT, "--tls", "verify-ca", PATH=fakes.folder, expect=7)
        check("VERIFY_IDENTITY" not in given(fakes.record()), "what the person chose")


@test
def who_connects_is_told_that_iam_authentication_is_off():
    with AwsPlane({**ORDERS, "iam_authentication": False}) as plane:
        fakes = Fakes(plane, "psql")
        off = "Warning: IAM authentication was off on rds instance orders-db"
        told = plane.run("connect", GRANT, PATH=fakes.folder, expect=7).err
        check(off in told, told)
        check(os.path.exists(fakes.record_file), "psql is started all the same")
        told = plane.run("credentials", GRANT, "--format", "url")
        check(off in told.err and off not in told.out, told.err)


# ---- Choosing -------------------------------------------------------------------------------------

TWO_USERS = {**ORDERS, "users": ["app_read", "app_write"]}
ANY_USER = {**ORDERS, "users": ["*"]}
UNSEEN = {**{n: v for n, v in ORDERS.items() if n not in ("host", "port", "engine")}, "id": "db-X"}
UNCHOSEN = (
    ((ORDERS, SHOP), [], "several_resources", "orders-db (db-ABCDEFGHIJKL01234), shop (cluster-"),
    ((ORDERS, SHOP), ["--resource", "bank"], "no_such_resource", "not for bank"),
    ((ORDERS, {**SHOP, "identifier": "orders-db"}), ["--resource", "orders-db"],
     "several_resources", "choose by id"),
    ((TWO_USERS,), [], "several_users", "app_read, app_write"),
    ((TWO_USERS,), ["--user", "admin"], "no_such_user", "not for the database user admin"),
    ((ANY_USER,), [], "several_users", "any database user: name one with --user"),
    ((UNSEEN,), [], "no_endpoint", "--host"),
    ((UNSEEN,), ["--host", "db.internal"], "no_engine", "--engine"),
    (({**ORDERS, "engine": "sqlserver"},), [], "unsupported_engine", "runs sqlserver"),
    ((ORDERS,), ["--document", "x"], "usage", "--document is for sessions on instances"),
    ((WEB,), ["--user", "x"], "usage", "--user is for databases"),
    (({**WEB, "documents": ["A", "B"]},), [], "several_documents", "A, B"),
    ((WEB,), ["--document", "A"], "no_such_document", "takes one of: SSM-SessionManagerRunShell"),
    ((), [], "nothing_to_connect_to", "use your AWS credentials as always"),
)  # fmt: skip


@test_with(*((number, *case[1:3]) for number, case in enumerate(UNCHOSEN)))
def what_is_not_clear_is_asked_for(number, arguments, code):
    resources, words = UNCHOSEN[number][0], UNCHOSEN[number][3]
    with AwsPlane(*resources) as plane:
        for command in ("credentials", "connect"):
            plane.check_refused(code, words, *arguments, command=command)


CHOSEN = (
    ((ORDERS, SHOP), ["--resource", "shop"], {"host": SHOP["host"], "port": 3306}),
    ((ORDERS, SHOP), ["--resource", ORDERS["id"]], {"host": ORDERS["host"]}),
    ((TWO_USERS,), ["--user", "app_write"], {"user": "app_write"}),
    ((ANY_USER,), ["--user", "anybody"], {"user": "anybody"}),
    ((ORDERS, {**ORDERS, "users": ["app_write"]}), ["--user", "app_write"], {"user": "app_write"}),
    ((UNSEEN,), ["--host", "db.internal", "--engine", "mysql"],
     {"host": "db.internal", "port": 3306, "kind": "mysql"}),
    ((ORDERS,), ["--host", "reader.internal", "--port", "6000"],
     {"host": "reader.internal", "port": 6000}),
    ((ORDERS,), ["--database", "other"], {"database": "other"}),
    (({**ORDERS, "database": None},), [], {"database": "postgres"}),
    (({**ORDERS, "region": None},), [], {"user": "app_read"}),
)  # fmt: skip


@test_with(*((number, *case[1:]) for number, case in enumerate(CHOSEN)))
def what_is_chosen_is_what_the_token_is_for(number, arguments, expected):
    resources = CHOSEN[number][0]
    present = [{n: v for n, v in each.items() if v is not None} for each in resources]
    with AwsPlane(*present) as plane:
        credential = plane.credential_json(*arguments)
        check_equal({name: credential[name] for name in expected}, expected, "chosen")
        begin = f"{credential['host']}:{credential['port']}/?Action=connect"
        check(credential["password"].startswith(begin), "the token is for that server")
        user = dict(parse_qsl(credential["password"]))["DBUser"]
        check_equal(user, credential["user"], "and that user")
        check("/eu-central-1/rds-db/" in unquote(credential["password"]), "in its region")


@test
def the_last_time_it_was_given_counts():
    with AwsPlane(ORDERS) as plane:
        moved = {**ORDERS, "host": "before.internal"}
        failed = {"action_id": "act_0", "kind": "grant", "failure": "retry"}
        plane.earlier = [
            {"action_id": "act_0", "kind": "grant", "outcome": {"resources": [moved]}},
            {**failed, "outcome": {"resources": [moved, moved]}},
        ]
        check_equal(plane.credential_json()["host"], ORDERS["host"], "host")


# ---- Whose credentials ----------------------------------------------------------------------------


@test
def without_credentials_it_says_where_it_looked():
    with AwsPlane(ORDERS) as plane:
        plane.keys = None
        message = plane.check_refused("no_aws_credentials", "your own AWS credentials")
        places = ("AWS_ACCESS_KEY_ID", "profile", "web identity", "container", "metadata")
        at = [message.find(word) for word in places]
        check(-1 not in at and at == sorted(at), f"in that order: {message}")


@test
def credentials_of_another_account_are_refused():
    with AwsPlane(ORDERS) as plane:
        profile = plane.profile("dev", AccountId="999999999999")
        words = ("--profile", "dev")
        message = plane.check_refused("other_aws_account", "of account 999999999999", *words, **profile)
        check(IDENTITY in message and "--profile" in message, message)
        profile = plane.profile("dev", AccountId="123456789012")
        check_equal(plane.credential_json(*words, **profile)["user"], "app_read", "the right one")
    with AwsPlane(ORDERS) as plane:
        told = plane.check_refused("other_aws_account", "(environment)", AWS_ACCOUNT_ID="999999999999")
        check("of account 999999999999" in told, told)
        plane.run("credentials", GRANT, AWS_ACCOUNT_ID=ACCOUNT)


@test
def credentials_that_have_ended_are_refused():
    with AwsPlane(ORDERS) as plane:
        profile = plane.profile("dev", Expiration=time_text(-60))
        result = plane.run(
            "credentials", GRANT, "--profile", "dev", expect=None, **profile
        )
        check(result.code != 0 and result.out == "", result.out)
        check("ended" in result.err or "expire" in result.err, result.err)


@test
def a_profile_is_taken_by_its_name_alone():
    with AwsPlane(ORDERS) as plane:
        profile = plane.profile("dev", AccessKeyId="AKIDOFPROFILE")
        plane.keys = KEY
        token = plane.credential_json("--profile", "dev", **profile)["password"]
        check("AKIDOFPROFILE" in token, "the profile's key, not the environment's")
        result = plane.run("credentials", GRANT, "--profile", "prod", expect=None, **profile)
        check(result.code != 0 and "prod" in result.err, result.err)


# ---- The grant ------------------------------------------------------------------------------------


@test
def there_is_nothing_to_reset():
    with AwsPlane(ORDERS) as plane:
        plane.check_refused("nothing_delivered", "has no credential", "--reset")
        check_equal(os.listdir(plane.path("state", "daypass", "keys")), [], "keys")


@test_with(("pending",), ("revoking",), ("ended",))
def only_an_active_grant_is_used(state):
    with AwsPlane(ORDERS) as plane:
        plane.state = state
        plane.check_refused("wrong_state", f"is {state}")
        plane.check_refused("wrong_state", f"is {state}", command="connect")


@test
def one_whose_time_is_over_is_not_used():
    with AwsPlane(ORDERS) as plane:
        plane.ends_in_s = -5
        plane.check_refused("ended", "ended")


@test_with(("--user", "x"), ("--profile", "x"), ("--port", "1"))
def options_of_aws_are_refused_elsewhere(*words):
    with CredentialPlane() as plane:
        plane.offer(kind="postgresql", host="db", port=1, database="d", user="u", password="p")
        for command in ("credentials", "connect"):
            result = plane.run(command, GRANT, *words, expect=2)
            check("is for grants on AWS" in result.err, result.err)
            check_equal(result.out, "", "what is printed")


@test
def show_tells_whom_where_and_the_aws_clis_words():
    with AwsPlane(TWO_USERS, WEB, UNSEEN) as plane:
        told = plane.run("show", GRANT).out
        for words in (
            f"identity     {IDENTITY}",
            "rds instance orders-db (db-ABCDEFGHIJKL01234), orders.abcdefghijkl",
            "aws rds generate-db-auth-token --hostname orders.abcdefghijkl.eu-central-1.rds."
            "amazonaws.com --port 5432 --username app_write --region eu-central-1\n",
            "aws ssm start-session --target i-0123456789abcdef0 --region eu-central-1\n",
            "--hostname HOST ",
            f"use it with your own AWS credentials: daypass connect {GRANT}",
        ):
            check(words in told, f"{words} is in: {told}")
        plane.state = "ended"
        check("generate-db-auth-token" not in plane.run("show", GRANT).out, "of one that is over")


# ---- Sessions -------------------------------------------------------------------------------------


def session(plane, *arguments, programs=("aws", "session-manager-plugin"), expect=7):
    fakes = Fakes(plane, *programs)
    result = plane.run("connect", GRANT, *arguments, PATH=fakes.folder, expect=expect)
    return fakes, result


@test
def a_session_is_started_by_the_aws_cli():
    with AwsPlane({**WEB, "documents": ["SSM-SessionManagerRunShell", "Port"]}) as plane:
        fakes, result = session(plane)
        start = ["aws", "ssm", "start-session", "--target", WEB["id"]]
        record = fakes.record()
        check_equal(record["argv"], [fakes_path(fakes), *start[1:], "--region", "eu-central-1"], "argv")
        check("DAYPASS_TOKEN" not in record["environment"], "our token is not passed on")
        check("access ends" in result.err, result.err)
        words = ("--document", "Port", "--profile", "dev", "--", "--parameters", "a=b c")
        fakes, _ = session(plane, *words)
        rest = ["--document-name", "Port", "--region", "eu-central-1", "--profile", "dev"]
        check_equal(fakes.record()["argv"][1:], [*start[1:], *rest, "--parameters", "a=b c"], "more")


def fakes_path(fakes):
    return os.path.join(fakes.folder, "aws")


@test_with(((), "there is no aws in PATH"), (("aws",), "no session-manager-plugin"))
def what_a_session_needs_is_named(programs, words):
    with AwsPlane(WEB) as plane:
        fakes, result = session(plane, programs=programs, expect=None)
        check(result.code != 0 and words in result.err, result.err)
        check("https://docs.aws.amazon.com/" in result.err, "where it is to be had")
        check(not programs or not os.path.exists(fakes.record_file), "nothing was started")


@test_with(("id", "--endpoint-url=http://x"), ("id", "i-0;id"), ("region", "--debug"), ("documents", ["-x"]))
def a_hostile_server_chooses_no_options_of_the_aws_cli(field, value):
    with AwsPlane({**WEB, field: value}) as plane:
        fakes, result = session(plane, expect=20)
        check("that is none" in result.err, result.err)
        check(not os.path.exists(fakes.record_file), "aws was not started")
        plane.check_refused("bad_answer", "that is none")


@test
def a_script_gets_the_command_of_a_session():
    with AwsPlane(WEB, ORDERS) as plane:
        line = plane.run("credentials", GRANT, "--resource", "web-1").out
        words = "aws ssm start-session --target i-0123456789abcdef0 --region eu-central-1"
        check_equal(line, words + "\n", "line")
        told = plane.credential_json("--resource", "web-1")
        check_equal(told["command"], shlex.split(words), "command")
        check_equal(told["instance"], WEB["id"], "instance")
        check("expires_at" in told and told["grant_id"] == GRANT, json.dumps(told))
        words = ("--resource", "web-1", "--format", "url")
        result = plane.run("credentials", GRANT, *words, expect=None)
        check(result.code != 0 and "is an instance" in result.err, result.err)


if __name__ == "__main__":
    main()
