"""The Condition element of IAM policies, of which moto knows StringEquals alone.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

import re
from datetime import datetime, timezone


def has_form(pattern, text):
    """`*` and `?` are IAM's wildcards; all else is meant as it stands."""
    parts = {"*": ".*", "?": "."}
    expression = "".join(parts.get(letter) or re.escape(letter) for letter in pattern)
    return re.fullmatch(expression, text, re.DOTALL) is not None


def moment(text):
    """ISO 8601, or seconds since 1970."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return datetime.fromtimestamp(float(text), timezone.utc)
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


OPERATORS = {
    "StringEquals": lambda expected, actual: expected == actual,
    "StringEqualsIgnoreCase": lambda expected, actual: expected.lower() == actual.lower(),
    "StringLike": has_form,
    "ArnEquals": has_form,
    "ArnLike": has_form,
    "Bool": lambda expected, actual: expected.lower() == actual.lower(),
    "DateLessThan": lambda expected, actual: moment(actual) < moment(expected),
    "DateGreaterThan": lambda expected, actual: moment(actual) > moment(expected),
}


def strings(value):
    values = value if isinstance(value, list) else [value]
    return [str(each).lower() if isinstance(each, bool) else str(each) for each in values]


def is_met(operator, key, expected, context):
    """`context` has keys in lower case. Unknown operators stop the test rather than being guessed."""
    may_lack = operator.endswith("IfExists")
    name = operator.removesuffix("IfExists")
    actual = context.get(key.lower())
    if name == "Null":
        return strings(expected)[0] == ("true" if actual is None else "false")
    is_negated = name in ("StringNotEquals", "StringNotLike", "ArnNotEquals", "ArnNotLike")
    compare = OPERATORS[name.replace("Not", "", 1) if is_negated else name]
    if actual is None:
        return may_lack or is_negated
    return any(compare(each, actual) for each in strings(expected)) != is_negated


def are_met(conditions, context):
    """All keys of all operators."""
    given = {key.lower(): str(value) for key, value in (context or {}).items()}
    return all(
        is_met(operator, key, expected, given)
        for operator, keys in (conditions or {}).items()
        for key, expected in keys.items()
    )


def fill_in(text, context):
    """Policy variables: ${aws:username}. One that the request lacks matches nothing."""
    given = {key.lower(): str(value) for key, value in (context or {}).items()}
    return re.sub(r"\$\{([^}]+)\}", lambda name: given.get(name[1].lower(), "\0"), text)
