"""What a thief of the control plane gets, part by part: what docs/security.md says, and no more. What
others get is in theft_wire_test.py; docs/security.md names the test of each sentence."""

import base64
import contextlib
import ctypes
import glob
import json
import os
import socket
import sqlite3
import ssl
import subprocess
import threading

from colleague import connection_to, is_refused, reads
from fake_plane import answer, time_text
from fire.libpq import Session
from fire.people import SealKey
from heist import SecureWorld, copied_store, play_refused, taken_over
from signer import SODIUM, Instance, Signer, base64_text
from world import CA_FILE, check, check_equal, main, read_text, test, wait_until, write_text

POLL = "/v1/connector/poll"


# ---- The store -----------------------------------------------------------------------------------


@test
def a_copy_of_the_store_moves_no_connector_even_from_the_right_address():
    with SecureWorld().set_up() as world:
        view = world.engineer.active()
        password = world.engineer.password(view["id"])
        thief_folder = copied_store(world, "thief")
        with contextlib.closing(sqlite3.connect(os.path.join(thief_folder, "daypass.db"))) as copy:
            copy.execute("DELETE FROM passwords")  # then it offers to make an administrator
            copy.commit()
        world.daypassd.kill()
        config = read_text(world.path("daypassd.yaml")).replace(world.path("daypassd"), thief_folder)
        write_text(world.path("thief.yaml"), config)
        thief = world.run("thief", [world.daypassd.command[0], "--config", world.path("thief.yaml")])
        wait_until("it answers", lambda: world.curl("GET", "/readyz")[0] == 200)
        world.sign_in("thief", "thief@example.com", read_text(os.path.join(thief_folder, "bootstrap-token")).strip())
        write_text(world.path("theft.yaml"), json.dumps({
            "flows": [world.flow(approval=[{"auto": True}], requesters={"principals": ["thief@example.com"]})]
        }))  # fmt: skip
        world.cli("thief", "apply", "-f", world.path("theft.yaml"))
        grant = world.request("thief")
        world.cli("thief", "revoke", view["id"])
        # The connector brings it its requests, and takes nothing from it.
        wait_until(
            "both actions are refused",
            lambda: read_text(world.connector.log).count("event=action.refused code=bad_signature") >= 2,
        )
        check_equal(world.cli("thief", "show", grant, "--json").json["state"], "granting", "what it asked for")
        check_equal(world.server.accounts(), [view["account"]], "accounts")
        with world.engineer.session(view, password) as session:
            check(reads(session), "the live account works as before")
        thief.stop()
        world.restart_daypassd()
        world.engineer.must("revoke", view["id"])
        world.engineer.await_state(view["id"], "ended", seconds=120)
        status, _ = world.curl("GET", "/v1/whoami", token=world.token_of("thief"))
        check_equal(status, 401, "a session that the thief made in the copy")


@test
def no_key_of_the_control_plane_opens_a_credential():
    with SecureWorld().set_up() as world:
        view = world.engineer.active()
        folder = copied_store(world, "thief")
        with contextlib.closing(sqlite3.connect(os.path.join(folder, "daypass.db"))) as copy:
            (document,) = copy.execute("SELECT document FROM grants WHERE id = ?", (view["id"],)).fetchone()
        sealed = json.loads(document)["sealed"]
        keys = glob.glob(world.path("daypassd", "*.key"))
        check(len(keys) >= 2, f"keys of daypassd: {keys}")
        for path in keys:
            for key in x25519_keys(Signer(path).seed):
                check(key.open(sealed) is None, f"{path} opens the credential")
        check(world.engineer.keys[view["id"]].open(sealed)["user"] == view["account"], "its own key does")


def x25519_keys(seed):
    """The key pairs that 32 bytes may be: as they are, and as the seed of an Ed25519 key."""
    signing = SealKey()
    public, expanded = ctypes.create_string_buffer(32), ctypes.create_string_buffer(64)
    SODIUM.crypto_sign_seed_keypair(public, expanded, seed)
    SODIUM.crypto_sign_ed25519_sk_to_curve25519(signing.secret, expanded)
    plain = SealKey()
    plain.secret.raw = seed
    for key in (signing, plain):
        SODIUM.crypto_scalarmult_base(key.public, key.secret)
    return signing, plain


# ---- Its place -----------------------------------------------------------------------------------


@test
def keys_without_the_certificate_are_not_listened_to():
    with SecureWorld().set_up() as world:
        folder = world.path("thief")
        os.makedirs(folder)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
             "-keyout", f"{folder}/key", "-out", f"{folder}/cert"],
            check=True, capture_output=True,
        )  # fmt: skip
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(f"{folder}/cert", f"{folder}/key")
        action_key = Signer(world.path("daypassd", "action.key"))
        before = len(read_text(world.connector.log))
        with taken_over(world, action_key, tls) as (plane, forge):
            plane.script.append(forge.hand_out(forge.action()))
            wait_until(
                "the connector does not trust it",
                lambda: "code=tls_not_trusted" in read_text(world.connector.log)[before:],
            )
            refused = world.refuse("engineer", "tls_not_trusted", "whoami")
            check(refused.code != 0, "nor do people")
        check_equal(plane.heard, [], "not a byte of a request was sent")
        check_equal(world.server.accounts(), [], "accounts")


def https_call(world, instance, message):
    """The signed actions that a poll as this instance gives."""
    body = json.dumps(message).encode()
    connection = connection_to(world.url)
    connection.request("POST", POLL, body, instance.headers(POLL, body))
    response = connection.getresponse()
    text = response.read()
    connection.close()
    check_equal(response.status, 200, text)
    return json.loads(text)["actions"]


@test
def the_process_without_the_action_key_gets_nothing_done():
    with SecureWorld().set_up() as world:
        live = world.engineer.active()
        world.connector.stop()
        # What it handed out before: a grant and a revocation, signed by the real key.
        world.engineer.request()
        ending = world.engineer.must("revoke", live["id"])
        check_equal(ending["state"], "revoking", "the live one")
        instance = Instance(world.path("connector"))
        recorded = https_call(world, instance, {"capacity": 10, "wait_s": 0, "nonce": "poll_of_before"})
        kinds = sorted(json.loads(action["payload"])["kind"] for action in recorded)
        check_equal(kinds, ["grant", "revoke"], "what was recorded")
        with taken_over(world) as (plane, forge):
            world.connector.start()
            for action in recorded:
                play_refused(world, plane, "a recorded action", "replayed",
                             lambda _, action=action: answer({"actions": [action]}))  # fmt: skip
                play_refused(world, plane, "one for this poll", "bad_signature",
                             lambda message, action=action: answer({"actions": [readdressed(action, message)]}))  # fmt: skip
            for kind in ("grant", "revoke", "extend", "reset", "discover", "check"):
                plan = {"account": live["account"]}
                made = forge.action(kind, plan=plan, grant_id=live["id"])
                play_refused(world, plane, kind, "bad_signature", forge.hand_out(made))
            check_equal(world.server.accounts(), [live["account"]], "accounts")
            check_secret_unheard(world, plane)


def readdressed(action, message):
    payload = {**json.loads(action["payload"]), "poll": message["nonce"]}
    return {**action, "payload": json.dumps(payload)}


def check_secret_unheard(world, plane):
    """Nothing that the thief heard has an admin secret in it."""
    secret = read_text(world.admin_password_file).strip().encode()
    check(plane.heard, "the thief heard something")
    for path, body in plane.heard:
        for text in (secret, secret.hex().encode(), base64.b64encode(secret)):
            check(text not in body, f"an admin secret was sent to {path}")


# ---- Its keys ------------------------------------------------------------------------------------


class Decoy:
    """Takes connections, and keeps what comes."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            connection.close()


def above(decoy, target):
    """(what, changes of the plan): each above one field of the ceiling, or beside its secret."""
    item = {"schema": "schema_app", "tables": ["orders_table"], "privileges": ["SELECT"]}
    return [
        ("a privilege", {"access": [{**item, "privileges": ["SELECT", "DELETE"]}]}),
        ("a preset", {"access": [{"schema": "schema_app", "all_tables": True, "preset": "read-write"}]}),
        ("a right on the schema", {"access": [{"schema": "schema_app", "privileges": ["CREATE"]}]}),
        ("a function", {"access": [{"schema": "schema_app", "all_functions": True, "privileges": ["EXECUTE"]}]}),
        ("a schema", {"access": [item, {**item, "schema": "other"}]}),
        ("a schema in capitals", {"access": [{**item, "schema": "SCHEMA_APP"}]}),
        ("a role", {"access": [{"role": "shop_owner"}]}),
        ("a role of the server", {"access": [{"role": "pg_read_all_data"}]}),
        ("a custodian", {"custodian": "shop_owner"}),
        ("a database", {"target": {**target, "database": "postgres"}}),
        ("a name", {"account": "postgres_temp"}),
        ("the admin's name", {"account": "daypass_admin"}),
        ("no TLS", {"target": {**target, "tls": "disable"}}),
        ("TLS unverified", {"target": {**target, "tls": "require"}}),
        ("TLS to any name", {"target": {**target, "tls": "verify-ca"}}),
        ("another port", {"target": {**target, "port": decoy.port}}),
        ("another host", {"target": {**target, "host": "127.0.0.1", "port": decoy.port}}),
        ("another target's secret", {"admin_secret": "second-admin"}),
        ("another secret's target", {"target": {**target, "host": "127.0.0.1"}}),
        ("a socket", {"target": {**target, "host": "/tmp", "tls": "disable"}}),
        ("a list of hosts", {"target": {**target, "host": "localhost,127.0.0.1"}}),
        ("a secret that is not there", {"admin_secret": "root"}),
    ]


# What of these a kind of action does not look at, because it gives nothing of it.
NOT_OF_REVOKE = ("privilege", "preset", "right", "function", "schema", "role", "custodian", "database", "name")
NOT_OF_LOOKING = ("privilege", "preset", "right", "function", "schema", "role", "custodian", "name")


def does_not_apply(kind, what):
    ignored = {"revoke": NOT_OF_REVOKE, "check": NOT_OF_LOOKING, "discover": NOT_OF_LOOKING}.get(kind, ())
    return any(word in what.split() for word in ignored)


@test
def with_the_action_key_too_nothing_goes_above_the_ceiling_of_the_connector():
    decoy = Decoy()
    with SecureWorld().set_up() as world:
        with taken_over(world, Signer(world.path("daypassd", "action.key"))) as (plane, forge):
            grant = forge.action()
            plane.play(forge.hand_out(grant))
            check(plane.await_report(grant["id"])["done"], "below the ceiling")
            account = grant["plan"]["account"]
            before = facts(world, account)
            for kind in ("grant", "extend", "reset", "revoke", "check", "discover"):
                for what, plan in above(decoy, forge.plan("grt_x")["target"]):
                    if does_not_apply(kind, what):
                        continue
                    other = kind == "grant"
                    action = forge.action(
                        kind, plan=plan if other else {"account": account, **plan},
                        **({} if other else {"grant_id": grant["grant_id"]}),
                    )  # fmt: skip
                    check_refused(world, plane, forge, f"{kind}: {what}", action)
                    check_equal(world.server.accounts(), [account], f"{kind}: {what}: accounts")
            for kind in ("remove", "inspect"):
                for what, plan in above(decoy, forge.plan("grt_x")["target"]):
                    if what.split()[-1] in ("secret", "target", "TLS", "unverified", "port", "host", "socket"):
                        action = forge.action(kind, plan={"account": account, **plan}, grant_id=grant["grant_id"])
                        check_refused(world, plane, forge, f"{kind}: {what}", action)
            others = {"account": account, "deployment": "dep_of_others"}
            action = forge.action("remove", plan=others, grant_id=grant["grant_id"])
            check_refused(world, plane, forge, "remove: an account of another installation", action)
            for kind in ("grant", "extend"):
                for seconds in (2 * 3600 + 2, 10 * 365 * 86400):
                    action = forge.action(kind, expires_at=time_text(seconds), grant_id=grant["grant_id"],
                                          plan={"account": account})  # fmt: skip
                    check_refused(world, plane, forge, f"{kind} for {seconds} s", action)
            check_equal(facts(world, account), before, "the account")
            check_custodian(world, plane, forge, grant)
            check_equal(decoy.connections, 0, "connections to where the thief would have the secret sent")
            check_secret_unheard(world, plane)


def check_custodian(world, plane, forge, grant):
    """What an account leaves goes to nobody above the ceiling; and below it the account can go."""
    account, owner = grant["plan"]["account"], "SELECT tableowner FROM pg_tables WHERE tablename = 'kept'"
    world.server.query(f"CREATE TABLE schema_app.kept (); ALTER TABLE schema_app.kept OWNER TO {account}")
    for custodian, done, owned_by in (("shop_owner", False, account), ("daypass_custodian", True, "daypass_custodian")):
        plan = {"account": account, "custodian": custodian}
        action = forge.action("revoke", plan=plan, grant_id=grant["grant_id"])
        plane.play(forge.hand_out(action))
        report = plane.await_report(action["id"])
        check_equal((report["done"], world.server.query(owner)), (done, owned_by), f"to {custodian}: {report}")


def facts(world, account):
    return world.server.query(
        "SELECT concat(rolpassword, rolcanlogin, rolvaliduntil, rolconnlimit, ARRAY(SELECT roleid "
        f"FROM pg_auth_members WHERE member = a.oid)) FROM pg_authid a WHERE rolname = '{account}'"
    )


def check_refused(world, plane, forge, what, action):
    """Either the connector does not take it, or it reports that it was above its ceiling."""
    before = len(read_text(world.connector.log))

    def outcome():
        report = next((item for item in plane.reports if item["action_id"] == action["id"]), None)
        if report:
            return report.get("code") or "done"
        refused = "event=action.refused code=" in read_text(world.connector.log)[before:]
        return refused and "not taken"

    plane.play(forge.hand_out(action))
    found = wait_until(f"{what}: an answer", outcome)
    codes = {"not there": "unknown_secret", "list of hosts": "not taken", "installation": "not_adopted"}
    wanted = next((code for words, code in codes.items() if words in what), "above_ceiling")
    check_equal(found, wanted, what)


@test
def with_the_action_key_it_gets_an_account_below_the_ceiling_and_can_end_others():
    with SecureWorld().set_up() as world:
        live = world.engineer.active()
        old = world.engineer.password(live["id"])
        with taken_over(world, Signer(world.path("daypassd", "action.key"))) as (plane, forge):
            key = SealKey()
            grant = forge.action(seal_to=key.public_text)
            plane.play(forge.hand_out(grant))
            credential = key.open(plane.await_report(grant["id"])["sealed"])
            with Session(credential["user"], credential["password"], world.server.port, "shop", CA_FILE) as session:
                check(reads(session), "what the ceiling allows")
                refused = world.server.psql(
                    "DELETE FROM schema_app.orders_table", user=credential["user"], password=credential["password"]
                )
                check("permission denied" in refused.stderr_text, refused.stderr_text)
            # A new password for an account that somebody else uses, and its end.
            plan = {"account": live["account"]}
            reset = forge.action("reset", grant_id=live["id"], plan=plan, seal_to=key.public_text)
            plane.play(forge.hand_out(reset))
            stolen = key.open(plane.await_report(reset["id"])["sealed"])
            check(is_refused(world.server.port, live["account"], old), "the requester's password")
            Session(live["account"], stolen["password"], world.server.port, "shop", CA_FILE).close()
            revoke = forge.action("revoke", grant_id=live["id"], plan=plan)
            plane.play(forge.hand_out(revoke))
            check(plane.await_report(revoke["id"])["done"], "it can end accounts of Daypass")
            # It reads the names of what there is, where the ceiling lets it.
            discover = forge.action("discover", plan={"account": None})
            plane.play(forge.hand_out(discover))
            check("customers_table" in str(plane.await_report(discover["id"])), "names of tables")
            check_equal(world.server.accounts(), [credential["user"]], "accounts")
            # What people send it meanwhile, it reads.
            world.cli("engineer", "login", world.url, "--principal", "engineer@example.com",
                      "--password-file", world.path("people", "engineer", "password"), expect=None)  # fmt: skip
            typed = read_text(world.path("people", "engineer", "password")).encode()
            check(any(typed in body for _, body in plane.heard), "a password that is typed")
            check_secret_unheard(world, plane)


@test
def a_false_credential_shows_what_it_is_and_is_followed():
    with SecureWorld().set_up() as world:
        grant = world.request(flow="shop-auto")
        view = world.await_state(grant, "active")
        true = world.credential(grant)
        check_equal(true["host"], "localhost", "the true one")
        false = {**true, "host": "elsewhere.test", "tls": "require", "password": "of the thief"}
        box = seal(json.dumps(false).encode(), view["public_key"])
        with contextlib.closing(sqlite3.connect(world.path("daypassd", "daypass.db"))) as store:
            (document,) = store.execute("SELECT document FROM grants WHERE id = ?", (grant,)).fetchone()
            store.execute("UPDATE grants SET document = ? WHERE id = ?",
                          (json.dumps({**json.loads(document), "sealed": box}), grant))  # fmt: skip
            store.commit()
        shown = world.cli("engineer", "credentials", grant).out
        check("elsewhere.test" in shown and "require" in shown, f"what the person sees: {shown}")
        result = world.cli("engineer", "connect", grant, "--", "-c", "SELECT 1", expect=None)
        check(result.code != 0 and "elsewhere.test" in result.err + result.out, f"{result.err}")
        world.engineer.must("revoke", grant)
        world.await_state(grant, "ended")


def seal(content, public_text):
    public = ctypes.create_string_buffer(base64.b64decode(public_text), 32)
    box = ctypes.create_string_buffer(len(content) + 48)
    SODIUM.crypto_box_seal(box, content, ctypes.c_ulonglong(len(content)), public)
    return base64_text(box.raw)


if __name__ == "__main__":
    main()
