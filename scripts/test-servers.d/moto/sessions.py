"""Sessions of Session Manager, which moto lacks: StartSession, DescribeSessions, TerminateSession.

A session is a record and nothing runs. StartSession wants the right to the instance and to the
document, as AWS does; who starts a session is its owner.
"""

import json
import secrets
import threading
from datetime import datetime, timezone

import permissions
from moto.core.exceptions import JsonRESTError
from moto.ssm.responses import SimpleSystemManagerResponse

SESSIONS = {}  # (account, region) -> session id -> session
LOCK = threading.Lock()
FILTERS = {"Owner": "Owner", "Target": "Target", "Status": "Status", "SessionId": "SessionId"}


def owner_arn(response):
    from moto.iam.access_control import create_access_key

    key = create_access_key(
        response.current_account, "aws", response.access_key, dict(response.headers)
    )
    entity, _ = permissions.owner_of(key)
    return key.arn if "sts" in key.arn else entity.arn


def of(response):
    return SESSIONS.setdefault((response.current_account, response.region), {})


def resources(response):
    """What the call is held to."""
    body = json.loads(response.body or "{}")
    where = f"{response.region}:{response.current_account}"
    action = response._get_action()
    if action in ("TerminateSession", "ResumeSession"):
        return f"arn:aws:ssm:{where}:session/{body.get('SessionId')}"
    if action != "StartSession":
        return "*"
    target = body.get("Target", "")
    document = body.get("DocumentName", "SSM-SessionManagerRunShell")
    instance = f"arn:aws:ec2:{where}:instance/{target}"
    if target.startswith("mi-"):
        instance = f"arn:aws:ssm:{where}:managed-instance/{target}"
    owner = "" if document.startswith("AWS-") else response.current_account
    return [instance, f"arn:aws:ssm:{response.region}:{owner}:document/{document}"]


def start_session(response):
    body = json.loads(response.body)
    owner = owner_arn(response)
    session = {
        "SessionId": owner.rsplit("/", 1)[-1] + "-" + secrets.token_hex(8) + "0",
        "Target": body["Target"],
        "Status": "Connected",
        "StartDate": datetime.now(timezone.utc).timestamp(),
        "DocumentName": body.get("DocumentName", "SSM-SessionManagerRunShell"),
        "Owner": owner,
    }
    with LOCK:
        of(response)[session["SessionId"]] = session
    return json.dumps(
        {"SessionId": session["SessionId"], "TokenValue": "none", "StreamUrl": "none"}
    )


def describe_sessions(response):
    body = json.loads(response.body)
    wanted = ("Connected", "Connecting") if body["State"] == "Active" else ("Terminated",)
    with LOCK:
        found = [dict(each) for each in of(response).values() if each["Status"] in wanted]
    for one in body.get("Filters", []):
        found = [each for each in found if each[FILTERS[one["key"]]] == one["value"]]
    first = int(body.get("NextToken") or 0)
    after = first + int(body.get("MaxResults") or 50)
    answer = {"Sessions": found[first:after]}
    if after < len(found):
        answer["NextToken"] = str(after)
    return json.dumps(answer)


def terminate_session(response):
    session_id = json.loads(response.body)["SessionId"]
    with LOCK:
        session = of(response).get(session_id)
        if session is None:
            raise JsonRESTError("DoesNotExistException", f"Session {session_id} does not exist")
        session["Status"] = "Terminated"
        session["EndDate"] = datetime.now(timezone.utc).timestamp()
    return json.dumps({"SessionId": session_id})


def apply():
    SimpleSystemManagerResponse._determine_resource = resources
    for function in (start_session, describe_sessions, terminate_session):
        setattr(SimpleSystemManagerResponse, function.__name__, function)
