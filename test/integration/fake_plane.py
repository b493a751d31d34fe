"""A control plane that is none: it answers polls by a script, with whatever a test has it sign, and
keeps what it is told."""

import json
import os
import secrets
import socket
import threading
from datetime import datetime, timedelta, timezone

from signer import Signer, base64_text, sign_action
from world import check, check_equal, read_text, wait_until, write_text

IDENTITY = {"instance": "con_of_this_test", "connector": "main", "deployment": "dep_of_this_test"}


def answer(body, status="200 OK", headers=""):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{headers}"
    return f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data


class FakePlane:
    """Answers each poll with the next line of its script, and keeps what is reported. `tls`: an
    ssl.SSLContext; `port`: that of a daypassd whose place it takes."""

    def __init__(self, signer=None, port=0, tls=None):
        self.signer = signer or Signer()
        self.tls = tls
        self.heard = []  # (path, bytes) of every request
        self.script = [lambda _: answer({"actions": []})]
        self.reports = []
        self.sweeps = []
        self.polls = 0
        self.lock = threading.Condition()
        self.listener = socket.create_server(("127.0.0.1", port))
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self.listener.getsockname()[1]}"
        self.closing = False
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with self.lock:
            self.closing = True
            self.lock.notify_all()
        self.listener.close()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as stream:
                while line := stream.readline():
                    path = line.split()[1].decode()
                    length = 0
                    while (header := stream.readline().strip()):
                        name, _, value = header.partition(b":")
                        if name.lower() == b"content-length":
                            length = int(value)
                    body = stream.read(length)
                    self.heard.append((path, body))
                    reply = self.reply(path, json.loads(body or b"{}"))
                    connection.sendall(reply)
                    if self.closing or b"Content-Length" not in reply or reply.endswith(b"..."):
                        return  # closed in the middle
        except OSError:
            pass

    def reply(self, path, message):
        with self.lock:
            if path.endswith("/report"):
                self.reports.append(message)
                self.lock.notify_all()
                return b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"
            if path.endswith("/accounts"):
                self.sweeps.append(message)
                return b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"
            if not path.endswith(("/poll", "/enroll")):
                return answer({}, "404 Not Found")
            self.polls += 1
            self.lock.notify_all()
            if not self.script:
                self.lock.wait_for(lambda: self.script or self.closing, timeout=20)
            if not self.script:
                return answer({"actions": []})
            return self.script.pop(0)(message)

    def play(self, *makers):
        """Has each answer one poll, and waits until the connector came back after the last."""
        with self.lock:
            after = self.polls + len(makers)
            self.script += makers
            self.lock.notify_all()
            done = self.lock.wait_for(
                lambda: not self.script and self.polls > after - 1, timeout=60
            )
        check(done, f"the connector came back, {len(self.script)} answers early")

    def await_report(self, action_id):
        def find():
            return next((item for item in self.reports if item["action_id"] == action_id), None)

        with self.lock:
            self.lock.wait_for(find, timeout=60)
            check(find(), f"a report on {action_id}")
            return find()


def time_text(seconds):
    at = datetime.now(timezone.utc) + timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


class Forge:
    """Makes actions, good ones unless told otherwise. `identity`: of the connector they are for."""

    def __init__(self, world, plane, identity=None):
        self.world = world
        self.plane = plane
        self.identity = identity or IDENTITY

    def plan(self, grant_id, changes=None):
        target = {
            "kind": "postgresql", "host": "localhost", "port": self.world.server.port,
            "database": "shop", "tls": "verify-full",
        }  # fmt: skip
        access = [{"schema": "schema_app", "tables": ["orders_table"], "privileges": ["SELECT"]}]
        plan = {
            "deployment": self.identity["deployment"], "connector": self.identity["connector"],
            "integration": "shop-prod", "target": target, "admin_secret": "shop-prod-admin",
            "account": "temp_forged_" + grant_id[-6:], "privilege_mode": "shared-role",
            "connection_limit": 5, "duration": "1h", "access": access,
            "grant_id": grant_id, **(changes or {}),
        }  # fmt: skip
        return {key: value for key, value in plan.items() if value is not None}

    def action(self, kind="grant", plan=None, **changes):
        """The action without its poll. A value of None removes its key."""
        grant_id = changes.pop("grant_id", "grt_" + secrets.token_hex(8))
        whole = {
            **self.identity, "id": "act_" + secrets.token_hex(8), "kind": kind, "attempt": 1,
            "grant_id": grant_id, "integration": "shop-prod", "issued_at": time_text(0),
            "deadline_at": time_text(60), "expires_at": time_text(3600), "held_ms": 0,
            "seal_to": base64_text(b"\x09" + bytes(31)), "plan": self.plan(grant_id, plan),
            **changes,
        }  # fmt: skip
        return {key: value for key, value in whole.items() if value is not None}

    def hand_out(self, action, signer=None, poll=None, change=None):
        """A line of the script that hands out this action."""

        def make(message):
            whole = {**action, "poll": poll or message.get("nonce", "")}
            signed = sign_action(signer or self.plane.signer, whole)
            return answer({"actions": [{**signed, **(change or {})}]})

        return make

    def hand_out_all(self, actions):
        """Likewise with these, where the connector has room for them."""

        def make(message):
            if message["capacity"] < len(actions):
                return answer(b"no room", "500 Internal Server Error")
            nonce = message.get("nonce", "")
            whole = [{**action, "poll": nonce} for action in actions]
            return answer({"actions": [sign_action(self.plane.signer, each) for each in whole]})

        return make


class Scene:
    """A connector that believes in a fake control plane."""

    def __init__(self, world, plane):
        self.world = world
        self.plane = plane
        self.forge = Forge(world, plane)
        ceiling = {"schemas": ["schema_app"], "privileges": ["SELECT"], "max_duration": "2h"}
        world.connector_config("connector", url=plane.url, changes={"ceiling": ceiling})
        os.makedirs(world.path("connector"), 0o700)
        identity = {**IDENTITY, "control_plane": plane.url, "action_key": plane.signer.public_text}
        write_text(world.path("connector", "identity.json"), json.dumps(identity))
        key = Signer()
        write_text(world.path("connector", "instance.key"), base64_text(key.seed) + "\n")
        world.connector = world.start_connector()

    def log(self):
        return read_text(self.world.connector.log)

    def play_logged(self, what, maker, expected):
        """After this answer the connector lives, and logs what was wrong with it."""
        before = len(self.log())
        # Twice: a connection that was used before and is only closed is tried anew unasked.
        self.plane.play(maker, maker, lambda _: answer({"actions": []}))
        check(self.world.connector.is_running(), f"{what}: the connector lives")
        wait_until(f"{what}: {expected} is logged: {self.log()[before:]}",
                   lambda: expected in self.log()[before:], 10)  # fmt: skip

    def check_sound(self):
        for word in ("runtime error", "AddressSanitizer", "LeakSanitizer"):
            check(word not in self.log(), self.log()[-3000:])

    def works_still(self):
        """A proper action is carried out, and taken back."""
        grant = self.forge.action()
        self.plane.play(self.forge.hand_out(grant))
        report = self.plane.await_report(grant["id"])
        check(report["done"], f"a proper grant: {report}")
        check_equal(self.world.server.accounts(), [grant["plan"]["account"]], "accounts")
        revoke = self.forge.action("revoke", grant_id=grant["grant_id"])
        self.plane.play(self.forge.hand_out(revoke))
        check(self.plane.await_report(revoke["id"])["done"], "it was taken back")
        check_equal(self.world.server.accounts(), [], "accounts at the end")
