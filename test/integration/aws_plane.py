"""A control plane with one grant on AWS, of which nothing is delivered; and AWS credentials, which
belong to nobody."""

import json
import os
import shlex
from datetime import datetime, timedelta, timezone

from credential_plane import GRANT, CredentialPlane
from world import check, check_equal, write_text

ACCOUNT = "123456789012"
IDENTITY = f"arn:aws:iam::{ACCOUNT}:user/ann"
KEY = {"AccessKeyId": "AKIDOFTHISTEST", "SecretAccessKey": "secret/of+this/test"}
SESSION = {**KEY, "SessionToken": "Fwo/Gz+IvYXdz" + "/+=Ab09" * 60}
ORDERS = {
    "kind": "rds instance", "id": "db-ABCDEFGHIJKL01234", "identifier": "orders-db",
    "host": "orders.abcdefghijkl.eu-central-1.rds.amazonaws.com", "port": 5432,
    "engine": "postgresql", "database": "shop", "region": "eu-central-1",
    "iam_authentication": True, "users": ["app_read"],
}  # fmt: skip
SHOP = {
    **ORDERS, "id": "cluster-ABCDEFGHIJKL01234", "kind": "rds cluster", "identifier": "shop",
    "host": "shop.cluster-abcdefghijkl.eu-central-1.rds.amazonaws.com", "port": 3306,
    "engine": "mysql",
}  # fmt: skip
WEB = {
    "kind": "instance", "id": "i-0123456789abcdef0", "identifier": "web-1",
    "region": "eu-central-1", "documents": ["SSM-SessionManagerRunShell"],
}  # fmt: skip
NOTHING = {
    "status": 409, "kind": "conflict", "code": "nothing_delivered",
    "detail": "a grant on AWS has no credential",
}  # fmt: skip


def time_text(seconds):
    at = datetime.now(timezone.utc) + timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds_until(text):
    at = datetime.strptime(text.replace("Z", "+0000"), "%Y-%m-%dT%H:%M:%S.%f%z")
    return (at - datetime.now(timezone.utc)).total_seconds()


class AwsPlane(CredentialPlane):
    """`resources`: what the grant turned out to be on."""

    def __init__(self, *resources):
        super().__init__()
        self.resources = list(resources)
        self.state = "active"
        self.ends_in_s = 3600
        self.earlier = []  # evidence from before
        self.keys = KEY

    def answer(self, path):
        if path.endswith(("/credentials", "/reset")):
            return NOTHING
        done = {"action_id": "act_1", "kind": "grant", "failure": "none"}
        outcome = {"account": "user/ann/grt_x", "account_present": True, "resources": self.resources}
        return {
            "id": GRANT,
            "version": 1,
            "state": self.state,
            "kind": "aws",
            "target": f"aws account {ACCOUNT}, eu-central-1",
            "identity": IDENTITY,
            "access": ["connect to database orders-db as app_read"],
            "may": ["connect"],
            "expires_at": time_text(self.ends_in_s),
            "evidence": [*self.earlier, {**done, "outcome": outcome}],
        }

    def environment(self, **changes):
        clean = {name: None for name in os.environ if name.startswith("AWS_")}
        names = {
            "AccessKeyId": "AWS_ACCESS_KEY_ID",
            "SecretAccessKey": "AWS_SECRET_ACCESS_KEY",
            "SessionToken": "AWS_SESSION_TOKEN",
        }
        keys = {names[name]: value for name, value in (self.keys or {}).items()}
        return super().environment(
            **{**clean, "AWS_EC2_METADATA_DISABLED": "true", **keys, **changes}
        )

    def profile(self, name, **process_keys):
        """A profile whose credentials a program prints; they are in no environment any more."""
        self.keys = None
        keys = {"Version": 1, **KEY, **process_keys}
        write_text(self.path(f"{name}.json"), json.dumps(keys))
        command = shlex.join(["/bin/cat", self.path(f"{name}.json")])
        write_text(self.path("config"), f"[profile {name}]\ncredential_process = {command}\n")
        return {"AWS_CONFIG_FILE": self.path("config")}

    def credential_json(self, *arguments, **environment):
        """What `daypass credentials` prints, as JSON."""
        result = self.run("credentials", GRANT, "--format", "json", *arguments, **environment)
        return json.loads(result.out)

    def check_refused(self, code, words, *arguments, command="credentials", **environment):
        """In these words, without a secret, and with nothing on standard output."""
        result = self.run(command, GRANT, "--json", *arguments, expect=None, **environment)
        check(result.code != 0, f"refused: {result.out}")
        check_equal(result.out, "", "standard output")
        error = json.loads(result.err)["error"]
        check_equal(error["code"], code, result.err)
        check(words in error["message"], f"{words!r} is in: {error['message']}")
        check(KEY["SecretAccessKey"] not in result.err, "the secret is not told")
        return error["message"]
