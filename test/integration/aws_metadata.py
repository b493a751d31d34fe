"""The metadata service of an EC2 instance (version 2), which gives the credentials of its role.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
"""

import http.server
import json
import secrets
import threading

CREDENTIALS = "/latest/meta-data/iam/security-credentials/"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_PUT(self):
        if (
            self.path != "/latest/api/token"
            or "X-aws-ec2-metadata-token-ttl-seconds" not in self.headers
        ):
            self.answer(400, "")
        else:
            self.answer(200, self.server.token)

    def do_GET(self):
        if self.headers.get("X-aws-ec2-metadata-token") != self.server.token:
            self.answer(401, "")
        elif self.path == CREDENTIALS:
            self.answer(200, "instance")
        elif self.path == CREDENTIALS + "instance":
            self.answer(200, json.dumps(self.server.credentials))
            self.server.given.set()
        else:
            self.answer(404, "")

    def answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


class Metadata:
    """Use as a context manager. `key`: temporary credentials."""

    def __init__(self, port, key):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.server.token = secrets.token_urlsafe(32)
        self.server.given = threading.Event()
        self.server.credentials = {
            "Code": "Success",
            "Type": "AWS-HMAC",
            "AccessKeyId": key["AccessKeyId"],
            "SecretAccessKey": key["SecretAccessKey"],
            "Token": key["SessionToken"],
            "Expiration": key["Expiration"].strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
