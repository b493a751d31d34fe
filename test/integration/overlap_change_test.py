"""What happens to requests and grants when what they stand on is changed or taken away meanwhile: the
flow, the integration, the connector, the people. docs/overlap.md has the outcomes."""

import os

from colleague import Colleague, is_refused, reads
from signer import Instance
from world import CONNECTOR, World, check, check_equal, main, read_text, test, wait_until, write_text


class Stages:
    """One grant of each stage at which a change can meet it. The connector is stopped."""

    def __init__(self, world):
        self.world = world
        self.engineer = Colleague(world, "engineer")
        self.dba = Colleague(world, "dba")
        self.admin = Colleague(world, "admin")
        self.active = self.make_active()
        self.asking = self.make_active()
        self.given = self.make_active()
        self.pending = self.engineer.request("shop-read")
        for view in (self.asking, self.given):
            self.engineer.must("extend", view["id"], duration="1h", reason="more")
        world.connector.stop()
        self.dba.must("approve", self.given["id"])
        self.approved = self.engineer.request("shop-read")
        self.dba.must("approve", self.approved)
        self.password = self.engineer.password(self.active["id"])
        self.session = self.engineer.session(self.active, self.password)

    def make_active(self):
        grant = self.engineer.request("shop-read")
        self.dba.must("approve", grant)
        return self.engineer.await_state(grant, "active")

    def refused(self, code, who, what, grant, **body):
        status, answer = who.do(what, grant, **body)
        check((status, answer.get("code")) in ((409, code), (403, code)), f"{what}: {status} {answer}")

    def check_undecided(self, code):
        """What was not decided cannot be approved any more; it can be withdrawn, or denied."""
        self.refused(code, self.dba, "approve", self.pending)
        check_equal(self.admin.view(self.pending)["state"], "pending", "the request")
        self.refused(code, self.dba, "approve", self.asking["id"])
        view = self.admin.view(self.asking["id"])
        check_equal((view["state"], view["extension_state"]), ("active", "pending"), "what was asked")

    def check_decided(self):
        """What was decided goes on, by what it was decided for."""
        self.world.connector.start()
        view = self.admin.await_state(self.approved, "active")
        check_equal(view["target"], self.active["target"], "the target of what was approved")
        wait_until(
            "the time that was decided is given",
            lambda: self.admin.view(self.given["id"])["expires_at"] > self.given["expires_at"],
        )
        check(reads(self.session), "the session goes on")
        check(not is_refused(self.world.server.port, self.active["account"], self.password), "login")

    def end_all(self):
        self.session.close()
        grants = [self.active["id"], self.asking["id"], self.given["id"], self.approved]
        for grant in grants:
            check_equal(self.admin.must("revoke", grant)["state"], "revoking", "its end")
        for grant in grants:
            self.admin.await_state(grant, "ended")
        check_equal(self.world.server.accounts(), [], "accounts")


def start_eu(world):
    """Another connector, which has a secret for the same server."""
    config = world.enroll("eu", "eu")
    eu = world.run("eu", [CONNECTOR, "run", "--config", config])
    wait_until("eu runs", lambda: eu.has_logged("connector.started"))
    return eu


def usual(world):
    """Everything as it was declared at the beginning."""
    world.apply(
        "--prune",
        principals=[{"name": "engineer@example.com"}, {"name": "dba@example.com"}],
        groups=[
            {"name": "backend", "members": ["engineer@example.com"]},
            {"name": "dba", "members": ["dba@example.com"]},
        ],
        integrations=[world.integration()],
        flows=[world.flow()],
    )


def delete_flow(world):
    world.apply("--prune", flows=[world.flow(name="another")])


def change_flow(world):
    grants = [{"schema": "schema_app", "tables": ["customers_table"], "privileges": ["SELECT"]}]
    world.apply(flows=[world.flow(grants=grants)])


def delete_integration(world):
    elsewhere = world.integration(name="elsewhere", host="127.0.0.2")
    result = world.apply("--prune", integrations=[elsewhere], expect=None)
    check(result.code != 0 and "names it" in result.err, f"while a flow names it: {result.err}")
    world.apply(
        "--prune", integrations=[elsewhere], flows=[world.flow(name="last", integration="elsewhere")]
    )


def move_integration(world):
    world.apply(integrations=[world.integration(connector="eu")])


def take_from_group(world):
    world.apply(groups=[{"name": "backend", "members": []}])


CHANGES = (delete_flow, change_flow, delete_integration, move_integration, take_from_group)


@test
def what_is_decided_goes_on_and_what_is_not_stops_whatever_is_changed():
    with World().set_up() as world:
        start_eu(world)
        for change in CHANGES:
            stages = Stages(world)
            change(world)
            stages.check_undecided("flow_changed")
            stages.refused(
                "flow_changed", stages.engineer, "extend", stages.active["id"], duration="1h", reason="more"
            )
            stages.engineer.must("cancel", stages.pending)
            view = stages.dba.must("deny", stages.asking["id"])
            check_equal((view["state"], view.get("extension")), ("active", None), "after the denial")
            stages.check_decided()
            status, _, key = stages.engineer.reset(stages.active["id"])
            check_equal(status, 200, f"{change.__name__}: a new password")
            wait_until("it is there", lambda: has_credential_for(stages, key))
            stages.end_all()
            usual(world)
        check("kind=grant" not in read_text(world.path("eu.log")), "the other connector made nothing")
        check("kind=revoke" not in read_text(world.path("eu.log")), "and took nothing back")
        world.cli("admin", "audit", "verify")


def has_credential_for(stages, key):
    status, document = stages.engineer.call("GET", f"/v1/grants/{stages.active['id']}/credentials")
    return status == 200 and key.open(document["sealed"])


@test
def a_requester_who_is_disabled_is_out_and_what_they_have_ends_by_others_or_in_time():
    with World().set_up() as world:
        stages = Stages(world)
        world.cli("admin", "principal", "disable", "engineer@example.com")
        check_equal(stages.engineer.do("cancel", stages.pending)[0], 401, "the session")
        stages.check_undecided("flow_changed")
        stages.dba.must("deny", stages.pending)
        stages.dba.must("deny", stages.asking["id"])
        stages.check_decided()
        stages.end_all()


@test
def an_approver_who_leaves_decides_no_more_and_what_they_decided_stands():
    with World().set_up() as world:
        world.add_person("second")
        both = {"name": "dba", "members": ["dba@example.com", "second@example.com"]}
        two = [{"any_of": {"groups": ["dba"]}, "count": 2}]
        world.apply(groups=[both], flows=[world.flow(), world.flow(name="two", approval=two)])
        second = Colleague(world, "second")
        half = Colleague(world, "engineer").request("two")
        second.must("approve", half)
        for leave in (
            lambda: world.apply(groups=[{**both, "members": ["second@example.com"]}]),
            lambda: world.cli("admin", "principal", "disable", "dba@example.com"),
        ):
            stages = Stages(world)
            leave()
            status, answer = stages.dba.do("approve", stages.pending)
            check(
                (status, answer["code"]) in ((403, "not_an_approver"), (404, "unknown_grant"), (401, "bad_token")),
                f"{status} {answer}",
            )
            second.must("approve", stages.asking["id"])
            stages.check_decided()
            second.must("deny", stages.pending)
            stages.end_all()
            world.apply(groups=[both])
        # The half that was approved waits for somebody else: who has left does not count any more.
        world.add_person("third")
        world.apply(groups=[{"name": "dba", "members": ["third@example.com"]}])
        third = Colleague(world, "third")
        check_equal(third.must("approve", half)["state"], "pending", "one of two who may decide")


# ---- Connectors ----------------------------------------------------------------------------------


@test
def the_old_connector_ends_what_it_gave_and_a_new_instance_does_when_its_host_is_gone():
    with World().set_up() as world:
        eu = start_eu(world)
        engineer, admin = Colleague(world, "engineer"), Colleague(world, "admin")
        world.apply(flows=[world.flow(approval=[{"auto": True}])])
        live = engineer.active("shop-read", "8s")
        password = engineer.password(live["id"])
        world.connector.kill()
        move_integration(world)
        instance = Instance(world.path("connector")).id
        world.cli("admin", "connector", "remove-instance", "main", instance)
        # The new one serves the integration, is told to look at it, and touches nothing of the old.
        wait_until("eu has looked at it", lambda: health(world) == "ok")
        new = engineer.active("shop-read")
        admin.await_state(live["id"], "revoking")
        wait_until("the server itself refuses", lambda: is_refused(world.server.port, live["account"], password))
        check(live["account"] in world.server.accounts(), "nobody else touches the account")
        refused = world.refuse("admin", "in_use", "connector", "remove", "main")
        check(live["id"] in refused.err + refused.out, "which grant needs it")
        # Another host, the same name: what waits is done.
        world.start_connector("heir")
        view = admin.await_state(live["id"], "ended")
        check_equal(view["cause"], "expired", "the end")
        check_equal(world.server.accounts(), [new["account"]], "the new one's account stays")
        world.cli("admin", "connector", "remove", "main")
        admin.must("revoke", new["id"])
        admin.await_state(new["id"], "ended")
        check(live["id"] not in read_text(eu.log), "eu never had to do with it")


def health(world):
    return world.cli("admin", "integrations", "shop-prod", "--json").json["health"]


@test
def a_connector_is_removed_when_nothing_needs_it_and_is_out_then():
    with World().set_up() as world:
        engineer, admin = Colleague(world, "engineer"), Colleague(world, "admin")
        pending = engineer.request("shop-read")
        world.refuse("admin", "in_use", "connector", "remove", "main")
        start_eu(world)
        move_integration(world)
        world.cli("admin", "connector", "remove", "main")
        instance = Instance(world.path("connector"))
        status, _ = instance.call(world.url, "/v1/connector/poll", {"capacity": 0, "wait_s": 0})
        check_equal(status, 401, "its signature")
        wait_until("it is told", lambda: world.connector.has_logged("unknown_instance"))
        check(world.connector.is_running(), "it goes on asking")
        status, answer = Colleague(world, "dba").do("approve", pending)
        check_equal((status, answer["code"]), (409, "flow_changed"), "what was asked for before")
        engineer.must("cancel", pending)
        world.apply(flows=[world.flow(approval=[{"auto": True}])])
        grant = engineer.active("shop-read")["id"]
        admin.must("revoke", grant)
        admin.await_state(grant, "ended")


@test
def what_is_changed_while_it_is_given_changes_nothing_about_it():
    with World().set_up() as world:
        start_eu(world)
        world.connector.stop()
        os.makedirs(world.path("faults"))
        held = world.run(
            "held", [CONNECTOR, "run", "--config", world.path("connector.yaml")],
            env={"DAYPASS_FAULTS": world.path("faults")},
        )  # fmt: skip
        engineer, dba, admin = (Colleague(world, who) for who in ("engineer", "dba", "admin"))
        for change in CHANGES:
            hit = world.path("faults", "grant.before_commit.hit")
            if os.path.exists(hit):
                os.unlink(hit)
            write_text(world.path("faults", "grant.before_commit"), "stop")
            grant = engineer.request("shop-read")
            dba.must("approve", grant)
            wait_until("it is held", lambda hit=hit: os.path.exists(hit))
            change(world)
            held.resume()
            view = admin.await_state(grant, "active")
            check("orders_table" in str(view["access"]), f"{change.__name__}: what it gives: {view}")
            admin.must("revoke", grant)
            admin.await_state(grant, "ended")
            check_equal(world.server.accounts(), [], f"{change.__name__}: accounts")
            usual(world)
        held.stop()


if __name__ == "__main__":
    main()
