"""AWS accounts for one test, in the moto that scripts/test-servers started: who and what is in them.

Each Account has a number of its own, so that tests do not meet. `key` is always what AWS calls
credentials: {"AccessKeyId", "SecretAccessKey"[, "SessionToken"]}.
"""

import json
import os
import secrets
import ssl
import urllib.request

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from checks import WAIT_S, Failure, check

URL = os.environ["DAYPASS_TEST_MOTO_URL"]
CA_FILE = os.environ["DAYPASS_TEST_CA_FILE"]
REGION = "eu-central-1"
SESSION = botocore.session.get_session()  # one for all: it keeps the descriptions of services
SERVICES = ("iam", "sts", "rds", "ec2", "ssm")
OPENER = urllib.request.build_opener(
    urllib.request.ProxyHandler({}),
    urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=CA_FILE)),
)


def ask_ground(path, question=None):
    """What moto does for tests alone."""
    request = urllib.request.Request(
        URL + "/ground/" + path,
        data=json.dumps(question or {}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with OPENER.open(request, timeout=WAIT_S) as answer:
        return json.load(answer)


def make_client(service, key, url=URL, region=REGION):
    return SESSION.create_client(
        service,
        region_name=region,
        endpoint_url=url,
        verify=CA_FILE,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        aws_session_token=key.get("SessionToken"),
        config=Config(retries={"max_attempts": 0}, proxies={}),
    )


def refused(code, call, **parameters):
    """The call must fail with AWS's error code."""
    try:
        call(**parameters)
    except ClientError as error:
        got = error.response["Error"]["Code"]
        if got != code:
            raise Failure(f"expected {code}, got {error}") from error
        return
    raise Failure(f"expected {code}, but the call was answered: {parameters}")


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(actions, resources, **condition):
    statement = {"Effect": "Allow", "Action": actions, "Resource": resources}
    return {**statement, "Condition": condition} if condition else statement


class Database:
    """An RDS instance or cluster; it listens on localhost where a test says so (aws_rds.py)."""

    def __init__(self, account, identifier, resource_id, port):
        self.account = account
        self.identifier = identifier
        self.resource_id = resource_id
        self.host = "localhost"
        self.port = port

    def arn_of(self, user):
        where = f"{REGION}:{self.account.number}"
        return f"arn:aws:rds-db:{where}:dbuser:{self.resource_id}/{user}"


class Account:
    """An account, seen by its administrator."""

    def __init__(self):
        self.number = str(secrets.randbelow(9 * 10**11) + 10**11)
        self.key = ask_ground("account/" + self.number)
        self._clients = {}

    def client(self, service):
        if service not in self._clients:
            self._clients[service] = make_client(service, self.key)
        return self._clients[service]

    @property
    def iam(self):
        return self.client("iam")

    # ---- Identities -----------------------------------------------------------------------------

    def make_user(self, name, path="/engineers/", tags=(), boundary=None):
        """Gives its ARN and key."""
        labels = [{"Key": key, "Value": value} for key, value in tags]
        user = self.iam.create_user(UserName=name, Path=path, Tags=labels)["User"]
        if boundary:
            self.iam.put_user_permissions_boundary(UserName=name, PermissionsBoundary=boundary)
        return user["Arn"], self.iam.create_access_key(UserName=name)["AccessKey"]

    def make_role(
        self, name, trusted, path="/engineers/", tags=(), boundary=None, external_id=None
    ):
        """A role that `trusted` (an ARN) may assume. Gives its ARN."""
        trust = {
            "Effect": "Allow",
            "Principal": {"AWS": trusted},
            "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"],
        }
        if external_id:
            trust["Condition"] = {"StringEquals": {"sts:ExternalId": external_id}}
        role = self.iam.create_role(
            RoleName=name,
            Path=path,
            AssumeRolePolicyDocument=document(trust),
            Tags=[{"Key": key, "Value": value} for key, value in tags],
        )["Role"]
        if boundary:
            self.iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=boundary)
        return role["Arn"]

    def make_policy(self, name, *statements):
        """A managed policy, as boundaries are. Gives its ARN."""
        policy = self.iam.create_policy(PolicyName=name, PolicyDocument=document(*statements))
        return policy["Policy"]["Arn"]

    def put_policy(self, arn, name, text):
        kind, identity = entity_of(arn)
        put = self.iam.put_user_policy if kind == "user" else self.iam.put_role_policy
        put(PolicyName=name, PolicyDocument=text, **named(kind, identity))

    def policies_of(self, arn):
        """{name: document} of the inline policies of a user, or of the role of a session."""
        kind, name = entity_of(arn)
        read = self.iam.get_user_policy if kind == "user" else self.iam.get_role_policy
        found = {}
        for each in self.policy_names(arn):
            try:
                found[each] = read(PolicyName=each, **named(kind, name))["PolicyDocument"]
            except self.iam.exceptions.NoSuchEntityException:
                pass  # taken back in between
        return found

    def policy_names(self, arn):
        kind, name = entity_of(arn)
        listed = self.iam.list_user_policies if kind == "user" else self.iam.list_role_policies
        return listed(**named(kind, name))["PolicyNames"]

    def delete_user(self, name):
        for key in self.iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
            self.iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
        for policy in self.iam.list_user_policies(UserName=name)["PolicyNames"]:
            self.iam.delete_user_policy(UserName=name, PolicyName=policy)
        self.iam.delete_user(UserName=name)

    # ---- Resources ------------------------------------------------------------------------------

    def make_database(self, identifier, port=5432, engine="postgres", tags=(), authentication=True):
        instance = self.client("rds").create_db_instance(
            DBInstanceIdentifier=identifier,
            DBInstanceClass="db.t3.micro",
            Engine=engine,
            DBName="shop",
            Port=port,
            AllocatedStorage=20,
            MasterUsername="root",
            MasterUserPassword=secrets.token_hex(12),
            EnableIAMDatabaseAuthentication=authentication,
            Tags=[{"Key": key, "Value": value} for key, value in tags],
        )["DBInstance"]
        return Database(self, identifier, instance["DbiResourceId"], port)

    def make_cluster(self, identifier, port=5432, engine="aurora-postgresql"):
        cluster = self.client("rds").create_db_cluster(
            DBClusterIdentifier=identifier,
            Engine=engine,
            DatabaseName="shop",
            Port=port,
            MasterUsername="root",
            MasterUserPassword=secrets.token_hex(12),
            EnableIAMDatabaseAuthentication=True,
        )["DBCluster"]
        return Database(self, identifier, cluster["DbClusterResourceId"], port)

    def make_proxy(self, name):
        """An RDS proxy; its resource id is the last part of its ARN."""
        subnets = self.client("ec2").describe_subnets()["Subnets"]
        proxy = self.client("rds").create_db_proxy(
            DBProxyName=name,
            EngineFamily="POSTGRESQL",
            Auth=[
                {
                    "AuthScheme": "SECRETS",
                    "IAMAuth": "REQUIRED",
                    "SecretArn": self.arn("secretsmanager", "secret:x"),
                }
            ],
            RoleArn=self.arn("iam", "role/proxy", region=""),
            VpcSubnetIds=[subnet["SubnetId"] for subnet in subnets[:2]],
            RequireTLS=True,
        )["DBProxy"]
        return Database(self, name, proxy["DBProxyArn"].rsplit(":", 1)[1], 5432)

    def make_instances(self, count, tags=()):
        """Ids of EC2 instances."""
        ec2 = self.client("ec2")
        image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        labels = [{"Key": key, "Value": value} for key, value in tags]
        made = ec2.run_instances(
            ImageId=image,
            MinCount=count,
            MaxCount=count,
            TagSpecifications=[{"ResourceType": "instance", "Tags": labels}] if labels else [],
        )
        return [instance["InstanceId"] for instance in made["Instances"]]

    def arn(self, service, rest, region=REGION):
        return f"arn:aws:{service}:{region}:{self.number}:{rest}"

    # ---- Access ---------------------------------------------------------------------------------

    def can(self, arn, action, resource, **more):
        """What moto's policy module says of the policies that are on the identity now."""
        kind, name = entity_of(arn)
        context = {"aws:CurrentTime": more.pop("now", None) or utc_now(), **more}
        if kind == "user":
            user = self.iam.get_user(UserName=name)["User"]
            context |= {"aws:username": name, "aws:userid": user["UserId"]}
        else:
            role = self.iam.get_role(RoleName=name)["Role"]
            context["aws:userid"] = f"{role['RoleId']}:{arn.rsplit('/', 1)[1]}"
        policies = [json.dumps(text) for text in self.policies_of(arn).values()]
        question = {
            "policies": policies,
            "action": action,
            "resource": resource,
            "context": context,
        }
        return ask_ground("evaluate", question)["allowed"]

    def check_access(self, arn, allowed, neighbours, action="rds-db:connect", **context):
        """Exactly these resources, and none of their neighbours."""
        for resource in allowed:
            check(
                self.can(arn, action, resource, **context), f"{arn} may not {action} on {resource}"
            )
        for resource in neighbours:
            check(
                not self.can(arn, action, resource, **context), f"{arn} may {action} on {resource}"
            )


def utc_now():
    from datetime import datetime, timezone

    return datetime.now(timezone.utc).isoformat()


def entity_of(arn):
    """("user" | "role", name) that the policies of an identity are on."""
    parts = arn.split(":", 5)[5].split("/")
    if parts[0] == "assumed-role":
        return "role", parts[1]
    return parts[0], parts[-1]


def named(kind, name):
    return {"UserName": name} if kind == "user" else {"RoleName": name}


def assume(key, role, session, external_id=None):
    """The temporary key of a session in the role."""
    extra = {"ExternalId": external_id} if external_id else {}
    answer = make_client("sts", key).assume_role(RoleArn=role, RoleSessionName=session, **extra)
    return answer["Credentials"]
