"""A whole Daypass to be measured: the world of the stories, without the limits of one person."""

import json
import os
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))

# pylint: disable=wrong-import-position
from flood import Caller
from world import Server, World, read_text, write_text

PEOPLE = 3  # the load is shared out among them, as the calls of one are limited to 1,000 a second

LIMITS = {
    "calls_per_principal": 60000,
    "changes_per_principal": 60000,
    "calls_per_token": 60000,
    "calls_per_instance": 60000,
    "calls_per_address": 60000,
    "waiting_per_caller": 10000,
    "open_requests_per_principal": 1000000,
    "open_requests_per_flow": 1000000,
    "connections_per_address": 20000,
}


class BenchWorld(World):
    """`lanes`: how many actions the connector carries out at once on its target. Flow "auto" approves
    by itself, "decided" waits for dba. `other`: the name of a second server, a target of its own with
    the flow "other"."""

    def __init__(self, server="pg15", privilege_mode="shared-role", lanes=8, other=None):
        super().__init__(server, privilege_mode)
        self.lanes = lanes
        self.other = Server(other) if other else None

    def start_daypassd(self, extra=""):
        return super().start_daypassd(f"limits: {json.dumps(LIMITS)}\n" + extra)

    def connector_config(self, name, url=None, changes=None):
        path = super().connector_config(name, url, changes)
        config = json.loads(read_text(path))
        if self.other:
            secret = config["secrets"][0]
            config["secrets"].append({
                **secret, "name": "other-admin", "file": self.path("other-password"),
                "target": {**secret["target"], "port": self.other.port},
            })  # fmt: skip
        config.update(
            workers=max(self.lanes, 8), workers_per_target=self.lanes, sweep_every="1h"
        )  # a sweep would take the floor's accounts for its own
        write_text(path, json.dumps(config))
        return path

    def engineers(self):
        return [f"engineer{number}" for number in range(1, PEOPLE + 1)]

    def flows(self):
        auto = {"approval": [{"auto": True}]}
        flows = [self.flow(name="auto", **auto), self.flow(name="decided")]
        if self.other:
            flows.append(self.flow(name="other", integration="other", **auto))
        return flows

    def integrations(self):
        found = [self.integration()]
        if self.other:
            found.append(
                self.integration(name="other", port=self.other.port, admin_secret="other-admin")
            )
        return found

    def make_other_shop(self):
        """Each make_shop of PostgreSQL writes its password to the same file."""
        for server, name in ((self.server, "shop-password"), (self.other, "other-password")):
            shutil.copy(server.make_shop(), self.path(name))
            os.chmod(self.path(name), 0o600)
        self.admin_password_file = self.path("shop-password")

    def __exit__(self, kind, value, trace):
        super().__exit__(kind, value, trace)
        if self.other:
            self.other.drop_leftovers()

    def begin(self):
        if self.other:
            self.make_other_shop()
        self.start_daypassd()
        self.sign_in_admin()
        self.cli("admin", "connector", "create", "main", "--json")
        people = [f"{name}@example.com" for name in self.engineers()]
        self.apply(
            principals=[{"name": name} for name in [*people, "dba@example.com"]],
            groups=[
                {"name": "backend", "members": people},
                {"name": "dba", "members": ["dba@example.com"]},
            ],
            integrations=self.integrations(),
            flows=self.flows(),
        )
        for name in [*self.engineers(), "dba"]:
            self.add_person(name)
        self.connector = self.start_connector()

    def tokens_file(self, *people):
        """A file of these people's tokens, one a line."""
        path = self.path("tokens-" + "-".join(people))
        write_text(path, "".join(self.token_of(who) + "\n" for who in people))
        return path

    def caller(self, who="engineer1"):
        return Caller(self.url, self.token_of(who))
