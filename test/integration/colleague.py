"""Somebody who works with grants straight through the API: quick enough to meet others in a race."""

import http.client
import json
import os
import random
import ssl
import threading
from datetime import datetime, timezone

from fire.libpq import Refused, Session
from fire.people import SealKey
from world import CA_FILE, WAIT_S, Failure, check, wait_until

OVER = ("ended", "failed", "cancelled", "lapsed", "rejected")
LONG = bool(os.environ.get("DAYPASS_LONG"))
SEED = os.environ.get("DAYPASS_SEED", "1")


def chance(name):
    """Random numbers of one test: the same for the same seed, whatever ran before."""
    return random.Random(f"{SEED} {name}")


def seconds_of(time_text):
    return datetime.fromisoformat(time_text.replace("Z", "+00:00")).timestamp()


def now_s():
    return datetime.now(timezone.utc).timestamp()


def all_at_once(*calls):
    """What these functions give, each run in a thread of its own; the first failure is raised."""
    results = [None] * len(calls)
    failures = []
    start = threading.Barrier(len(calls))

    def run(index, call):
        try:
            start.wait()
            results[index] = call()
        except Exception as error:  # pylint: disable=broad-except
            failures.append(error)

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return results


def connection_to(url):
    """To daypassd, with its certificate verified where it has one."""
    scheme, address = url.split("://")
    host, port = address.split(":")
    if scheme == "http":
        return http.client.HTTPConnection(host, int(port), timeout=WAIT_S)
    context = ssl.create_default_context(cafile=CA_FILE)
    return http.client.HTTPSConnection(host, int(port), timeout=WAIT_S, context=context)


class Colleague:
    """A person of a world, signed in."""

    def __init__(self, world, who):
        self.world = world
        self.token = world.token_of(who)
        self.name = f"{who}@example.com"
        self.keys = {}

    def call(self, method, path, body=None):
        """(status, document)."""
        connection = connection_to(self.world.url)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        text = response.read()
        connection.close()
        return response.status, json.loads(text) if text else {}

    def post(self, path, body=None):
        """(status, document); a refusal of the server itself is never right."""
        status, document = self.call("POST", path, body or {})
        check(status < 500, f"{path}: {status} {document}")
        return status, document

    def do(self, what, grant, **body):
        """(status, document) of approve, revoke, … on this grant."""
        return self.post(f"/v1/grants/{grant}/{what}", body)

    def must(self, what, grant, **body):
        status, document = self.do(what, grant, **body)
        check(status == 200, f"{what} {grant} by {self.name}: {status} {document}")
        return document

    def request(self, flow="shop-auto", duration="1h"):
        """The id of a new request."""
        key = SealKey()
        body = {"flow": flow, "duration": duration, "reason": "a test", "public_key": key.public_text}
        status, document = self.post("/v1/grants", body)
        check(status == 201, f"request of {flow}: {status} {document}")
        self.keys[document["id"]] = key
        return document["id"]

    def view(self, grant):
        status, document = self.call("GET", f"/v1/grants/{grant}")
        check(status == 200, f"{grant}: {status} {document}")
        return document

    def await_state(self, grant, *states, seconds=WAIT_S):
        return wait_until(
            f"{grant} is {' or '.join(states)}",
            lambda: (view := self.view(grant))["state"] in states and view,
            seconds,
        )

    def active(self, flow="shop-auto", duration="1h"):
        """The view of a new grant that needs no decision."""
        return self.await_state(self.request(flow, duration), "active")

    def reset(self, grant):
        """Asks for a new password to a new key. (status, document, key)"""
        key = SealKey()
        return (*self.do("reset", grant, public_key=key.public_text), key)

    def password(self, grant):
        status, document = self.call("GET", f"/v1/grants/{grant}/credentials")
        check(status == 200, f"credentials of {grant}: {status} {document}")
        return self.keys[grant].open(document["sealed"])["password"]

    def session(self, view, password=None):
        """A session as the account of this grant."""
        password = password or self.password(view["id"])
        return Session(view["account"], password, self.world.server.port, "shop", CA_FILE, timeout_s=20)


def reads(session):
    """Whether the session can read what its grant is for. Lost says that it was ended."""
    return session.query("SELECT count(*) FROM schema_app.orders_table") != []


def is_refused(port, account, password):
    try:
        Session(account, password, port, "shop", CA_FILE, timeout_s=20).close()
    except Refused:
        return True
    return False


def check_one_of(pairs, outcomes, what):
    """The documented outcomes of a case: each round must end in one of them. Says how often."""
    counts = {}
    for found, about in pairs:
        if found not in outcomes:
            raise Failure(f"{what}: {found} is none of the outcomes {outcomes}: {about}")
        counts[found] = counts.get(found, 0) + 1
    told = (f"{count} × {found}" for found, count in sorted(counts.items(), key=str))
    print(f"# {what}: " + ", ".join(told))
    return counts
