"""Whether a call is allowed, as AWS would have it where moto asks less.

moto's own policy module (moto/iam/access_control.py) decides. What is changed in it:

- A call is held to the resource that it names: user, role, session, instance. moto asks for "*",
  so that a policy which names resources would allow nothing.
- Conditions are evaluated (conditions.py), policy variables filled in; a statement whose
  conditions are not met does not count, where moto takes it for a denial.
- Wildcards are IAM's, where moto's patterns are regular expressions; actions know no case.
- A permissions boundary must allow as well.
- AssumeRole into another account asks the trust policy there, with external id and source
  identity (which takes sts:SetSourceIdentity on both sides); a role that does not exist is denied.
"""

import json
from datetime import datetime, timezone

import conditions
from moto.core.exceptions import AccessDeniedError, JsonRESTError
from moto.iam import access_control
from moto.iam.exceptions import NotFoundException
from moto.iam.access_control import IAMPolicy, IAMPolicyStatement, PermissionResult
from moto.iam.models import Role, iam_backends

judged = IAMPolicyStatement.is_action_permitted


class Statement(IAMPolicyStatement):
    """moto's, with the element Condition and policy variables."""

    def is_action_permitted(
        self, action, resource="*", principal=None, incoming_condition_values=None
    ):
        context = incoming_condition_values or {}
        if not conditions.are_met(self._statement.get("Condition"), context):
            return PermissionResult.NEUTRAL
        if principal and not self._check_principal(principal):
            return PermissionResult.NEUTRAL
        statement = {key: value for key, value in self._statement.items() if key != "Condition"}
        for element in ("Action", "NotAction"):
            if element in statement:
                statement[element] = [
                    text.lower() for text in conditions.strings(statement[element])
                ]
        if "Resource" in statement:
            statement["Resource"] = [
                conditions.fill_in(text, context)
                for text in conditions.strings(statement["Resource"])
            ]
        bare = Statement({**statement, "Principal": None})
        return judged(bare, action.lower(), resource)

    def _check_principal(self, principal):
        trusted = self._statement.get("Principal") or {}
        if trusted == "*":
            return True
        account = principal.split(":")[4]
        known = {principal, account, f"arn:aws:iam::{account}:root", "*"}
        return bool(known & set(conditions.strings(trusted.get("AWS", []))))

    @staticmethod
    def _match(pattern, string):
        return True if conditions.has_form(pattern, string) else None


def is_allowed(policies, action, resource, context, principal=None):
    """Documents as text, or moto's policies. An explicit denial outweighs all else."""
    results = [
        IAMPolicy(policy).is_action_permitted(action, resource, principal, context)
        for policy in policies
    ]
    return PermissionResult.DENIED not in results and PermissionResult.PERMITTED in results


def owner_of(access_key):
    """The user or role that a key belongs to, and what IAM knows of the request by that."""
    backend = access_key.backend
    if isinstance(access_key, access_control.IAMUserAccessKey):
        user = backend.get_user(access_key._owner_user_name)
        return user, {
            "aws:username": user.name,
            "aws:userid": user.id,
            "aws:PrincipalArn": user.arn,
        }
    role = backend.get_role(access_key._owner_role_name)
    session = access_key._session_name
    return role, {"aws:userid": f"{role.id}:{session}", "aws:PrincipalArn": role.arn}


def policies_of(arn):
    """The inline and attached policies of a user or role."""
    backend = iam_backends[arn.split(":")[4]]["aws"]
    entities = [*backend.users.values(), *backend.roles.values()]
    entity = next((each for each in entities if each.arn == arn), None)
    if entity is None:
        raise NotFoundException(f"{arn} not found")
    return [*entity.policies.values(), *entity.managed_policies.values()]


def boundary_of(entity):
    arn = getattr(entity, "permissions_boundary_arn", None)
    if not arn:
        return None
    backend = iam_backends[entity.account_id]["aws"]
    return IAMPolicy(backend.get_policy(arn))._policy_json


def boundary_of_named(request):
    """iam:PermissionsBoundary: of the user or role that a call of IAM is on."""
    if request._service != "iam":
        return {}
    name = first(request._data, "UserName"), first(request._data, "RoleName")
    backend = iam_backends[request.account_id]["aws"]
    for entity in (*backend.users.values(), *backend.roles.values()):
        arn = getattr(entity, "permissions_boundary_arn", None)
        if arn and entity.name == name[isinstance(entity, Role)]:
            return {"iam:PermissionsBoundary": arn}
    return {}


def first(data, name):
    value = data.get(name)
    return value[0] if isinstance(value, list) else value


def may_trust(request, actions, arn, context):
    """What the trust policy of the role says, wherever the role is."""
    account = arn.split(":")[4]
    role = next(
        (each for each in iam_backends[account]["aws"].get_roles() if each.arn == arn), None
    )
    if role is None:
        return False
    caller, _ = owner_of(request._access_key)
    document = role.assume_role_policy_document
    return all(is_allowed([document], action, arn, context, caller.arn) for action in actions)


def deny(request, action):
    """In the protocol of the service."""
    arn = request._access_key.arn
    if request._service == "ssm":
        message = f"User: {arn} is not authorized to perform: {action}"
        raise JsonRESTError("AccessDeniedException", message)
    raise AccessDeniedError(user_arn=arn, action=action)


def check_action_permitted(self, resource):
    action = self._action
    if action == "sts:GetCallerIdentity":
        return
    entity, context = owner_of(self._access_key)
    context["aws:CurrentTime"] = datetime.now(timezone.utc).isoformat()
    for key in ("ExternalId", "RoleSessionName", "SourceIdentity"):
        if first(self._data, key):
            context["sts:" + key] = first(self._data, key)
    context |= boundary_of_named(self)
    actions = [action]
    if action == "sts:AssumeRole" and first(self._data, "SourceIdentity"):
        actions.append("sts:SetSourceIdentity")
    policies = self._access_key.collect_policies()
    boundary = boundary_of(entity)
    resources = resource if isinstance(resource, list) else [resource]
    for each in resources:
        for one in actions:
            allowed = is_allowed(policies, one, each, context)
            if allowed and boundary is not None:
                allowed = is_allowed([json.dumps(boundary)], one, each, context)
            if not allowed:
                deny(self, one)
    if action == "sts:AssumeRole" and not may_trust(self, actions, resources[0], context):
        deny(self, action)


def resource_of_iam(response):
    """The user or role that a call of IAM names; AWS asks for one without path where there is none."""
    data, backend = response.data, response.backend
    if first(data, "PolicySourceArn"):
        return first(data, "PolicySourceArn")
    for parameter, kind, known in (
        ("UserName", "user", backend.users),
        ("RoleName", "role", {role.name: role for role in backend.roles.values()}),
    ):
        name = first(data, parameter)
        if name:
            there = known.get(name)
            return there.arn if there else f"arn:aws:iam::{response.current_account}:{kind}/{name}"
    return "*"


def apply():
    access_control.IAMPolicyStatement = Statement
    access_control.IAMRequestBase.check_action_permitted = check_action_permitted
    from moto.iam.responses import IamResponse

    IamResponse._determine_resource = resource_of_iam
