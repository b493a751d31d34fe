"""Ed25519 as the programs use it, so that a test can pose as a connector or as a control plane."""

import base64
import ctypes
import ctypes.util
import hashlib
import http.client
import json
import secrets
import time

SODIUM = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")
SEED_BYTES, PUBLIC_BYTES, SECRET_BYTES, SIGNATURE_BYTES = 32, 32, 64, 64


def base64_text(data):
    return base64.b64encode(data).decode()


class Signer:
    """A key pair: a new one, or the one of a key file that a program wrote."""

    def __init__(self, key_file=None):
        if key_file:
            with open(key_file, encoding="ascii") as file:
                self.seed = base64.b64decode(file.read().strip())
        else:
            self.seed = secrets.token_bytes(SEED_BYTES)
        public = ctypes.create_string_buffer(PUBLIC_BYTES)
        self.secret = ctypes.create_string_buffer(SECRET_BYTES)
        SODIUM.crypto_sign_seed_keypair(public, self.secret, self.seed)
        self.public_text = base64_text(public.raw)

    def sign(self, data):
        signature = ctypes.create_string_buffer(SIGNATURE_BYTES)
        SODIUM.crypto_sign_detached(
            signature, None, data, ctypes.c_ulonglong(len(data)), self.secret
        )
        return base64_text(signature.raw)


def content_digest(body):
    return f"sha-256=:{base64_text(hashlib.sha256(body).digest())}:"


class Instance:
    """An enrolled instance of a connector, as its state folder describes it."""

    def __init__(self, folder):
        with open(f"{folder}/identity.json", encoding="utf-8") as file:
            self.identity = json.load(file)
        self.id = self.identity["instance"]
        self.signer = Signer(f"{folder}/instance.key")

    def headers(self, path, body, *, age_s=0, nonce=None, digest=None, key_id=None):
        """What makes POST `path` with `body` a signed request (RFC 9421)."""
        digest = digest or content_digest(body)
        parameters = (
            '("@method" "@path" "@query" "content-digest")'
            f";created={int(time.time()) - age_s};nonce=\"{nonce or secrets.token_hex(16)}\""
            f';keyid="{key_id or self.id}";alg="ed25519"'
        )
        base = (
            f'"@method": POST\n"@path": {path}\n"@query": ?\n"content-digest": {digest}\n'
            f'"@signature-params": {parameters}'
        )
        return {
            "Content-Type": "application/json",
            "Content-Digest": digest,
            "Signature-Input": f"sig1={parameters}",
            "Signature": f"sig1=:{self.signer.sign(base.encode())}:",
        }

    def call(self, url, path, message, headers=None, sent_body=None):
        """(status, body) of a signed request. `headers` and `sent_body`: sent instead of its own."""
        body = json.dumps(message).encode()
        headers = headers or self.headers(path, body)
        host, port = url.split("//")[1].split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=60)
        connection.request("POST", path, body if sent_body is None else sent_body, headers)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response.status, text


def sign_action(signer, action):
    """A signed action, as daypassd hands it out."""
    payload = json.dumps(action, separators=(",", ":"), sort_keys=True)
    return {
        "payload": payload,
        "signature": signer.sign(b"daypass-action-v1\n" + payload.encode()),
    }
