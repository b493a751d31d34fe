"""Programs that die while AWS is being changed: what is on AWS is what the record says."""

from aws_world import AwsWorld
from checks import check_equal, wait_until
from world import main, test


def kill_at(world, action, program, done):
    """A rule that kills the program just before or just after AWS has done this."""

    def happen(proxy, call):
        if done:
            proxy.pass_on(call)
        program.kill()

    return world.proxy.rule(action, happen)


MOMENTS = (
    ("PutUserPolicy", "connector", False),
    ("PutUserPolicy", "connector", True),
    ("PutUserPolicy", "daypassd", True),
    ("DeleteUserPolicy", "connector", False),
    ("DeleteUserPolicy", "connector", True),
    ("DeleteUserPolicy", "daypassd", True),
)


@test
def programs_killed_at_any_moment_leave_what_the_record_says():
    with AwsWorld().set_up() as world:
        for action, name, done in MOMENTS:
            program = getattr(world, name)
            rule = kill_at(world, action, program, done)
            grant = world.request(flow="orders-iam")
            world.cli("dba", "approve", grant)
            if action == "DeleteUserPolicy":
                world.await_state(grant, "active")
                check_equal(world.log_in(), "app_read", f"login before {name} dies")
                world.cli("engineer", "revoke", grant)
            rule.await_use()
            wait_until(f"{name} is dead", lambda: not program.is_running())
            if name == "daypassd":
                world.restart_daypassd()
            else:
                program.start()
            if action == "PutUserPolicy":
                world.await_state(grant, "active")
                check_equal(len(world.policies()), 1, f"policies after {name} died")
                check_equal(world.log_in(), "app_read", f"login after {name} died")
                world.cli("engineer", "revoke", grant)
            world.await_state(grant, "ended")
            world.check_nothing_is_left(f"after {name} died around {action} ({done})")


if __name__ == "__main__":
    main()
