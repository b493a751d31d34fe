"""Connectors: apart from one another, alone, restarted, and never above their ceiling."""

import os
import subprocess

from world import CONNECTOR, World, check, check_equal, main, read_text, test, wait_until


@test
def access_ends_on_time_while_the_control_plane_is_away():
    with World().set_up() as world:
        view = world.active(duration="10s")
        session = world.server.psql(
            "SELECT pg_sleep(300)",
            user=view["account"],
            password=world.credential(view["id"])["password"],
            wait=False,
        )
        wait_until("a session is open", lambda: world.server.sessions(view["account"]) == 1)
        world.daypassd.kill()
        wait_until("the account is gone", lambda: not world.server.accounts())
        check(session.wait(timeout=30) != 0, "the session was ended")
        world.restart_daypassd()
        ended = world.await_state(view["id"], "ended")
        check_equal(ended["cause"], "expired", "cause")


@test
def a_connector_without_memory_or_control_plane_still_ends_what_is_over():
    with World().set_up() as world:
        view = world.active(duration="8s")
        world.connector.kill()
        world.daypassd.kill()
        expired = f"SELECT rolvaliduntil < now() FROM pg_roles WHERE rolname = '{view['account']}'"
        wait_until("it is past its end", lambda: world.server.query(expired) == "t")
        world.connector.start()
        wait_until("the account is gone", lambda: not world.server.accounts())
        world.restart_daypassd()
        world.await_state(view["id"], "ended")


@test
def the_server_alone_refuses_logins_after_the_end():
    with World().set_up() as world:
        view = world.active(duration="8s")
        credential = world.credential(view["id"])
        world.connector.kill()
        world.daypassd.kill()
        expired = f"SELECT rolvaliduntil < now() FROM pg_roles WHERE rolname = '{view['account']}'"
        wait_until("it is past its end", lambda: world.server.query(expired) == "t")
        refused = world.server.psql("SELECT 1", user=view["account"],
                                    password=credential["password"])  # fmt: skip
        check("authentication failed" in refused.stderr_text, refused.stderr_text)


@test
def a_killed_control_plane_forgets_nothing():
    with World().set_up() as world:
        pending = world.request()
        live = world.active(duration="1h")
        world.daypassd.kill()
        world.restart_daypassd()
        check_equal(world.show(pending)["state"], "pending", "the request")
        world.cli("dba", "approve", pending)
        world.await_state(pending, "active")
        world.cli("engineer", "revoke", live["id"])
        world.await_state(live["id"], "ended")
        world.cli("admin", "audit", "verify")


@test
def a_killed_connector_loses_no_work():
    with World().set_up() as world:
        world.connector.kill()
        grant = world.request()
        world.cli("dba", "approve", grant)
        world.connector.start()
        world.await_state(grant, "active")
        world.connector.kill()
        world.cli("engineer", "revoke", grant)
        check_equal(world.show(grant)["state"], "revoking", "with the connector dead")
        world.connector.start()
        world.await_state(grant, "ended")
        check_equal(world.server.accounts(), [], "accounts")


@test
def what_is_approved_when_an_instance_has_left_goes_to_the_next_at_once():
    with World().set_up() as world:
        for leave in (world.connector.stop, world.connector.kill):
            leave()
            grant = world.request()
            world.cli("dba", "approve", grant)
            world.connector.start()
            # A lease to the one that left would hold it for 60 s.
            world.await_state(grant, "active", seconds=20)


@test
def a_second_connector_never_sees_the_work_of_the_first():
    with World().set_up() as world:
        secret = {"name": "other-admin"}
        world.enroll("second", "eu", changes=secret)
        world.start_connector("second")
        integration = world.integration(
            name="shop-eu", connector="eu", admin_secret="other-admin", account_prefix="eu_"
        )
        world.apply(
            integrations=[integration],
            flows=[world.flow(name="eu-read", integration="shop-eu")],
        )
        ours = world.active()
        theirs = world.active(flow="eu-read")
        check(theirs["account"].startswith("eu_"), "the account of the second")
        first, second = read_text(world.path("connector.log")), read_text(world.path("second.log"))
        check(ours["id"] in first and ours["id"] not in second, "the first's work")
        check(theirs["id"] in second and theirs["id"] not in first, "the second's work")
        for view in (ours, theirs):
            world.cli("engineer", "revoke", view["id"])
            world.await_state(view["id"], "ended")
        names = [entry["name"] for entry in world.cli("admin", "connectors", "--json").json["items"]]
        check_equal(sorted(names), ["eu", "main"], "connectors")


@test
def a_second_one_on_the_same_state_is_refused_and_harms_nothing():
    with World().set_up() as world:
        command = [CONNECTOR, "run", "--config", world.path("connector.yaml")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        check(done.returncode != 0, "a second one runs")
        check("another daypass-connector works with" in done.stderr, done.stderr)
        world.active(duration="1h")
        world.connector.stop()
        world.start_connector("connector")  # which is the only one then


@test
def nothing_above_the_ceiling_is_done_though_it_is_signed():
    with World().set_up() as world:
        world.connector.stop()
        ceiling = {
            "schemas": ["schema_app"], "privileges": ["SELECT"], "max_duration": "2h",
            "custodians": ["daypass_custodian"],
        }  # fmt: skip
        world.enroll("small", changes={"ceiling": ceiling})
        world.start_connector("small")
        grants = [{"schema": "schema_app", "tables": ["orders_table"], "privileges": ["DELETE"]}]
        world.apply(flows=[world.flow(name="delete", grants=grants)])
        grant = world.request(flow="delete")
        world.cli("dba", "approve", grant)
        view = world.await_state(grant, "failed")
        check("DELETE" in str(view["evidence"]), "the reason says what")
        grant = world.request(duration="3h")
        world.cli("dba", "approve", grant)
        world.await_state(grant, "failed")
        check_equal(world.server.accounts(), [], "accounts")
        world.active(duration="1h")


@test
def a_secret_is_sent_to_no_other_host():
    with World().set_up() as world:
        world.apply(integrations=[world.integration(host="127.0.0.1")])
        grant = world.request()
        world.cli("dba", "approve", grant)
        view = world.await_state(grant, "failed")
        check("above_ceiling" in str(view["evidence"]), "the reason")


@test
def a_join_token_works_once():
    with World().set_up() as world:
        token = world.cli("admin", "connector", "create", "main", "--json").json["join_token"]
        codes = []
        for name in ("one", "two"):
            config = world.connector_config(name)
            result = subprocess.run(
                [CONNECTOR, "enroll", "--config", config],
                input=token,
                capture_output=True,
                text=True,
            )
            codes.append(result.returncode)
            check(token not in result.stdout + result.stderr, "the token is not printed")
        check_equal(codes[0], 0, "the first use")
        check(codes[1] != 0, "the second use is refused")


@test
def accounts_that_are_not_ours_are_never_touched():
    with World().set_up() as world:
        world.server.query(
            "CREATE ROLE temp_by_hand LOGIN VALID UNTIL '2020-01-01'; "
            "CREATE ROLE temp_of_another LOGIN VALID UNTIL '2020-01-01'; "
            'COMMENT ON ROLE temp_of_another IS \'daypass {"v":1,"deployment":"dep_other"}\''
        )
        view = world.active(duration="8s")
        world.await_state(view["id"], "ended")
        wait_until("a sweep came by", lambda: world.connector.is_running())
        check_equal(
            sorted(world.server.accounts()), ["temp_by_hand", "temp_of_another"], "accounts"
        )


def run_check(world, name="connector"):
    return subprocess.run(
        [CONNECTOR, "check", "--config", world.path(name + ".yaml")],
        capture_output=True,
        text=True,
    )


@test
def check_says_what_is_missing_and_the_sql_that_repairs_it():
    with World().set_up() as world:
        good = run_check(world)
        check_equal(good.returncode, 0, f"with all rights: {good.stdout}{good.stderr}")
        world.server.query(
            "REVOKE SELECT ON schema_app.orders_table FROM daypass_admin; "
            "REVOKE pg_signal_backend FROM daypass_admin"
        )
        bad = run_check(world)
        check(bad.returncode != 0, "with rights missing")
        repairs = [line.strip() for line in bad.stdout.splitlines() if line.endswith(";")]
        check(len(repairs) >= 2, f"a repair for each: {bad.stdout}")
        for repair in repairs:
            world.server.query(repair)
        check_equal(run_check(world).returncode, 0, "after running the repairs")
        world.cli("admin", "integrations", "check", "shop-prod")
        health = lambda: world.cli("admin", "integrations", "shop-prod", "--json").json["health"]
        wait_until("the control plane shows it well", lambda: health() == "ok")


@test
def check_works_through_what_is_wrong_with_the_route():
    with World().set_up() as world:
        target = {"kind": "postgresql", "host": "localhost", "database": "shop"}
        cases = {
            "no.such.host.invalid": {"target": {**target, "host": "no.such.host.invalid"}},
            "refused": {"target": {**target, "port": 1}},
            "certificate": {"ca_file": os.environ["DAYPASS_TEST_OTHER_CA_FILE"]},
            "login": {"user": "nobody_here"},
        }
        for number, (expected, changes) in enumerate(cases.items()):
            name = f"wrong{number}"
            world.connector_config(name, changes=changes)
            result = run_check(world, name)
            check(result.returncode != 0, f"{expected}: {result.stdout}")
            failed = [line for line in result.stdout.splitlines() if "FAILED" in line]
            check(failed and expected in failed[0], f"{expected}: {result.stdout}")


if __name__ == "__main__":
    main()
