"""AWS on its bad days: each of them ends as docs/aws.md says, with nothing left behind."""

import json
import threading

import aws_proxy
from aws_ground import allow, assume, document
from aws_metadata import Metadata
from aws_rds import free_port
from aws_world import AwsWorld
from checks import check, check_equal, wait_until
from world import main, test

# What passes: the grant is given all the same, though later, and taken back likewise.
PASSING = {
    "throttled": lambda: aws_proxy.throttled(),
    "asked to wait": lambda: aws_proxy.too_many(1),
    "broken": lambda: aws_proxy.broken(500),
    "unavailable": lambda: aws_proxy.broken(503),
    "cut before the change": aws_proxy.cut_before,
    "cut after the change": aws_proxy.cut_after,
    "broken after the change": aws_proxy.broken_after,
    "late": lambda: aws_proxy.late(4),
}


def request(world):
    grant = world.request(flow="orders-iam")
    world.cli("dba", "approve", grant)
    return grant


def await_failed(world, grant, code):
    """Gives what the person reads."""
    view = world.await_state(grant, "failed")
    check(code in str(view), f"{code} is not in {view}")
    world.check_nothing_is_left(f"after {code}")
    return view


def live_and_end(world, why):
    """A grant that has to come, and to go."""
    grant = request(world)
    world.await_state(grant, "active")
    check_equal(len(world.policies()), 1, f"policies: {why}")
    check_equal(world.log_in(), "app_read", f"login: {why}")
    world.cli("engineer", "revoke", grant)
    world.await_state(grant, "ended")
    world.proxy.settle()
    world.check_nothing_is_left(f"after {why}")


@test
def what_passes_delays_a_grant_and_its_end_and_loses_neither():
    with AwsWorld().set_up() as world:
        for name, make in PASSING.items():
            rules = [
                world.proxy.rule(action, make()) for action in ("PutUserPolicy", "DeleteUserPolicy")
            ]
            live_and_end(world, name)
            check_equal([rule.used for rule in rules], [1, 1], f"{name} happened")


@test
def reads_that_fail_or_lag_delay_it_likewise():
    with AwsWorld().set_up() as world:
        for make in (aws_proxy.throttled, aws_proxy.broken, aws_proxy.cut_before):
            rules = [world.proxy.rule(action, make(), 2) for action in ("GetUser", "GetUserPolicy")]
            live_and_end(world, make.__name__)
            check_equal([rule.used for rule in rules], [2, 2], f"{make.__name__} happened")


@test
def an_answer_that_never_comes_is_settled_by_reading_back():
    with AwsWorld().set_up() as world:
        released = threading.Event()
        rule = world.proxy.rule("PutUserPolicy", aws_proxy.silent_after(released))
        try:
            live_and_end(world, "silence")
            check_equal(rule.used, 1, "it was silent")
        finally:
            released.set()


@test
def a_full_identity_is_said_and_nothing_is_left():
    with AwsWorld().set_up() as world:
        long = document(allow("s3:GetObject", "arn:aws:s3:::" + "x" * 1900))
        world.account.put_policy(world.identity, "theirs", long)
        await_failed(world, request(world), "LimitExceeded")
        check_equal(
            list(world.account.policies_of(world.identity)), ["theirs"], "what was there stays"
        )
        world.account.iam.delete_user_policy(UserName="jane", PolicyName="theirs")
        live_and_end(world, "there is room again")


@test
def a_right_that_is_missing_is_said_and_nothing_is_left():
    with AwsWorld().set_up() as world:
        rule = world.proxy.rule("PutUserPolicy", aws_proxy.denied(), times=None)
        await_failed(world, request(world), "PutUserPolicy")
        rule.stop()
        live_and_end(world, "the right is back")


@test
def an_identity_that_is_gone_is_said_or_is_nothing_to_take_back():
    with AwsWorld().set_up() as world:
        grant = request(world)
        world.await_state(grant, "active")
        rule = world.proxy.rule(
            "DeleteUserPolicy", aws_proxy.meanwhile(lambda: world.account.delete_user("jane"))
        )
        world.cli("engineer", "revoke", grant)
        world.await_state(grant, "ended")
        check_equal(rule.used, 1, "jane went while her policy was taken back")
        view = world.await_state(request(world), "failed")
        check("jane" in str(view), f"whom AWS does not know: {view}")


@test
def an_identity_that_goes_while_it_is_given_something_is_said():
    with AwsWorld().set_up() as world:
        world.proxy.rule(
            "PutUserPolicy", aws_proxy.meanwhile(lambda: world.account.delete_user("jane"))
        )
        view = world.await_state(request(world), "failed")
        check("jane" in str(view), f"whom AWS does not know: {view}")
        check("jane" not in str(world.account.iam.list_users()["Users"]), "jane is made anew")


@test
def credentials_that_end_in_the_middle_are_fetched_anew():
    """In another account: the session of the role is over, and assumed again."""
    with AwsWorld("role").set_up() as world:
        for action in ("PutRolePolicy", "DeleteRolePolicy"):
            assumed = len(world.proxy.of("AssumeRole"))
            rule = world.proxy.rule(action, aws_proxy.expired())
            live_and_end(world, f"ExpiredToken at {action}")
            check_equal(rule.used, 1, f"{action} met ExpiredToken")
            check(len(world.proxy.of("AssumeRole")) > assumed, "the role is assumed again")


@test
def a_connector_without_credentials_says_so_and_goes_on_once_it_has_some():
    """On an EC2 instance whose metadata service is away at first."""
    with AwsWorld().set_up() as world:
        grant = request(world)
        world.await_state(grant, "active")
        world.connector.stop()
        port = free_port()
        world.connector.env = environment_of_instance(world, port)
        world.connector.start()
        world.cli("engineer", "revoke", grant)
        wait_until(
            "the trouble is shown", lambda: "credentials" in str(world.show(grant).get("trouble"))
        )
        check_equal(world.show(grant)["state"], "revoking", "state without credentials")
        check_equal(len(world.policies()), 1, "policies without credentials")
        with Metadata(port, key_of_instance(world)):
            world.await_state(grant, "ended")
            world.check_nothing_is_left("once there were credentials")


def environment_of_instance(world, port):
    gone = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    env = {name: value for name, value in world.connector.env.items() if name not in gone}
    env["AWS_EC2_METADATA_DISABLED"] = "false"
    env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = f"http://127.0.0.1:{port}"
    return env


def key_of_instance(world):
    """Of a role with the connector's policy."""
    administrator = world.home.iam.get_user(UserName="administrator")["User"]["Arn"]
    role = world.home.make_role("instance", administrator, path="/")
    for name, text in world.home.policies_of(world.connector_arn).items():
        world.home.put_policy(role, name, json.dumps(text))
    return assume(world.home.key, role, "i-0123456789abcdef0")


if __name__ == "__main__":
    main()
