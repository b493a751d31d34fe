"""Many clients at once: plain HTTP on sockets of our own, from any loopback address."""

import base64
import http.client
import json
import secrets
import socket
import statistics
import threading
import time

from raw_http import Answer, read_answer, request
from world import Failure, check, wait_until

ATTACKER = "127.0.0.2"


def connect_from(url, address="127.0.0.1", timeout_s=30):
    host, port = url.split("//")[1].split(":")
    return socket.create_connection((host, int(port)), timeout_s, source_address=(address, 0))


def ask(url, data, address="127.0.0.1"):
    """The answer to one request on a connection of its own; status 0 where there was none."""
    try:
        with connect_from(url, address) as connection:
            connection.sendall(data)
            return read_answer(connection)
    except OSError:
        return Answer()


class Caller:
    """A person's client that keeps its connection. Calls are (status, document)."""

    def __init__(self, url, token=None, address="127.0.0.1"):
        host, port = url.split("//")[1].split(":")
        self.connection = http.client.HTTPConnection(
            host, int(port), timeout=60, source_address=(address, 0)
        )
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.used_at = 0

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        if time.monotonic() - self.used_at > 10:  # the server may have let go of it: a new one
            self.connection.close()
        self.used_at = time.monotonic()
        self.connection.request(method, path, data, self.headers)
        response = self.connection.getresponse()
        text = response.read()
        return response.status, json.loads(text) if text[:1] in b"{[" and text else None

    def latency_s(self, path="/v1/whoami", times=40):
        """How long calls took, each of which was answered well."""
        taken = []
        for _ in range(times):
            before = time.monotonic()
            status, document = self.call("GET", path)
            check(status == 200, f"GET {path}: {status} {document}")
            taken.append(time.monotonic() - before)
        return taken

    def request(self, flow, duration="1h"):
        """Asks for a flow that approves by itself. Gives the id."""
        key = base64.b64encode(secrets.token_bytes(32)).decode()
        status, view = self.call(
            "POST",
            "/v1/grants",
            {"flow": flow, "duration": duration, "reason": "a test", "public_key": key},
        )
        check(status == 201, f"request of {flow}: {status} {view}")
        return view["id"]

    def await_state(self, grant, state, seconds=60):
        version, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            status, view = self.call("GET", f"/v1/grants/{grant}?wait_s=5&version={version}")
            check(status == 200, f"{grant}: {status} {view}")
            if view["state"] == state:
                return view
            version = view["version"]
        raise Failure(f"{grant} is {view['state']}, and not {state} within {seconds} s")

    def cycle_s(self, flow):
        """How long a grant and its revocation take on a target: (grant, revocation)."""
        before = time.monotonic()
        grant = self.request(flow)
        self.await_state(grant, "active")
        between = time.monotonic()
        status, view = self.call("POST", f"/v1/grants/{grant}/revoke", {})
        check(status == 200, f"revoke: {status} {view}")
        self.await_state(grant, "ended")
        return between - before, time.monotonic() - between


class Flood:
    """Threads that send the same requests as fast as they are answered. A context manager."""

    def __init__(self, url, requests, threads=8, address=ATTACKER):
        self.url, self.requests, self.address = url, requests, address
        self.statuses = {}
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.send) for _ in range(threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *exception):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def send(self):
        while not self.over.is_set():
            try:
                with connect_from(self.url, self.address) as connection:
                    self.send_on(connection)
            except OSError:
                self.count(0)

    def send_on(self, connection):
        while not self.over.is_set():
            for data in self.requests:
                connection.sendall(data)
                answer = read_answer(connection)
                self.count(answer.status)
                if answer.status == 0 or answer.headers.get("Connection") == "close":
                    return

    def count(self, status):
        with self.lock:
            self.statuses[status] = self.statuses.get(status, 0) + 1

    def await_status(self, status):
        wait_until(f"the flood meets {status}: {self.statuses}", lambda: status in self.statuses)


def median_ms(seconds):
    return round(statistics.median(seconds) * 1000, 1)


def get(path, token=None):
    return request("GET", path, token=token)


def post(path, document, token=None):
    return request("POST", path, json.dumps(document).encode(), token)
