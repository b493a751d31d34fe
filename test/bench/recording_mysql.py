"""What the MySQL driver sends for one grant and one revocation, from the server's general log."""

import os
import re

from checks import check
from recording import Template, read_from

ENTRY = re.compile(
    r"^(?:\d{6}\s+\d+:\d\d:\d\d|\d{4}-\d\d-\d\dT\S+)?\s+(\d+) (Connect|Query|Quit|Init DB)\t?(.*)$"
)


def sessions(text):
    """{connection: [[command, words], …]} of a general log."""
    found, last = {}, None
    for line in text.splitlines():
        match = ENTRY.match(line)
        if match:
            last = [match[2], match[3]]
            found.setdefault(match[1], []).append(last)
        elif last is not None:
            last[1] += "\n" + line
    return found


def statements(text, *words):
    """What the session said in which one statement has all the words, and whether it is new."""
    for said in sessions(text).values():
        queries = [words_ for command, words_ in said if command == "Query"]
        if any(all(word in query for word in words) for query in queries):
            return queries, said[0][0] == "Connect"
    check(False, f"nobody said {words}: does the server log its statements?")
    return [], False


def shared_beginning(one, other):
    count = 0
    while count < min(len(one), len(other)) and one[count] == other[count]:
        count += 1
    return count


def record_mysql(world, path):
    """As record_postgresql. What both sessions begin with is what each session begins with."""
    server, caller = world.server, world.caller()
    caller.await_state(caller.request("auto"), "active")
    offset = os.path.getsize(server.log)
    grant = caller.request("auto")
    account = caller.await_state(grant, "active")["account"]
    given, is_new = statements(read_from(server.log, offset), "CREATE USER", account)
    offset = os.path.getsize(server.log)
    caller.call("POST", f"/v1/grants/{grant}/revoke", {})
    caller.await_state(grant, "ended")
    taken, _ = statements(read_from(server.log, offset), "DROP USER", account)
    count = shared_beginning(given, taken) if is_new else 0
    parts = {"setup": given[:count], "grant": given[count:], "revoke": taken[count:]}
    template = Template(account)
    with open(path, "w", encoding="utf-8") as file:
        for section, queries in parts.items():
            file.writelines(template.line(section, (query, [])) + "\n" for query in queries)
    return {section: len(queries) for section, queries in parts.items()}
