"""What a driver sends to its server for one grant and one revocation, from the server's own log.

The floor sends just that, so it stays the floor when the driver changes."""

import os
import re

from checks import check, read_text

ENTRY = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ UTC \[(\d+)\] (\w+):  ")
EXECUTED = re.compile(r"^(?:statement|execute [^:]*): (.*)", re.DOTALL)
PARAMETER = re.compile(r"\$\d+ = ('(?:[^']|'')*'|NULL)")
# Of an account's name, so that two accounts do not wait for each other (operation.c).
ACCOUNT_LOCK = re.compile(rf"(advisory_xact_lock\({0x64617972}, )\d+\)")


def entries(text):
    """(process, severity, message) of each entry of a PostgreSQL log."""
    found = []
    for line in text.splitlines():
        match = ENTRY.match(line)
        if match:
            found.append([match[1], match[2], line[match.end():]])
        elif found and line.startswith("\t"):
            found[-1][2] += "\n" + line[1:]
    return found


def statements(log_text, *words):
    """[(sql, parameters)] of the process that said all these words at once, and whether its session
    is new."""
    log = entries(log_text)
    process = next((pid for pid, _, text in log if all(word in text for word in words)), None)
    check(process is not None, f"nobody said {words}: does the server log its statements?")
    mine = [(severity, message) for pid, severity, message in log if pid == process]
    found = []
    for severity, message in mine:
        executed = EXECUTED.match(message)
        if severity == "LOG" and executed:
            found.append((executed[1], []))
        elif severity == "DETAIL" and message.lower().startswith("parameters: "):
            values = PARAMETER.findall(message)
            found[-1] = (
                found[-1][0],
                [None if v == "NULL" else v[1:-1].replace("''", "'") for v in values],
            )
    is_new = any(message.startswith("connection authorized") for _, message in mine)
    return found, is_new


def without_setup(found, is_new):
    """(what is sent once for a session, what is sent for the work)."""
    begin = next((i for i, (sql, _) in enumerate(found) if sql.startswith("BEGIN")), 0)
    return (found[:begin], found[begin:]) if is_new else ([], found)


class Template:
    """Puts places for an account into what was sent for one. `oid`: where the engine has them."""

    def __init__(self, account, oid=None):
        self.account = account
        self.oid = re.compile(rf"(?<!\d){oid}(?!\d)") if oid else None

    def text(self, text):
        if text is None:
            return None
        text = ACCOUNT_LOCK.sub(r"\g<1>{key})", text.replace(self.account, "{account}"))
        return self.oid.sub("{oid}", text) if self.oid else text

    def line(self, section, statement):
        sql, parameters = statement
        fields = [escape(self.text(sql))]
        fields += ["-" if p is None else "=" + escape(self.text(p)) for p in parameters]
        return "\t".join([section, *fields])


def escape(text):
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")


def read_from(path, offset):
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read().decode("utf-8", "replace")


def record_postgresql(world, path):
    """Writes the script of a grant and a revocation; gives how many statements each has. What only
    the first grant does (making a shared role) is not in it."""
    server, caller = world.server, world.caller()
    caller.await_state(caller.request("auto"), "active")
    grant = caller.request("auto")
    offset = os.path.getsize(server.log)
    account = caller.await_state(grant, "active")["account"]
    given, is_new = statements(read_from(server.log, offset), "CREATE ROLE", account)
    oid = server.query(f"SELECT oid FROM pg_roles WHERE rolname = '{account}'")
    setup, given = without_setup(given, is_new)
    offset = os.path.getsize(server.log)
    caller.call("POST", f"/v1/grants/{grant}/revoke", {})
    caller.await_state(grant, "ended")
    taken = without_setup(*statements(read_from(server.log, offset), "DROP ROLE", account))[1]
    template = Template(account, oid)
    lines = [template.line("setup", each) for each in setup]
    lines += [template.line("grant", each) for each in given]
    lines += [template.line("revoke", each) for each in taken]
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    check("{oid}" in read_text(path), "the revocation names the account's oid")
    return {"setup": len(setup), "grant": len(given), "revoke": len(taken)}

