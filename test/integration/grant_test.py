"""The main job: asked, decided, given, used, ended, on record."""

import json

from world import World, check, check_equal, main, test_with, wait_until

EVERYWHERE = [(server, mode) for server in ("pg15", "pg18") for mode in ("shared-role", "direct")]


@test_with(*EVERYWHERE)
def an_approved_grant_gives_what_it_says_and_ends_by_itself(server, mode):
    with World(server, mode).set_up() as world:
        grant = world.request(duration="15s")
        check_equal(world.show(grant)["state"], "pending", "state before a decision")
        check_equal(world.server.accounts(), [], "accounts before a decision")
        world.refuse("engineer", "own_request", "approve", grant)
        world.refuse("admin", "not_an_approver", "approve", grant)
        world.cli("dba", "approve", grant, "--note", "fine")
        view = world.await_state(grant, "active")
        account = view["account"]
        check_equal(world.server.accounts(), [account], "accounts")
        check(account.startswith("temp_engineer_"), f"name of the account: {account}")

        rows = world.connect(grant, "SELECT count(*) FROM schema_app.orders_table").out
        check_equal(rows.strip(), "5", "rows of a granted table")
        refused = world.connect(grant, "SELECT * FROM schema_app.salaries_table", expect=None)
        check("permission denied" in refused.err, f"another table refuses: {refused.err}")
        refused = world.connect(grant, "DELETE FROM schema_app.orders_table", expect=None)
        check("permission denied" in refused.err, f"writing is refused: {refused.err}")

        credential = world.credential(grant)
        session = world.server.psql(
            "SELECT pg_sleep(300)", user=account, password=credential["password"], wait=False
        )
        wait_until("a session is open", lambda: world.server.sessions(account) == 1)
        ended = world.await_state(grant, "ended")
        check_equal(ended["cause"], "expired", "cause")
        check(session.wait(timeout=30) != 0, "the open session was ended")
        check("terminating connection" in session.stderr.read(), "what the session was told")
        check_equal(world.server.accounts(), [], "accounts after the end")
        late = world.server.psql("SELECT 1", user=account, password=credential["password"])
        check("authentication failed" in late.stderr_text, f"a new login: {late.stderr_text}")
        evidence_is_kept(world, grant)
        trail_is_complete(world, grant)


def evidence_is_kept(world, grant):
    evidence = world.show(grant)["evidence"]
    kinds = [(entry["kind"], entry["failure"]) for entry in evidence]
    check_equal(kinds, [("grant", "none"), ("revoke", "none")], "evidence")
    made = " ".join(statement["sql"] for statement in evidence[0]["outcome"]["statements"])
    check("CREATE ROLE" in made, f"the statements that ran: {made}")
    check("SCRAM-SHA-256" not in made, "the verifier is elided")
    ended = evidence[1]["outcome"]
    check_equal(ended["account_present"], False, "the account afterwards")
    check_equal(ended["sessions_ended"], 1, "sessions ended")


def trail_is_complete(world, grant):
    events = [
        event["event"]
        for event in map(
            json.loads,
            world.cli("admin", "audit", "--grant", grant, "--format", "jsonl").out.splitlines(),
        )
    ]
    wanted = ["requested", "approved", "granting", "active", "revoking", "ended"]
    missing = [event for event in wanted if f"grant.{event}" not in events]
    check_equal(missing, [], f"events missing from {events}")
    export = world.path("audit.jsonl")
    with open(export, "w", encoding="utf-8") as file:
        file.write(world.cli("admin", "audit", "--format", "jsonl").out)
    world.cli("admin", "audit", "verify", export)


if __name__ == "__main__":
    main()
