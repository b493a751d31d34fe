"""IAM database authentication through the three programs, AWS being moto.

The engineer's side is judged from outside: by moto's policy module over what is on the identity, and
by a PostgreSQL that takes RDS's tokens.
"""

from aws_ground import make_client
from aws_world import EXTERNAL_ID, AwsWorld
from checks import check, check_equal, read_text, wait_until
from world import main, test, test_with


def check_no_secret_was_told(world):
    """Keys of connector and engineer, and what was made of them."""
    for program in world.programs:
        text = read_text(program.log)
        for key in (world.key, world.connector_key):
            for name in ("SecretAccessKey", "SessionToken"):
                check(
                    name not in key or key[name] not in text, f"{name} in the log of {program.name}"
                )
        check("X-Amz-Signature" not in text, f"a token in the log of {program.name}")


@test_with(("user",), ("role",), ("session",))
def a_grant_is_on_exactly_one_user_of_one_database_for_its_time(identity):
    with AwsWorld(identity).set_up() as world:
        world.check_nothing_is_left("before the request")
        grant = world.request(flow="orders-iam")
        world.check_nothing_is_left("before the approval")
        world.cli("dba", "approve", grant)
        view = world.await_state(grant, "active")
        check_equal(len(world.policies()), 1, "policies of the grant")
        check(grant in world.policies()[0], "the policy's name has the grant")
        world.account.check_access(
            world.asking, [world.rds.database.arn_of("app_read")], world.neighbours()
        )
        check_equal(world.log_in(), "app_read", "login during the grant")
        world.check_neighbours()
        if identity == "session":
            john = make_client("sts", world.colleague_key).get_caller_identity()["Arn"]
            exact = world.rds.database.arn_of("app_read")
            check(not world.account.can(john, "rds-db:connect", exact), "john may connect")
        came_in = world.connect(grant, "SELECT current_user")
        check_equal(came_in.out.strip(), "app_read", "daypass connect")
        check(view["account"].endswith("/" + grant), "the account is the identity and the grant")
        world.cli("engineer", "revoke", grant)
        check_equal(world.await_state(grant, "ended")["cause"], "revoked", "cause")
        world.check_nothing_is_left("after the end")
        check(
            world.connect(grant, "SELECT 1", expect=None).code != 0, "daypass connect after the end"
        )
        check_no_secret_was_told(world)
        if world.role:
            check_sessions_are_named(world, grant)


def check_sessions_are_named(world, grant):
    """What the connector did in the other account bears the grant's name there."""
    assumed = [call.parameters for call in world.proxy.of("AssumeRole")]
    check_equal({call["RoleArn"] for call in assumed}, {world.role}, "roles it assumed")
    check_equal({call.get("ExternalId") for call in assumed}, {EXTERNAL_ID}, "external ids")
    of_grant = [call for call in assumed if grant in call["RoleSessionName"]]
    check(len(of_grant) >= 2, f"sessions to give and to take back: {assumed}")
    for call in of_grant:
        check(grant in call.get("SourceIdentity", ""), f"source identity: {call}")


@test
def a_grant_ends_by_itself_and_may_be_extended():
    with AwsWorld().set_up() as world:
        grant = world.active(flow="orders-iam", duration="20s")["id"]
        first = world.policies()
        world.cli("engineer", "extend", grant, "--for", "10s", "--reason", "more")
        world.cli("dba", "approve", grant)
        wait_until("the policy has the new end", lambda: world.policies() not in ([], first))
        wait_until("the old policy is gone", lambda: len(world.policies()) == 1)
        check_equal(world.log_in(), "app_read", "login during the extension")
        check_equal(world.await_state(grant, "ended")["cause"], "expired", "cause")
        world.check_nothing_is_left("after its time")


@test
def a_connector_alone_ends_what_is_over():
    """daypassd is dead, and the connector's memory empty: the name of the policy says when."""
    with AwsWorld().set_up() as world:
        grant = world.active(flow="orders-iam", duration="15s")["id"]
        world.daypassd.kill()
        world.connector.kill()
        check_equal(world.log_in(), "app_read", "login while nobody is there")
        world.connector.start()
        world.await_no_policy()
        check_equal(world.log_in(), None, "login after the sweep")
        world.restart_daypassd()
        check_equal(world.await_state(grant, "ended")["cause"], "expired", "cause")


if __name__ == "__main__":
    main()
