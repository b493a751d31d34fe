"""HTTP byte by byte: requests that no client library would send, and what comes back."""

import http.client
import json
import socket
import time

from world import Failure, check, check_equal

PROBLEM_TYPE = "application/problem+json"


class Answer:
    """Status, headers and body of an answer; status 0 when the connection was only closed."""

    def __init__(self, status=0, headers=None, body=b""):
        self.status = status
        self.headers = headers or {}
        self.body = body

    def __repr__(self):
        return f"{self.status} {self.body[:300]!r}"


def connect(url, timeout_s=30):
    host, port = url.split("//")[1].split(":")
    return socket.create_connection((host, int(port)), timeout=timeout_s)


def read_answer(connection, method="GET"):
    response = http.client.HTTPResponse(connection, method=method)
    try:
        response.begin()
        body = response.read()
    except (http.client.HTTPException, ConnectionError):
        return Answer()
    return Answer(response.status, dict(response.getheaders()), body)


def send(url, data):
    """The answer to these bytes. A server may answer and close before it has read them all."""
    with connect(url) as connection:
        try:
            connection.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return read_answer(connection)


def request(method, path, body=b"", token=None, headers=()):
    """Bytes of a request, with nothing checked."""
    lines = [f"{method} {path} HTTP/1.1".encode(), b"Host: daypass"]
    if token:
        lines.append(f"Authorization: Bearer {token}".encode())
    lines += [header if isinstance(header, bytes) else header.encode() for header in headers]
    if body:
        lines += [b"Content-Type: application/json", f"Content-Length: {len(body)}".encode()]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def check_problem(answer, status, code, what):
    """The answer must be a problem document (RFC 9457) with this stable code. Gives it."""
    if answer.status != status:
        raise Failure(f"{what}: expected status {status}, got {answer}")
    check_equal(answer.headers.get("Content-Type"), PROBLEM_TYPE, f"{what}: content type")
    problem = json.loads(answer.body)
    check_equal(problem["status"], status, f"{what}: status in the document")
    check_equal(problem["code"], code, f"{what}: code, of {problem}")
    for name in ("type", "title", "kind", "detail", "request_id"):
        check(problem.get(name), f"{what}: {name} is missing in {problem}")
    return problem


def check_alive(world, limit_s=5):
    """daypassd answers somebody else, soon."""
    check(world.daypassd.is_running(), "daypassd runs")
    before = time.monotonic()
    check_equal(send(world.url, request("GET", "/healthz")).status, 200, "health")
    check(time.monotonic() - before < limit_s, "it answered soon")
