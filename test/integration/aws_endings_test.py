"""Sessions on a database that end with access through AWS, by the database's own integration.

The shop stands for the database that RDS serves: IAM lets people in, and its admin ends them.
"""

import json

from aws_world import AwsWorld
from checks import check, check_equal, read_text, wait_until, write_text
from world import main, test

USERS = ("app_read", "app_write")
PASSWORD = "of users that stay, for tests alone"


class EndingsWorld(AwsWorld):
    """`may_end`: users whose sessions the connector's file lets end; the users are those of the shop
    who stay."""

    def __init__(self, may_end=("app_read",)):
        super().__init__(shop=True)
        self.may_end = may_end
        self.open = []

    def connector_config(self, name, url=None, changes=None):
        path = super().connector_config(name, url, changes)
        config = json.loads(read_text(path))
        if self.may_end:
            config["secrets"][0]["ceiling"] = {"end_sessions_of": list(self.may_end)}
        write_text(path, json.dumps(config))
        return path

    def begin(self):
        super().begin()
        for user in USERS:
            self.server.query(
                f"DROP ROLE IF EXISTS {user}; CREATE ROLE {user} LOGIN PASSWORD '{PASSWORD}'"
            )
        self.apply(flows=[self.rds_flow(end_sessions="shop-prod")])

    def session(self, user):
        before = self.server.sessions(user)
        self.open.append(
            self.server.psql("SELECT pg_sleep(300)", user=user, password=PASSWORD, wait=False)
        )
        wait_until(f"a session of {user}", lambda: self.server.sessions(user) == before + 1)
        return self.open[-1]

    def __exit__(self, kind, value, trace):
        for session in self.open:
            session.kill()
            session.wait()
        for user in USERS:
            self.server.psql(f"DROP ROLE IF EXISTS {user}", "postgres")
        super().__exit__(kind, value, trace)


def check_ended(world, grant, sessions, neighbour):
    view = world.await_state(grant, "ended")
    for session in sessions:
        check(session.wait(timeout=30) != 0, "a session of app_read was ended")
    check_equal(world.server.sessions("app_read"), 0, "sessions of app_read")
    check_equal(world.server.sessions("app_write"), 1, "sessions of another user")
    check(neighbour.poll() is None, "the session of another user goes on")
    outcome = [item for item in view["evidence"] if item["kind"] == "revoke"][-1]["outcome"]
    check_equal(outcome["sessions_ended"], len(sessions), "sessions ended")
    check("could not be ended" not in str(outcome), f"warnings: {outcome}")
    return view


@test
def sessions_of_exactly_its_users_end_with_the_grant():
    with EndingsWorld().set_up() as world:
        grant = world.active(flow="orders-iam")["id"]
        neighbour = world.session("app_write")
        sessions = [world.session("app_read"), world.session("app_read")]
        world.cli("engineer", "revoke", grant)
        check_ended(world, grant, sessions, neighbour)
        world.check_nothing_is_left("after the end")


@test
def what_a_sweep_took_has_its_sessions_ended_when_the_control_plane_is_back():
    with EndingsWorld().set_up() as world:
        grant = world.active(flow="orders-iam", duration="10s")["id"]
        neighbour = world.session("app_write")
        session = world.session("app_read")
        world.daypassd.kill()
        world.await_no_policy()
        check_equal(world.server.sessions("app_read"), 1, "a sweep has no plan")
        world.restart_daypassd()
        check_equal(check_ended(world, grant, [session], neighbour)["cause"], "expired", "cause")


@test
def what_the_file_does_not_name_is_refused_before_anything_is_given():
    with EndingsWorld(may_end=()).set_up() as world:
        grant = world.request(flow="orders-iam")
        world.cli("dba", "approve", grant)
        view = world.await_state(grant, "failed")
        check("above_ceiling" in str(view) and "end_sessions_of" in str(view), str(view))
        check_equal(world.policies(), [], "policies")


if __name__ == "__main__":
    main()
