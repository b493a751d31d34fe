"""A Daypass that is robbed: its store copied, its place taken by a control plane of the thief's."""

import contextlib
import json
import os
import sqlite3
import ssl

from colleague import Colleague
from fake_plane import FakePlane, Forge, answer
from world import CA_FILE, World, check_equal, read_text, wait_until, write_text

CERT, KEY = os.environ["DAYPASS_TEST_CERT_FILE"], os.environ["DAYPASS_TEST_KEY_FILE"]
CEILING = {
    "databases": ["shop"],
    "schemas": ["schema_app"],
    "privileges": ["SELECT"],
    "roles": ["reporting"],
    "custodians": ["daypass_custodian"],
    "account_prefixes": ["temp_"],
    "max_duration": "2h",
}


class SecureWorld(World):
    """A World in which everybody speaks TLS to daypassd, and the connector has a whole ceiling."""

    def __init__(self):
        super().__init__()
        self.before = dict(os.environ)
        os.environ.update({"DAYPASS_CA_FILE": CA_FILE, "CURL_CA_BUNDLE": CA_FILE})

    def __exit__(self, *what):
        try:
            super().__exit__(*what)
        finally:
            os.environ.clear()
            os.environ.update(self.before)

    def start_daypassd(self, extra=""):
        tls = json.dumps({"certificate_file": CERT, "key_file": KEY})
        return super().start_daypassd(f"tls: {tls}\n{extra}")

    def connector_config(self, name, url=None, changes=None):
        path = super().connector_config(name, url, {"ceiling": CEILING, **(changes or {})})
        config = {**json.loads(read_text(path)), "ca_file": CA_FILE}
        # The same server by another name: a second target, with a secret of its own.
        second = {**config["secrets"][0], "name": "second-admin"}
        second["target"] = {**second["target"], "host": "127.0.0.1"}
        config["secrets"].append(second)
        write_text(path, json.dumps(config))
        return path

    def begin(self):
        super().begin()
        self.apply(flows=[self.flow(name="shop-auto", approval=[{"auto": True}], duration={"max": "2h"})])
        self.engineer = Colleague(self, "engineer")


def port_of(world):
    return int(world.url.rsplit(":", 1)[1])


def real_tls():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERT, KEY)
    return context


@contextlib.contextmanager
def taken_over(world, signer=None, tls=None):
    """daypassd is dead, and a thief answers at its address; `tls`: False for none, None for that of
    daypassd. Gives plane and forge."""
    world.daypassd.kill()
    identity = json.loads(read_text(world.path("connector", "identity.json")))
    identity = {name: identity[name] for name in ("instance", "connector", "deployment")}
    with FakePlane(signer, port_of(world), real_tls() if tls is None else tls or None) as plane:
        plane.signer = signer or plane.signer
        yield plane, Forge(world, plane, identity)


def nothing(_message):
    return answer({"actions": []})


def play_refused(world, plane, what, code, *makers):
    """The connector lives, and logs why it did not do what it was handed."""
    before = len(read_text(world.connector.log))
    plane.play(*makers, nothing)
    wait_until(
        f"{what}: {code} is logged",
        lambda: f"event=action.refused code={code}" in read_text(world.connector.log)[before:],
    )
    check_equal(plane.reports, [], f"{what}: nothing was begun")


def copied_store(world, name):
    """A state folder with a copy of the store in it, and nothing else. Gives its path."""
    folder = world.path(name)
    os.makedirs(folder, 0o700)
    source = sqlite3.connect(world.path("daypassd", "daypass.db"))
    with contextlib.closing(sqlite3.connect(os.path.join(folder, "daypass.db"))) as copy:
        source.backup(copy)
    source.close()
    os.chmod(os.path.join(folder, "daypass.db"), 0o600)
    return folder
