"""A whole Daypass for one test, whose target is an AWS account (aws_ground.py); a shop in a real
PostgreSQL beside it where a test wants one.

Between the connector and AWS stands a proxy, `world.proxy`, by which a test makes AWS fail. The
connector is an IAM user of the account `home` and has the policy that its own check prints, and
nothing else.
"""

import json
import os
import subprocess

from aws_ground import CA_FILE, REGION, SERVICES, Account, allow, assume, document, make_client
from aws_policy import is_for_assuming, printed_policies
from aws_proxy import Proxy
from aws_rds import RdsServer
from checks import check, check_equal, wait_until, write_text
from servers import Server
from world import CONNECTOR, World

EXTERNAL_ID = "agreed-upon"
LEASE_S = 15  # the least there is
# What the person or host that runs the tests has must not be found.
NOTHING_ELSE = {
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
}


class NoShop:
    """Instead of a server, where a test has no other target than AWS."""

    def make_shop(self):
        return None

    def drop_leftovers(self):
        pass


def environment_of(key):
    """Where AWS's tools look first for credentials."""
    named = {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        **NOTHING_ELSE,
    }
    if "SessionToken" in key:
        named["AWS_SESSION_TOKEN"] = key["SessionToken"]
    return named


class AwsWorld(World):
    """`identity`: what a grant's policy is put on:

    user     an IAM user in the connector's own account
    role     a role in another account, in which the connector assumes a role of its own
    session  one person's session in a role that many share, likewise

    `shop`: in pg15, or in the server of that name; two stories at once need two.
    """

    def __init__(self, identity="user", shop=False, ceiling=None):
        super().__init__(Server("pg15" if shop is True else shop) if shop else NoShop())
        self.has_shop = bool(shop)
        self.proxy = Proxy()
        self.home = Account()
        self.account = self.home if identity == "user" else Account()
        self.rds = None
        self.kind = identity
        self.identity = self.key = None  # the engineer's, in the account
        self.ceiling = ceiling or {}
        self.connectors = {}  # instance: (ARN, key, account)
        self.make_people()
        self.make_connector()

    def make_people(self):
        """jane, who asks for access; in another account by a role."""
        arn, key = self.home.make_user("jane", tags=[("team", "backend")])
        if self.kind == "user":
            self.identity, self.key = arn, key
        else:
            role = self.account.make_role("dev", f"arn:aws:iam::{self.home.number}:root")
            self.home.put_policy(arn, "assume", document(allow("sts:AssumeRole", role)))
            self.key = assume(key, role, "jane")
            session = make_client("sts", self.key).get_caller_identity()["Arn"]
            self.identity = session if self.kind == "session" else role
            self.colleague_key = assume(key, role, "john")
        # That of the session, where there is one: the evaluator has to know who asks.
        self.asking = make_client("sts", self.key).get_caller_identity()["Arn"]
        self.environments["engineer"] = environment_of(self.key)

    def add_connector(self, name, account):
        """An IAM user of its own, which may do nothing."""
        self.connectors[name] = (*account.make_user("daypass", path="/"), account)

    def make_connector(self):
        self.add_connector("connector", self.home)
        self.connector_arn, self.connector_key, _ = self.connectors["connector"]
        self.role = None
        if self.account is not self.home:
            self.role = self.account.make_role(
                "daypass", self.connector_arn, path="/", external_id=EXTERNAL_ID
            )

    def __enter__(self):
        self.proxy.__enter__()
        return super().__enter__()

    def __exit__(self, kind, value, trace):
        try:
            super().__exit__(kind, value, trace)
        finally:
            if self.rds:
                self.rds.__exit__()
            self.proxy.__exit__()
            if kind:
                print("# calls:", *self.proxy.calls[-30:], sep="\n#   ")

    def run(self, name, command, env=None):
        if command[0] == CONNECTOR:
            env = {**environment_of(self.connectors[name][1]), **(env or {})}
        return super().run(name, command, env)

    # ---- The connector -----------------------------------------------------------------------------

    def address(self):
        return {"account": self.account.number, "region": REGION}

    def aws_secret(self):
        """What the connector's file says of the account."""
        where = {**self.address(), "endpoints": {name: self.proxy.url for name in SERVICES}}
        if self.role:
            where |= {"role": self.role, "external_id": EXTERNAL_ID}
        secret = {
            "name": "aws-prod-admin",
            "ca_file": CA_FILE,
            "target": {"kind": "aws", "aws": where},
        }
        people = [self.account.arn("iam", kind + "/engineers/*", "") for kind in ("user", "role")]
        return {**secret, "ceiling": {"identities": people, **self.ceiling}}

    def connector_config(self, name, url=None, changes=None):
        """`changes`: {"secrets": [...]} instead of the usual ones."""
        secrets = [self.aws_secret()]
        if self.has_shop:
            path = super().connector_config(name, url)
            with open(path, encoding="utf-8") as file:
                secrets = json.load(file)["secrets"] + secrets
        config = {
            "control_plane": url or self.url,
            "state_folder": self.path(name),
            "sweep_every": "2s",
            "secrets": (changes or {}).get("secrets", secrets),
        }
        path = self.path(name + ".yaml")
        write_text(path, json.dumps(config))
        return path

    def check_connector(self, name="connector"):
        """What `daypass-connector check` says: (exit code, text)."""
        done = subprocess.run(
            [CONNECTOR, "check", "--config", self.path(name + ".yaml")],
            env={**os.environ, **environment_of(self.connectors[name][1])},
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.returncode, done.stdout + done.stderr

    def give_documented_policy(self, name="connector"):
        """Exactly what check prints, and nothing else. It prints the rights of the role once it may
        assume it."""
        arn, _, home = self.connectors[name]
        role = self.role if name == "connector" else None
        code, text = self.check_connector(name)
        check(code != 0, "check is content with a connector that may do nothing:\n" + text)
        for _ in range(2 if role else 1):
            for policy in printed_policies(text):
                if role and not is_for_assuming(policy):
                    self.account.put_policy(role, "daypass", json.dumps(policy))
                else:
                    home.put_policy(arn, "daypass", json.dumps(policy))
            code, text = self.check_connector(name)
        check_equal(code, 0, "check with the policy that it printed:\n" + text)

    # ---- The configuration ---------------------------------------------------------------------------

    def aws_integration(self, **changes):
        return {
            "name": "aws-prod",
            "kind": "aws",
            "connector": "main",
            "aws": self.address(),
            "admin_secret": "aws-prod-admin",
            **changes,
        }

    def aws_flow(self, name, *grants, **changes):
        return {
            "name": name,
            "integration": "aws-prod",
            "requesters": {"groups": ["backend"]},
            "grants": list(grants),
            "duration": {"default": "1h", "max": "8h"},
            "approval": [{"any_of": {"groups": ["dba"]}, "count": 1}],
            "reason": "required",
            **changes,
        }

    def rds_flow(self, name="orders-iam", users=("app_read",), **changes):
        item = {"resource": self.rds.database.resource_id, "users": list(users), **changes}
        return self.aws_flow(name, {"rds_connect": item})

    def start_daypassd(self, extra=""):
        return super().start_daypassd(f"actions: {{lease: {LEASE_S}s}}\n" + extra)

    def begin(self):
        self.rds = RdsServer(self.account, tags=[("app", "orders")])
        self.rds.__enter__()
        for user in ("app_read", "app_write"):
            self.rds.add_user(user)
        self.rds.judge.know(self.key, self.asking, self.account)
        self.start_daypassd()
        self.sign_in_admin()
        self.cli("admin", "connector", "create", "main", "--json")
        shop = [self.integration()] if self.has_shop else []
        self.apply(
            principals=[
                {"name": "engineer@example.com", "aws_identities": [self.identity]},
                {"name": "dba@example.com"},
            ],
            groups=[
                {"name": "backend", "members": ["engineer@example.com"]},
                {"name": "dba", "members": ["dba@example.com"]},
            ],
            integrations=[*shop, self.aws_integration()],
            flows=[*([self.flow()] if self.has_shop else []), self.rds_flow()],
        )
        self.add_person("engineer")
        self.add_person("dba")
        self.enroll("connector")
        self.give_documented_policy()
        self.connector = self.start_connector()

    # ---- What is on AWS ----------------------------------------------------------------------------

    def policies(self):
        """Names of Daypass's policies on the engineer's identity."""
        names = self.account.policy_names(self.identity)
        return [name for name in names if name.startswith("daypass.")]

    def await_no_policy(self):
        wait_until("no policy is left", lambda: not self.policies())

    def can_connect(self, user="app_read"):
        return self.account.can(self.asking, "rds-db:connect", self.rds.database.arn_of(user))

    def token(self, user="app_read"):
        """Made by botocore with the engineer's key."""
        client = make_client("rds", self.key)
        return client.generate_db_auth_token("localhost", self.rds.port, user, REGION)

    def neighbours(self):
        """What no grant of the usual flow may give."""
        number = self.account.number
        resource = self.rds.database.resource_id
        base = f"arn:aws:rds-db:{REGION}:{number}:dbuser:"
        return [
            self.rds.database.arn_of("app_write"),
            self.rds.database.arn_of("app_rea"),
            self.rds.database.arn_of("app_read2"),
            f"{base}{resource}X/app_read",
            f"{base}db-OTHER/app_read",
            base.replace(REGION, "eu-west-1") + f"{resource}/app_read",
        ]

    def check_neighbours(self):
        """Denied throughout: another user, another database, another region, another action."""
        self.account.check_access(self.asking, [], self.neighbours())
        exact = self.rds.database.arn_of("app_read")
        for action in (
            "rds-db:*",
            "rds:DescribeDBInstances",
            "ssm:StartSession",
            "iam:PutUserPolicy",
        ):
            check(not self.account.can(self.asking, action, exact), f"{action} is allowed")
        check_equal(self.rds.log_in("app_write", self.token("app_write")), None, "app_write")

    def log_in(self):
        return self.rds.log_in("app_read", self.token())

    def approved(self):
        """A grant that nobody has to decide about any more."""
        grant = self.request(flow="orders-iam")
        self.cli("dba", "approve", grant)
        return grant

    def live_and_end(self, why):
        """A grant that has to come, and to go."""
        grant = self.approved()
        self.await_state(grant, "active")
        check_equal(len(self.policies()), 1, f"policies: {why}")
        check_equal(self.log_in(), "app_read", f"login: {why}")
        self.cli("engineer", "revoke", grant)
        self.await_state(grant, "ended")
        self.proxy.settle()
        self.check_nothing_is_left(f"after {why}")

    def check_nothing_is_left(self, why):
        check_equal(self.policies(), [], f"policies {why}")
        check(not self.can_connect(), f"jane may connect {why}")
        check_equal(self.log_in(), None, f"login {why}")
        self.check_neighbours()
