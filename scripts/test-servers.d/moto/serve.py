"""moto_server, as an AWS that is strict: serve.py PORT CERTIFICATE KEY.

Signatures and permissions of every call are checked from the first on. What moto has, and what was
lacking:

  has      users, roles, inline policies, tags; GetAccountAuthorizationDetails, in one page, whatever
           MaxItems says; AssumeRole with temporary keys of the other account; RDS instances, clusters
           and proxies; EC2 instances; the Date header
  added    what permissions.py and sessions.py say; permissions boundaries of users;
           SimulatePrincipalPolicy, with one value for each key of its context; the quotas of inline
           policies; a resource id for each RDS instance (moto's is one for all); localhost as the address of RDS instances and
           clusters, so that what listens there at their port is them; session tokens so short that
           a token for RDS made with one is a password that PAM's modules take whole
  lacks    throttling and other bad days; ends of temporary credentials; source identities beyond the
           right to set one; managed instances (mi-...) and DescribeInstanceInformation

Beside AWS's API, and without a signature, for tests alone:

  POST /ground/account/ACCOUNT   makes an administrator of an account: {"AccessKeyId", "SecretAccessKey"}
  POST /ground/evaluate          {"policies", "action", "resource", "context"} -> {"allowed"}: what
                                 moto's policy module says of these documents
"""

import hashlib
import json
import os
import secrets
import sys

os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "0"

import permissions
import sessions
from moto.core.responses import ActionResult, EmptyResult
from moto.iam.exceptions import LimitExceededException
from moto.iam.models import IAMBackend, User, iam_backends
from moto.iam.responses import IamResponse
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.rds.models import DBCluster, DBInstance
from moto.sts import models as sts_models
from werkzeug.serving import run_simple
from werkzeug.wrappers import Request, Response

# Characters of all inline policies together, blanks not counted:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
USER_QUOTA = 2048
ROLE_QUOTA = 10240
EVERYTHING = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
)


def check_quota(kind, name, policies, policy_name, document, quota):
    others = [text for key, text in policies.items() if key != policy_name]
    if sum(len("".join(text.split())) for text in [*others, document]) > quota:
        raise LimitExceededException(
            f"Maximum policy size of {quota} bytes exceeded for {kind} {name}"
        )


def hold_to_quotas():
    put_user, put_role = IAMBackend.put_user_policy, IAMBackend.put_role_policy

    def put_user_policy(self, user_name, policy_name, policy_json):
        policies = self.get_user(user_name).policies
        check_quota("user", user_name, policies, policy_name, policy_json, USER_QUOTA)
        put_user(self, user_name, policy_name, policy_json)

    def put_role_policy(self, role_name, policy_name, policy_json):
        policies = self.get_role(role_name).policies
        check_quota("role", role_name, policies, policy_name, policy_json, ROLE_QUOTA)
        put_role(self, role_name, policy_name, policy_json)

    IAMBackend.put_user_policy, IAMBackend.put_role_policy = put_user_policy, put_role_policy


def put_user_permissions_boundary(response):
    user = response.backend.get_user(response._get_param("UserName"))
    user.permissions_boundary_arn = response._get_param("PermissionsBoundary")
    return EmptyResult()


def boundary_shown(user):
    arn = getattr(user, "permissions_boundary_arn", None)
    if not arn:
        return None
    return {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}


def resource_id(instance):
    """As AWS writes them, and the same for the same instance."""
    name = f"{instance.account_id}/{instance.region}/{instance.db_instance_identifier}"
    return "db-" + hashlib.sha256(name.encode()).hexdigest()[:26].upper()


def simulate_principal_policy(response):
    """moto's request for the caller has been checked; here it decides for another."""
    arn = response._get_param("PolicySourceArn")
    policies = permissions.policies_of(arn)
    context = {
        entry["ContextKeyName"]: entry["ContextKeyValues"][0]
        for entry in response._get_param("ContextEntries") or []
    }
    results = [
        {
            "EvalActionName": action,
            "EvalResourceName": resource,
            "EvalDecision": "allowed"
            if permissions.is_allowed(policies, action, resource, context)
            else "implicitDeny",
        }
        for action in response._get_param("ActionNames")
        for resource in response._get_param("ResourceArns") or ["*"]
    ]
    return ActionResult({"EvaluationResults": results, "IsTruncated": False})


def mend():
    permissions.apply()
    sessions.apply()
    hold_to_quotas()
    IamResponse.put_user_permissions_boundary = put_user_permissions_boundary
    IamResponse.simulate_principal_policy = simulate_principal_policy
    User.permissions_boundary = property(boundary_shown)
    DBInstance.dbi_resource_id = property(resource_id, lambda instance, value: None)
    sts_models.random_session_token = lambda: "FwoG" + secrets.token_hex(40)
    DBInstance.address = property(lambda instance: "localhost")
    DBCluster.endpoint = DBCluster.reader_endpoint = property(lambda cluster: "localhost")


def make_administrator(account):
    backend = iam_backends[account]["aws"]
    if "administrator" not in backend.users:
        backend.create_user("us-east-1", "administrator")
        backend.put_user_policy("administrator", "everything", EVERYTHING)
        backend.create_access_key("administrator")
    key = backend.users["administrator"].access_keys[0]
    return {"AccessKeyId": key.access_key_id, "SecretAccessKey": key.secret_access_key}


def evaluate(question):
    return {
        "allowed": permissions.is_allowed(
            question["policies"],
            question["action"],
            question["resource"],
            question.get("context"),
        )
    }


def with_ground(aws):
    def application(environ, start_response):
        path = environ.get("PATH_INFO", "")
        if not path.startswith("/ground/"):
            return aws(environ, start_response)
        request = Request(environ)
        if path == "/ground/evaluate":
            answer = evaluate(json.loads(request.get_data()))
        else:
            answer = make_administrator(path.rsplit("/", 1)[1])
        response = Response(json.dumps(answer), mimetype="application/json")
        return response(environ, start_response)

    return application


def main():
    port, certificate, key = sys.argv[1:]
    mend()
    aws = DomainDispatcherApplication(create_backend_app)
    run_simple(
        "127.0.0.1", int(port), with_ground(aws), threaded=True, ssl_context=(certificate, key)
    )


if __name__ == "__main__":
    main()
