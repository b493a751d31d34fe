"""A control plane with one grant, whose credential is whatever a test says."""

import ctypes
import http.server
import json
import os
import shutil
import subprocess
import tempfile
import threading
from base64 import b64decode, b64encode

from signer import SODIUM
from world import CLI, Result, check_equal

GRANT = "grt_of_this_test"
SEAL_BYTES = 48
EXPIRES_AT = "2999-01-01T00:00:00Z"


def seal(public_key, text):
    """A box that the key's owner alone opens, as a connector makes it."""
    data = text.encode()
    box = ctypes.create_string_buffer(len(data) + SEAL_BYTES)
    status = SODIUM.crypto_box_seal(
        box, data, ctypes.c_ulonglong(len(data)), b64decode(public_key)
    )
    check_equal(status, 0, "crypto_box_seal")
    return b64encode(box.raw).decode()


class CredentialPlane:
    """Use as a context manager; `credential` may be changed between two commands."""

    def __init__(self):
        self.credential = None
        self.public_key = None
        self.folder = tempfile.mkdtemp(prefix="daypass-clients-")
        self.runtime = os.path.join(self.folder, "runtime")
        os.mkdir(self.runtime, 0o700)
        plane = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # pylint: disable=invalid-name
                self.answer(plane.answer(self.path))

            def do_POST(self):  # pylint: disable=invalid-name
                body = self.rfile.read(int(self.headers["Content-Length"]))
                plane.public_key = json.loads(body)["public_key"]
                self.answer(plane.answer(self.path))

            def answer(self, body):
                data = json.dumps(body).encode()
                self.send_response(body.get("status", 200))  # a problem has one
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        shutil.rmtree(self.folder)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def answer(self, path):
        if path.endswith("/credentials"):
            text = json.dumps({**self.credential, "expires_at": EXPIRES_AT, "grant_id": GRANT})
            return {
                "id": GRANT,
                "sealed": seal(self.public_key, text),
                "public_key": self.public_key,
                "expires_at": EXPIRES_AT,
            }
        return {
            "id": GRANT,
            "version": 1,
            "state": "active",
            "public_key": self.public_key,
            "kind": self.credential["kind"],
            "may": ["credentials"],
        }

    def offer(self, **credential):
        """The credential from here on; the machine has the key that opens it."""
        self.credential = credential
        if not self.public_key:
            self.run("credentials", GRANT, "--reset", "--format", "json")

    def environment(self, **changes):
        env = {
            **os.environ,
            "XDG_STATE_HOME": self.path("state"),
            "XDG_RUNTIME_DIR": self.runtime,
            "HOME": self.folder,
            "DAYPASS_URL": f"http://127.0.0.1:{self.server.server_port}",
            "DAYPASS_TOKEN": "dpt_of_this_test",
            **changes,
        }
        return {name: value for name, value in env.items() if value is not None}

    def run(self, *arguments, expect=0, stdin="", **environment):
        process = subprocess.run(
            [CLI, *arguments], env=self.environment(**environment), input=stdin,
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        result = Result(process)
        if expect is not None and result.code != expect:
            raise AssertionError(
                f"daypass {' '.join(arguments)}: exit {result.code}\n{result.out}{result.err}"
            )
        return result

    def form(self, name):
        """The credential in a form, without the newline at its end."""
        text = self.run("credentials", GRANT, "--format", name).out
        check_equal(text[-1:], "\n", f"end of {name}")
        return text[:-1]
