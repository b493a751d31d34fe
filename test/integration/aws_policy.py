"""The connector's own IAM policy, as `daypass-connector check` prints it."""

import json


def printed_policies(text):
    """Every policy document in what check printed, each once."""
    decoder = json.JSONDecoder()
    found = []
    at = text.find("{")
    while at >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
        except ValueError:
            end = at + 1
        else:
            if "Statement" in value and value not in found:
                found.append(value)
        at = text.find("{", end)
    return found


def actions_of(policy):
    for statement in policy["Statement"]:
        actions = statement["Action"]
        yield from [actions] if isinstance(actions, str) else actions


def is_for_assuming(policy):
    """It belongs to whom the connector is before it is the role."""
    return all(action.startswith("sts:") for action in actions_of(policy))
