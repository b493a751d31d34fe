"""The ground that the stories of AWS stand on: that it refuses what AWS refuses."""

import json
import threading
from datetime import datetime, timedelta, timezone

import botocore.auth
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

import aws_proxy
from aws_ground import REGION, Account, allow, assume, document, make_client, refused
from aws_proxy import Proxy
from aws_rds import RdsServer
from checks import check, check_equal, wait_until
from world import main, test

ENGINEERS = "arn:aws:iam::{}:user/engineers/*"


def connector_of(account, *statements):
    """The key of a user with this policy."""
    arn, key = account.make_user("connector", path="/")
    account.put_policy(arn, "connector", document(*statements))
    return arn, key


@test
def moto_refuses_signatures_that_are_not_of_the_key():
    account = Account()
    check_equal(
        make_client("sts", account.key).get_caller_identity()["Account"], account.number, "account"
    )
    wrong = {**account.key, "SecretAccessKey": "x" * 40}
    refused("SignatureDoesNotMatch", make_client("sts", wrong).get_caller_identity)
    nobody = {"AccessKeyId": "AKIA" + "0" * 16, "SecretAccessKey": "x" * 40}
    refused("InvalidClientTokenId", make_client("sts", nobody).get_caller_identity)


@test
def moto_allows_what_the_policy_names_and_denies_the_rest():
    account = Account()
    account.make_user("jane")
    account.make_user("root-of-all", path="/administrators/")
    pattern = ENGINEERS.format(account.number)
    _, key = connector_of(
        account,
        allow(["iam:GetUser", "iam:PutUserPolicy"], pattern),
        allow("rds:DescribeDBInstances", "*"),
    )
    iam = make_client("iam", key)
    text = document(allow("rds-db:connect", "*"))
    iam.get_user(UserName="jane")
    iam.put_user_policy(UserName="jane", PolicyName="x", PolicyDocument=text)
    make_client("rds", key).describe_db_instances()
    refused("AccessDenied", iam.get_user, UserName="root-of-all")
    refused(
        "AccessDenied",
        iam.put_user_policy,
        UserName="root-of-all",
        PolicyName="x",
        PolicyDocument=text,
    )
    refused("AccessDenied", iam.delete_user_policy, UserName="jane", PolicyName="x")
    refused("AccessDenied", iam.get_account_authorization_details)
    refused("AccessDenied", make_client("rds", key).describe_db_clusters)
    refused("AccessDeniedException", make_client("ssm", key).describe_sessions, State="Active")
    refused("AccessDenied", iam.get_user, UserName="nobody")


@test
def moto_holds_to_boundaries_and_quotas():
    account = Account()
    boundary = account.make_policy("boundary", allow("iam:ListUsers", "*"))
    arn, key = account.make_user("jane", boundary=boundary)
    account.put_policy(arn, "much", document(allow("iam:*", "*")))
    make_client("iam", key).list_users()
    refused("AccessDenied", make_client("iam", key).list_roles)
    user = account.iam.get_user(UserName="jane")["User"]
    check_equal(
        user["PermissionsBoundary"]["PermissionsBoundaryArn"],
        boundary,
        "the boundary that is shown",
    )
    long = document(allow("rds-db:connect", account.arn("rds-db", "x" * 2048)))
    refused(
        "LimitExceeded",
        account.iam.put_user_policy,
        UserName="jane",
        PolicyName="long",
        PolicyDocument=long,
    )
    role = account.make_role("dev", arn)
    account.put_policy(role, "long", long)
    check_equal(list(account.policies_of(arn)), ["much"], "policies of the user")
    check_equal(list(account.policies_of(role)), ["long"], "policies of the role")


@test
def a_role_of_another_account_is_assumed_by_whom_it_trusts():
    ours, theirs = Account(), Account()
    arn, key = ours.make_user("connector", path="/")
    role = theirs.make_role("daypass", arn, path="/", external_id="agreed")
    theirs.put_policy(role, "x", document(allow("iam:ListUsers", "*")))
    sts = make_client("sts", key)
    asked = {"RoleArn": role, "RoleSessionName": "daypass-x"}
    refused("AccessDenied", sts.assume_role, **asked, ExternalId="agreed")
    ours.put_policy(arn, "assume", document(allow("sts:AssumeRole", role)))
    refused("AccessDenied", sts.assume_role, **asked)
    refused("AccessDenied", sts.assume_role, **asked, ExternalId="other")
    refused("AccessDenied", sts.assume_role, **asked, ExternalId="agreed", SourceIdentity="grant")
    refused(
        "AccessDenied", sts.assume_role, **{**asked, "RoleArn": role + "s"}, ExternalId="agreed"
    )
    temporary = assume(key, role, "daypass-x", external_id="agreed")
    who = make_client("sts", temporary).get_caller_identity()
    check_equal(
        who["Arn"], f"arn:aws:sts::{theirs.number}:assumed-role/daypass/daypass-x", "who that is"
    )
    make_client("iam", temporary).list_users()
    refused("AccessDenied", make_client("iam", temporary).list_roles)
    _, other = ours.make_user("other", path="/")
    ours.put_policy(
        ours.iam.get_user(UserName="other")["User"]["Arn"], "a", document(allow("*", "*"))
    )
    refused("AccessDenied", make_client("sts", other).assume_role, **asked, ExternalId="agreed")


@test
def sessions_are_started_seen_and_ended_by_right():
    account = Account()
    arn, key = account.make_user("jane")
    instance = account.arn("ec2", "instance/i-1")
    shell = account.arn("ssm", "document/SSM-SessionManagerRunShell")
    own = "arn:aws:ssm:*:*:session/${aws:username}-*"
    account.put_policy(
        arn, "a", document(allow("ssm:StartSession", instance), allow("ssm:TerminateSession", own))
    )
    ssm = make_client("ssm", key)
    refused("AccessDeniedException", ssm.start_session, Target="i-1")
    account.put_policy(arn, "b", document(allow("ssm:StartSession", shell)))
    first = ssm.start_session(Target="i-1")["SessionId"]
    second = ssm.start_session(Target="i-1")["SessionId"]
    refused("AccessDeniedException", ssm.start_session, Target="i-2")
    refused(
        "AccessDeniedException", ssm.start_session, Target="i-1", DocumentName="AWS-StartSSHSession"
    )
    all_of = account.client("ssm").describe_sessions
    others = account.client("ssm").start_session(Target="i-1")["SessionId"]
    seen = all_of(State="Active", Filters=[{"key": "Owner", "value": arn}])["Sessions"]
    check_equal({each["SessionId"] for each in seen}, {first, second}, "jane's sessions")
    refused("AccessDeniedException", ssm.terminate_session, SessionId=others)
    ssm.terminate_session(SessionId=first)
    seen = all_of(State="Active", Filters=[{"key": "Owner", "value": arn}])["Sessions"]
    check_equal([each["SessionId"] for each in seen], [second], "those that are left")


@test
def the_evaluator_allows_the_exact_resource_alone():
    account = Account()
    arn, _ = account.make_user("jane")
    base = account.arn("rds-db", "dbuser:db-ORDERS/")
    neighbours = [base + "app_write", base + "app_rea", base + "app_reads", base]
    neighbours.append(account.arn("rds-db", "dbuser:db-OTHER/app_read"))
    account.check_access(arn, [], [base + "app_read", *neighbours])
    account.put_policy(arn, "x", document(allow("rds-db:connect", base + "app_read")))
    account.check_access(arn, [base + "app_read"], neighbours)
    account.check_access(arn, [], [base + "app_read"], action="rds-db:other")
    denial = {**allow("rds-db:*", "*"), "Effect": "Deny"}
    account.put_policy(arn, "y", document(denial))
    account.check_access(arn, [], [base + "app_read"])


@test
def the_evaluator_knows_conditions_and_who_asks():
    account = Account()
    arn, key = account.make_user("jane")
    role = account.make_role("dev", arn)
    before, after = "2030-01-01T00:00:00Z", "2030-01-01T00:00:01Z"
    until = {"DateLessThan": {"aws:CurrentTime": after}}
    instance = account.arn("ec2", "instance/i-1")
    account.put_policy(arn, "x", document(allow("ssm:StartSession", instance, **until)))
    check(account.can(arn, "ssm:StartSession", instance, now=before), "not allowed before the end")
    check(not account.can(arn, "ssm:StartSession", instance, now=after), "allowed at the end")
    own = account.arn("ssm", "session/${aws:username}-*")
    account.put_policy(arn, "y", document(allow("ssm:TerminateSession", own)))
    session = account.arn("ssm", "session/{}-1")
    check(
        account.can(arn, "ssm:TerminateSession", session.format("jane")), "not allowed on one's own"
    )
    check(
        not account.can(arn, "ssm:TerminateSession", session.format("john")), "allowed on another's"
    )
    account.put_policy(arn, "a", document(allow("sts:AssumeRole", role)))
    sessions = [assume(key, role, name) for name in ("jane", "john")]
    ids = [make_client("sts", each).get_caller_identity() for each in sessions]
    mine = {"StringEquals": {"aws:userid": ids[0]["UserId"]}}
    user = account.arn("rds-db", "dbuser:db-A/app_read")
    account.put_policy(role, "z", document(allow("rds-db:connect", user, **mine)))
    check(account.can(ids[0]["Arn"], "rds-db:connect", user), "the session that is meant may not")
    check(not account.can(ids[1]["Arn"], "rds-db:connect", user), "another session of the role may")


def token_of(server, key, user, at=None, host="localhost"):
    """By botocore; `at`: as if it were then."""
    client = make_client("rds", key)
    if at is None:
        return client.generate_db_auth_token(host, server.port, user, REGION)
    real = botocore.auth.datetime.datetime

    class Then(real):
        @classmethod
        def utcnow(cls):
            return at

    botocore.auth.datetime.datetime = Then
    try:
        return client.generate_db_auth_token(host, server.port, user, REGION)
    finally:
        botocore.auth.datetime.datetime = real


def is_refused(server, user, token, why):
    check_equal(server.log_in(user, token), None, f"{user} with what should be refused: {why}")
    check_equal(server.judge.verdicts[-1][0], user, "who was judged")
    reason = server.judge.verdicts[-1][1]
    check(reason and why in reason, f"refused for {reason!r}, not {why!r}")


@test
def rds_takes_the_right_token_and_no_other():
    account = Account()
    arn, key = account.make_user("jane")
    _, other_key = account.make_user("john")
    with RdsServer(account) as server:
        for user in ("app_read", "app_write"):
            server.add_user(user)
        server.judge.know(key, arn, account)
        server.judge.know(other_key, arn.replace("jane", "john"), account)
        token = token_of(server, key, "app_read")
        is_refused(server, "app_read", token, "may not connect")
        account.put_policy(
            arn, "x", document(allow("rds-db:connect", server.database.arn_of("app_read")))
        )
        check_equal(server.log_in("app_read", token), "app_read", "jane with her token")
        is_refused(server, "app_read", "garbage", "another server")
        is_refused(server, "app_read", f"localhost:{server.port}/?" + "&" * 3, "no token")
        is_refused(server, "app_write", token, "another action or user")
        is_refused(server, "app_write", token_of(server, key, "app_write"), "may not connect")
        is_refused(server, "app_read", token_of(server, other_key, "app_read"), "may not connect")
        is_refused(server, "app_read", token[:-1] + ("0" if token[-1] != "0" else "1"), "signature")
        now = datetime.now(timezone.utc).replace(tzinfo=None)
        stale = token_of(server, key, "app_read", now - timedelta(seconds=901))
        is_refused(server, "app_read", stale, "made at")
        fresh = token_of(server, key, "app_read", now - timedelta(seconds=600))
        check_equal(server.log_in("app_read", fresh), "app_read", "ten minutes later")
        longer = token.replace("X-Amz-Expires=900", "X-Amz-Expires=9000")
        is_refused(server, "app_read", longer, "signature")
        is_refused(
            server,
            "app_read",
            token_of(server, key, "app_read", host="127.0.0.1"),
            "another server",
        )
        account.iam.delete_user_policy(UserName="jane", PolicyName="x")
        is_refused(server, "app_read", token, "may not connect")


@test
def rds_takes_tokens_of_a_role_in_a_session():
    account = Account()
    arn, key = account.make_user("jane")
    role = account.make_role("dev", arn)
    account.put_policy(arn, "a", document(allow("sts:AssumeRole", role)))
    temporary = assume(key, role, "jane")
    session = make_client("sts", temporary).get_caller_identity()
    with RdsServer(account) as server:
        server.add_user("app_read")
        server.judge.know(temporary, session["Arn"], account)
        token = token_of(server, temporary, "app_read")
        is_refused(server, "app_read", token, "may not connect")
        mine = {"StringEquals": {"aws:userid": session["UserId"]}}
        account.put_policy(
            role, "x", document(allow("rds-db:connect", server.database.arn_of("app_read"), **mine))
        )
        check_equal(server.log_in("app_read", token), "app_read", "the role's session")
        bare = {name: value for name, value in temporary.items() if name != "SessionToken"}
        is_refused(server, "app_read", token_of(server, bare, "app_read"), "another session")


@test
def the_proxy_leaves_calls_as_they_are():
    account = Account()
    account.make_user("jane")
    with Proxy() as proxy:
        iam = make_client("iam", account.key, proxy.url)
        check_equal(iam.get_user(UserName="jane")["User"]["UserName"], "jane", "through the proxy")
        refused("NoSuchEntity", iam.get_user, UserName="john")
        wrong = make_client("iam", {**account.key, "SecretAccessKey": "x" * 40}, proxy.url)
        refused("SignatureDoesNotMatch", wrong.get_user, UserName="jane")
        session = make_client("ssm", account.key, proxy.url).start_session(Target="i-1")
        check("SessionId" in session, "the JSON protocol")
        make_client("ec2", account.key, proxy.url).describe_instances()
        actions = [call.action for call in proxy.calls]
        check_equal(
            actions, ["GetUser"] * 3 + ["StartSession", "DescribeInstances"], "what was called"
        )
        check_equal(proxy.calls[0].status, 200, "its answer")


@test
def the_proxy_refuses_as_its_rules_say():
    account = Account()
    account.make_user("jane")
    expected = {
        "Throttling": aws_proxy.throttled(),
        "TooManyRequestsException": aws_proxy.too_many(1),
        "ServiceFailure": aws_proxy.broken(500),
        "ServiceUnavailable": aws_proxy.broken(503),
        "AccessDenied": aws_proxy.denied(),
        "ExpiredToken": aws_proxy.expired(),
        "LimitExceeded": aws_proxy.full(),
    }
    with Proxy() as proxy:
        iam = make_client("iam", account.key, proxy.url)
        for code, happen in expected.items():
            rule = proxy.rule("GetUser", happen)
            refused(code, iam.get_user, UserName="jane")
            rule.await_use()
        iam.get_user(UserName="jane")
        ssm = make_client("ssm", account.key, proxy.url)
        proxy.rule("DescribeSessions", aws_proxy.denied())
        refused("AccessDeniedException", ssm.describe_sessions, State="Active")
        proxy.rule("GetUser", aws_proxy.too_many(7))
        try:
            iam.get_user(UserName="jane")
        except ClientError as error:
            check_equal(
                error.response["ResponseMetadata"]["HTTPHeaders"]["retry-after"], "7", "Retry-After"
            )


@test
def the_proxy_does_the_change_and_says_nothing():
    account = Account()
    arn, _ = account.make_user("jane")
    text = document(allow("rds-db:connect", "*"))
    with Proxy() as proxy:
        iam = make_client("iam", account.key, proxy.url)
        for number, happen in enumerate([aws_proxy.cut_before(), aws_proxy.cut_after()]):
            proxy.rule("PutUserPolicy", happen)
            try:
                iam.put_user_policy(UserName="jane", PolicyName="x", PolicyDocument=text)
                raise AssertionError("it was answered")
            except ConnectionClosedError:
                check_equal(
                    list(account.policies_of(arn)), ["x"][:number], "policies after the cut"
                )
        released = threading.Event()
        rule = proxy.rule("DeleteUserPolicy", aws_proxy.silent_after(released))
        asked = {"UserName": "jane", "PolicyName": "x"}
        waiting = threading.Thread(target=unanswered, args=(iam.delete_user_policy,), kwargs=asked)
        waiting.start()
        try:
            rule.await_use()
            names = account.iam.list_user_policies
            wait_until("the change is made", lambda: not names(UserName="jane")["PolicyNames"])
            check(waiting.is_alive(), "it was answered")
        finally:
            released.set()
            waiting.join()


def unanswered(call, **parameters):
    try:
        call(**parameters)
    except (ConnectionClosedError, ReadTimeoutError):
        return


@test
def the_proxy_lets_reads_lag_behind_writes():
    account = Account()
    account.make_user("jane")
    text = document(allow("rds-db:connect", "*"))
    with Proxy() as proxy:
        iam = make_client("iam", account.key, proxy.url)
        proxy.rule("PutUserPolicy", aws_proxy.late(2))
        iam.put_user_policy(UserName="jane", PolicyName="x", PolicyDocument=text)
        asked = {"UserName": "jane", "PolicyName": "x"}
        refused("NoSuchEntity", iam.get_user_policy, **asked)
        refused("NoSuchEntity", iam.get_user_policy, **asked)
        check_equal(
            iam.get_user_policy(**asked)["PolicyDocument"], json.loads(text), "the policy at last"
        )
        proxy.rule("DeleteUserPolicy", aws_proxy.late(100))
        iam.delete_user_policy(**asked)
        iam.get_user_policy(**asked)
        proxy.settle()
        refused("NoSuchEntity", iam.get_user_policy, **asked)


@test
def the_proxy_changes_the_world_and_the_clock_meanwhile():
    account = Account()
    account.make_user("jane")
    with Proxy() as proxy:
        iam = make_client("iam", account.key, proxy.url)
        proxy.rule("GetUser", aws_proxy.meanwhile(lambda: account.delete_user("jane")))
        refused("NoSuchEntity", iam.get_user, UserName="jane")
        proxy.clock_ahead_s = 7200
        answer = iam.list_users()["ResponseMetadata"]["HTTPHeaders"]["date"]
        told = datetime.strptime(answer, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=timezone.utc)
        ahead = (told - datetime.now(timezone.utc)).total_seconds()
        check(7100 < ahead < 7300, f"the clock is {ahead} s ahead")


@test
def discovery_tells_resources_apart():
    account = Account()
    orders = account.make_database("orders-db", 5433, tags=[("app", "orders")])
    other = account.make_database("other-db", 5434, engine="mysql", authentication=False)
    check(orders.resource_id != other.resource_id, "one resource id for two instances")
    shown = account.client("rds").describe_db_instances()["DBInstances"]
    found = {each["DBInstanceIdentifier"]: each for each in shown}
    check_equal(found["orders-db"]["Endpoint"], {"Address": "localhost", "Port": 5433}, "endpoint")
    flags = [found[name]["IAMDatabaseAuthenticationEnabled"] for name in ("orders-db", "other-db")]
    check_equal(flags, [True, False], "IAM authentication")
    check(
        account.make_cluster("ledger").resource_id.startswith("cluster-"), "a cluster's resource id"
    )
    check(account.make_proxy("front").resource_id.startswith("prx-"), "a proxy's resource id")
    instances = account.make_instances(2, tags=[("app", "web")])
    named = [{"Name": "tag:app", "Values": ["web"]}]
    shown = account.client("ec2").describe_instances(Filters=named)["Reservations"]
    check_equal(
        sorted(i["InstanceId"] for r in shown for i in r["Instances"]), sorted(instances), "by tag"
    )


if __name__ == "__main__":
    main()
