"""What may be granted on AWS beyond a database, and how far: Session Manager, names instead of ids,
the connector's ceiling, several accounts and kinds of target."""

import json

from aws_ground import Account, allow, document, make_client, refused
from aws_world import AwsWorld
from checks import check, check_equal, wait_until
from world import main, test

# ---- Session Manager ------------------------------------------------------------------------------


@test
def sessions_on_instances_end_with_the_grant():
    with AwsWorld().set_up() as world:
        web, other = world.account.make_instances(2)
        flow = world.aws_flow("web-shell", {"ssm_session": {"instances": [web]}})
        world.apply(flows=[flow])
        ssm = make_client("ssm", world.key)
        denied = "AccessDeniedException"
        refused(denied, ssm.start_session, Target=web)
        grant = world.active(flow="web-shell")["id"]
        session = ssm.start_session(Target=web)["SessionId"]
        refused(denied, ssm.start_session, Target=other)
        refused(denied, ssm.start_session, Target=web, DocumentName="AWS-StartSSHSession")
        refused(denied, ssm.describe_sessions, State="Active")
        second = ssm.start_session(Target=web)["SessionId"]
        ssm.terminate_session(SessionId=second)
        administrator = world.account.client("ssm")
        others = administrator.start_session(Target=web)["SessionId"]
        refused(denied, ssm.terminate_session, SessionId=others)
        world.cli("engineer", "revoke", grant)
        world.await_state(grant, "ended")
        shown = administrator.describe_sessions(State="Active")["Sessions"]
        check_equal([each["SessionId"] for each in shown], [others], "sessions that are left")
        check(session != others, "two sessions")
        refused(denied, ssm.start_session, Target=web)
        check_equal(world.policies(), [], "policies")


@test
def a_session_right_ends_on_aws_by_its_date():
    """All of Daypass is dead: AWS's own condition ends it."""
    with AwsWorld().set_up() as world:
        (web,) = world.account.make_instances(1)
        flow = world.aws_flow("web-shell", {"ssm_session": {"instances": [web]}})
        world.apply(flows=[flow])
        world.active(flow="web-shell", duration="15s")
        ssm = make_client("ssm", world.key)
        ssm.start_session(Target=web)
        world.connector.kill()
        world.daypassd.kill()
        instance = world.account.arn("ec2", f"instance/{web}")
        wait_until(
            "the date has passed",
            lambda: not world.account.can(world.asking, "ssm:StartSession", instance),
        )
        check_equal(len(world.policies()), 1, "policies while nobody is there")
        refused("AccessDeniedException", ssm.start_session, Target=web)


# ---- What is there, and what the connector's file allows ------------------------------------------


def discovered(world):
    shown = world.cli("admin", "integrations", "discover", "aws-prod", "--json").json
    return {each["id"]: each for each in shown["resources"]}


@test
def what_is_there_is_found_and_a_flow_may_name_it():
    with AwsWorld().set_up() as world:
        ledger = world.account.make_database("ledger-db", engine="mysql", authentication=False)
        cluster = world.account.make_cluster("stock")
        proxy = world.account.make_proxy("front")
        (web,) = world.account.make_instances(1, tags=[("Name", "web-1"), ("app", "web")])
        world.cli("admin", "integrations", "check", "aws-prod", "--discover")
        found = wait_until(
            "the instance is found", lambda: web in (found := discovered(world)) and found
        )
        expected = {ledger.resource_id, cluster.resource_id, proxy.resource_id, web}
        check_equal(set(found), expected | {world.rds.database.resource_id}, "what was found")
        orders = found[world.rds.database.resource_id]
        check_equal(
            [orders[name] for name in ("identifier", "host", "port", "iam_authentication")],
            ["orders-db", "localhost", world.rds.port, True],
            "the database",
        )
        check_equal(found[ledger.resource_id]["iam_authentication"], False, "the ledger's flag")
        flows = [
            world.aws_flow(
                "by-name", {"rds_connect": {"identifier": "orders-db", "users": ["app_read"]}}
            ),
            world.aws_flow("by-tag", {"rds_connect": {"tag": "app=orders", "users": ["app_read"]}}),
            world.aws_flow(
                "off", {"rds_connect": {"identifier": "ledger-db", "users": ["app_read"]}}
            ),
            world.aws_flow("shell", {"ssm_session": {"tag": "app=web"}}),
        ]
        said = world.apply(flows=flows)
        check(
            "IAM authentication is off" in said.out + said.err, f"the warning: {said.out}{said.err}"
        )
        for flow in ("by-name", "by-tag"):
            grant = world.active(flow=flow)["id"]
            world.account.check_access(
                world.asking, [world.rds.database.arn_of("app_read")], world.neighbours()
            )
            check_equal(world.log_in(), "app_read", f"login by {flow}")
            world.cli("engineer", "revoke", grant)
            world.await_state(grant, "ended")
            world.check_nothing_is_left(f"after {flow}")
        world.active(flow="shell")
        make_client("ssm", world.key).start_session(Target=web)


STRICT = {
    "actions": ["s3:GetObject"],
    "resources": ["arn:aws:s3:::shop/*", "arn:aws:rds-db:*"],
    "identity_tags": ["team=backend"],
    "max_duration": "1h",
}


@test
def the_connector_gives_nothing_that_its_file_does_not_allow():
    with AwsWorld(ceiling=STRICT).set_up() as world:
        actions = {
            "s3-read": ("s3:GetObject", "arn:aws:s3:::shop/*"),
            "s3-write": ("s3:PutObject", "arn:aws:s3:::shop/*"),
            "s3-all": ("s3:GetObject", "*"),
        }
        flows = [
            world.aws_flow(name, {"allow": {"actions": [action], "resources": [resource]}})
            for name, (action, resource) in actions.items()
        ]
        world.apply(flows=flows)
        grant = world.active(flow="s3-read")["id"]
        world.account.check_access(
            world.asking, ["arn:aws:s3:::shop/a"], ["arn:aws:s3:::other/a"], "s3:GetObject"
        )
        world.account.check_access(world.asking, [], ["arn:aws:s3:::shop/a"], "s3:PutObject")
        world.cli("engineer", "revoke", grant)
        world.await_state(grant, "ended")
        check_refused(world, "s3-write")
        check_refused(world, "s3-all")
        check_refused(world, "orders-iam", duration="2h")
        live = world.active(flow="orders-iam")["id"]
        world.cli("engineer", "revoke", live)
        world.await_state(live, "ended")
        world.account.iam.untag_user(UserName="jane", TagKeys=["team"])
        check_refused(world, "orders-iam")


def check_refused(world, flow, duration="1h"):
    grant = world.request(flow=flow, duration=duration)
    world.cli("dba", "approve", grant)
    view = world.await_state(grant, "failed")
    check("above_ceiling" in str(view), f"{flow} for {duration}: {view}")
    world.check_nothing_is_left(f"after {flow} was refused")


class BoundedWorld(AwsWorld):
    """Its people have a permissions boundary, which the connector's file asks for."""

    def make_people(self):
        super().make_people()
        boundary = self.account.make_policy("engineers", allow("rds-db:connect", "*"))
        self.account.iam.put_user_permissions_boundary(
            UserName="jane", PermissionsBoundary=boundary
        )
        self.ceiling = {**self.ceiling, "boundary": boundary}


@test
def the_printed_policy_puts_only_on_whom_the_boundary_holds_and_is_enough():
    with BoundedWorld().set_up() as world:  # which gives what check printed, and checks it
        world.live_and_end("whom the boundary holds")
        name = "daypass.grt_a.dep_a.main.1"
        john, _ = world.account.make_user("john")
        iam = make_client("iam", world.connector_key)
        text = document(allow("rds-db:connect", "*"))
        refused(
            "AccessDenied", iam.put_user_policy, UserName="john", PolicyName=name, PolicyDocument=text
        )
        world.account.put_policy(john, name, text)
        iam.delete_user_policy(UserName="john", PolicyName=name)


@test
def check_tells_everything_that_is_wrong_and_what_to_do_of_it():
    ceiling = {"resources": ["arn:aws:rds-db:*:*:dbuser:*/app_read", "arn:aws:s3:::shop/*"]}
    with AwsWorld(ceiling=ceiling).set_up() as world:
        items = [
            {"rds_connect": {"identifier": "no-db", "users": ["app_read"]}},
            {"rds_connect": {"identifier": "orders-db", "users": ["app_write", "root"]}},
            {"ssm_session": {"instances": ["i-0123456789abcdef0"]}},
            {"allow": {"actions": ["s3:GetObject"], "resources": ["arn:aws:s3:::shop/*"]}},
        ]
        world.apply(flows=[world.aws_flow(f"bad-{i}", item) for i, item in enumerate(items)])
        code, text = world.check_connector()
        check(code != 0, text)
        told = [
            "there is no database no-db",
            "/app_write is above the ceiling",
            "/root is above the ceiling",
            "there is no instance i-0123456789abcdef0",
            "action s3:GetObject is not among the actions",
        ]
        for words in told:
            check(words in text, f"{words}: {text}")
        check("modify-db" not in text, f"a remedy for what is not wrong: {text}")
        check_says_rights_once(world)


def check_says_rights_once(world):
    """Also one that nothing needs so far."""
    name = "daypass"
    policy = world.home.policies_of(world.connector_arn)[name]
    for statement in policy["Statement"]:
        for action in ("rds:ListTagsForResource", "rds:DescribeDBInstances"):
            if action in statement["Action"]:
                statement["Action"].remove(action)
    world.home.put_policy(world.connector_arn, name, json.dumps(policy))
    text = world.check_connector()[1]
    for action in ("rds:ListTagsForResource", "rds:DescribeDBInstances"):
        check(f"allow {action} in" in text, f"{action}: {text}")
    check_equal(text.count("not authorized to perform: rds:DescribeDBInstances"), 1, text)
    check("prints the whole one" not in text, f"check sends to check: {text}")


class OthersWorld(AwsWorld):
    """Its connector's file, and so its rights, are for other people than the one who asks."""

    def make_people(self):
        super().make_people()
        self.ceiling = {"identities": [self.account.arn("iam", "user/others/*", "")]}


@test
def who_is_outside_the_ceiling_is_refused_and_nothing_stays_open():
    with OthersWorld().set_up() as world:
        before = len(world.proxy.of("GetUser"))
        grant = world.approved()
        view = world.await_state(grant, "failed")
        check("is not among identities" in str(view), f"why: {view}")
        check_equal(len(world.proxy.of("GetUser")), before, "AWS was asked who she is")
        kinds = {each["kind"] for each in world.cli("admin", "show", grant, "--json").json["evidence"]}
        check_equal(kinds, {"grant"}, "what was done")


# ---- Several integrations -------------------------------------------------------------------------


@test
def one_connector_serves_both_kinds_and_another_its_own_alone():
    with AwsWorld(shop="pg18").set_up() as world:
        elsewhere = Account()
        arn, key = elsewhere.make_user("jane")
        secret = world.aws_secret() | {"name": "aws-other-admin", "ceiling": {}}
        secret["target"]["aws"]["account"] = elsewhere.number
        world.cli("admin", "connector", "create", "other", "--json")
        integration = world.aws_integration(
            name="aws-other",
            connector="other",
            admin_secret="aws-other-admin",
            aws=world.address() | {"account": elsewhere.number},
        )
        item = {"resource": "db-OTHER", "users": ["app_read"]}
        world.apply(
            principals=[
                {"name": "engineer@example.com", "aws_identities": [world.identity, arn]},
            ],
            integrations=[integration],
            flows=[world.aws_flow("other-iam", {"rds_connect": item}, integration="aws-other")],
        )
        check_both_at_once(world)
        world.add_connector("other", elsewhere)
        world.enroll("other", connector="other", changes={"secrets": [secret]})
        world.give_documented_policy("other")
        world.start_connector("other")
        before = len(world.proxy.calls)
        exact = elsewhere.arn("rds-db", "dbuser:db-OTHER/app_read")
        grant = world.active(flow="other-iam")["id"]
        check(elsewhere.can(arn, "rds-db:connect", exact), "jane may not connect elsewhere")
        world.check_nothing_is_left("in the first account")
        putters = {
            call.key_id for call in world.proxy.calls[before:] if call.action == "PutUserPolicy"
        }
        check_equal(
            putters, {world.connectors["other"][1]["AccessKeyId"]}, "who put the policy elsewhere"
        )
        world.cli("engineer", "revoke", grant)
        world.await_state(grant, "ended")
        check(not elsewhere.can(arn, "rds-db:connect", exact), "jane may connect after the end")


def check_both_at_once(world):
    """A grant of each kind, live at the same time, by one connector."""
    on_aws = world.request(flow="orders-iam")
    on_shop = world.request(flow="shop-read")
    for grant in (on_aws, on_shop):
        world.cli("dba", "approve", grant)
    for grant in (on_aws, on_shop):
        world.await_state(grant, "active")
    check_equal(world.log_in(), "app_read", "login to RDS")
    read = world.connect(on_shop, "SELECT count(*) > 0 FROM schema_app.customers_table")
    check_equal(read.out.strip(), "t", "reading from the shop")
    check_equal(len(world.server.accounts()), 1, "accounts of the shop")
    for grant in (on_aws, on_shop):
        world.cli("engineer", "revoke", grant)
    for grant in (on_aws, on_shop):
        world.await_state(grant, "ended")
    check_equal(world.server.accounts(), [], "accounts of the shop after the end")
    world.check_nothing_is_left("after the end of both")


if __name__ == "__main__":
    main()
