"""People who ask daypassd over a network that may fail them, and keep a book of what they know."""

import base64
import ctypes
import http.client
import json
import secrets
import threading
import time

from signer import SODIUM

KEY_BYTES, SEAL_BYTES = 32, 48
ANSWER_S = 20


class NoAnswer(Exception):
    """Nobody knows whether it was done."""


class SealKey:
    """A key pair to which a connector seals a credential."""

    def __init__(self):
        self.public = ctypes.create_string_buffer(KEY_BYTES)
        self.secret = ctypes.create_string_buffer(KEY_BYTES)
        SODIUM.crypto_box_keypair(self.public, self.secret)
        self.public_text = base64.b64encode(self.public.raw).decode()

    def open(self, sealed):
        """The credential, or None where it was sealed to another key."""
        box = base64.b64decode(sealed)
        content = ctypes.create_string_buffer(len(box) - SEAL_BYTES)
        failed = SODIUM.crypto_box_seal_open(
            content, box, ctypes.c_ulonglong(len(box)), self.public, self.secret
        )
        return None if failed else json.loads(content.raw)


class Person:
    """Somebody with a token."""

    def __init__(self, url, token):
        self.host, port = url.split("//")[1].split(":")
        self.port = int(port)
        self.token = token

    def call(self, method, path, body=None, headers=None):
        """(status, document). NoAnswer when the connection broke before it came."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=ANSWER_S)
        send = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            send["Content-Type"] = "application/json"
        try:
            connection.request(method, path, data, send)
            response = connection.getresponse()
            text = response.read()
            return response.status, json.loads(text) if text else {}
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NoAnswer(str(error)) from error
        finally:
            connection.close()

    def insist(self, method, path, body=None, seconds=60, going=lambda: True):
        """Again and again until there is an answer: for what may be said twice."""
        headers = {"Idempotency-Key": secrets.token_hex(12)} if path == "/v1/grants" else None
        end = time.monotonic() + seconds
        while True:
            try:
                status, document = self.call(method, path, body, headers)
                if status < 500:
                    return status, document
            except NoAnswer:
                pass
            if time.monotonic() > end or not going():
                raise NoAnswer(f"{method} {path}: none within {seconds} s")
            time.sleep(0.2)


class Case:
    """One request as the people concerned know it."""

    def __init__(self, grant, story, key):
        self.id = grant
        self.story = story
        self.key = key
        self.account = None
        self.passwords = []
        self.acknowledged = []  # events that daypassd said had happened
        self.refused_since = 0.0
        self.tables = ()


class Book:
    """All cases, and all secrets that must be found nowhere."""

    def __init__(self):
        self.lock = threading.Lock()
        self.cases = {}
        self.secrets = set()
        self.counts = {}
        self.errors = []

    def add(self, case):
        with self.lock:
            return self.cases.setdefault(case.id, case)

    def count(self, what, by=1):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + by

    def keep_secret(self, text):
        with self.lock:
            self.secrets.add(text)

    def error(self, text):
        with self.lock:
            self.errors.append(text)

    def all(self):
        with self.lock:
            return list(self.cases.values())
