"""What AWS refuses for good: it is said, and nothing is left behind."""

import json

import aws_proxy
from aws_ground import allow, assume, document
from aws_metadata import Metadata
from aws_rds import free_port
from aws_world import AwsWorld
from checks import check, check_equal, wait_until, write_text
from world import main, test


def await_failed(world, grant, code):
    """Gives what the person reads."""
    view = world.await_state(grant, "failed")
    check(code in str(view), f"{code} is not in {view}")
    world.check_nothing_is_left(f"after {code}")
    return view


@test
def a_full_identity_is_said_and_nothing_is_left():
    with AwsWorld().set_up() as world:
        long = document(allow("s3:GetObject", "arn:aws:s3:::" + "x" * 1900))
        world.account.put_policy(world.identity, "theirs", long)
        await_failed(world, world.approved(), "LimitExceeded")
        check_equal(
            list(world.account.policies_of(world.identity)), ["theirs"], "what was there stays"
        )
        world.account.iam.delete_user_policy(UserName="jane", PolicyName="theirs")
        world.live_and_end("there is room again")


@test
def a_right_that_is_missing_is_said_and_nothing_is_left():
    with AwsWorld().set_up() as world:
        rule = world.proxy.rule("PutUserPolicy", aws_proxy.denied(), times=None)
        await_failed(world, world.approved(), "PutUserPolicy")
        rule.stop()
        world.live_and_end("the right is back")


@test
def an_identity_that_is_gone_is_said_or_is_nothing_to_take_back():
    with AwsWorld().set_up() as world:
        grant = world.approved()
        world.await_state(grant, "active")
        rule = world.proxy.rule(
            "DeleteUserPolicy", aws_proxy.meanwhile(lambda: world.account.delete_user("jane"))
        )
        world.cli("engineer", "revoke", grant)
        world.await_state(grant, "ended")
        check_equal(rule.used, 1, "jane went while her policy was taken back")
        view = world.await_state(world.approved(), "failed")
        check("jane" in str(view), f"whom AWS does not know: {view}")


@test
def an_identity_that_goes_while_it_is_given_something_is_said():
    with AwsWorld().set_up() as world:
        world.proxy.rule(
            "PutUserPolicy", aws_proxy.meanwhile(lambda: world.account.delete_user("jane"))
        )
        view = world.await_state(world.approved(), "failed")
        check("jane" in str(view), f"whom AWS does not know: {view}")
        check("jane" not in str(world.account.iam.list_users()["Users"]), "jane is made anew")


@test
def credentials_that_end_in_the_middle_are_fetched_anew():
    """In another account: the session of the role is over, and assumed again."""
    with AwsWorld("role").set_up() as world:
        for action in ("PutRolePolicy", "DeleteRolePolicy"):
            assumed = len(world.proxy.of("AssumeRole"))
            rule = world.proxy.rule(action, aws_proxy.expired())
            world.live_and_end(f"ExpiredToken at {action}")
            check_equal(rule.used, 1, f"{action} met ExpiredToken")
            check(len(world.proxy.of("AssumeRole")) > assumed, "the role is assumed again")


@test
def a_connector_without_credentials_says_so_and_goes_on_once_it_has_some():
    """On an EC2 instance whose metadata service is away at first."""
    with AwsWorld().set_up() as world:
        grant = world.approved()
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


class ProfileWorld(AwsWorld):
    """Its connector has its credentials from a program that its profile names, where that may run."""

    def __init__(self, programs):
        super().__init__()
        self.may_run = programs
        self.uses_profile = False

    def aws_secret(self):
        profile = {"profile": "daypass"} if self.uses_profile else {}
        return {**super().aws_secret(), **profile, "programs": self.may_run}

    def use_profile(self):
        """From now on the environment has no credentials."""
        self.connector.stop()
        self.uses_profile = True
        self.connector_config("connector")
        _, key, _ = self.connectors["connector"]
        printed = {"Version": 1} | {name: key[name] for name in ("AccessKeyId", "SecretAccessKey")}
        write_text(self.path("printed"), json.dumps(printed))
        process = f"/bin/cat {self.path('printed')}"
        write_text(self.path("aws-config"), f"[profile daypass]\ncredential_process = {process}\n")
        env = environment_of_instance(self, free_port())
        self.connector.env = {**env, "AWS_CONFIG_FILE": self.path("aws-config")}
        self.connector.start()


@test
def a_program_of_the_profile_gives_the_credentials_where_it_may_run():
    with ProfileWorld(programs=True).set_up() as world:
        world.use_profile()
        world.live_and_end("credentials of a program")


@test
def a_program_of_the_profile_is_not_run_where_nobody_said_so():
    with ProfileWorld(programs=False).set_up() as world:
        world.use_profile()
        grant = world.approved()
        wait_until(
            "the trouble is shown",
            lambda: "program would have to be run" in str(world.show(grant).get("trouble")),
        )
        world.check_nothing_is_left("without credentials")


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
