"""Alarms as signed CloudEvents 1.0 in structured JSON, for any receiver of webhooks.

The signature is that of Standard Webhooks (standardwebhooks.com): over id, time and body, so that
neither can be changed and an old message cannot be sent again later. `v1` is HMAC-SHA256 with a
shared secret, `v1a` is Ed25519 with the key of this machine.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from goldenpath.audit.alarms.notice import Notice
from goldenpath.errors import InvalidInput
from goldenpath.files import write_new

MEDIA_TYPE = "application/cloudevents+json; charset=utf-8"
TYPE = "example.goldenpath.finding"
"""Beginning of the type of an event; the state follows. RFC 2606 keeps the domain free."""
SHORTEST_SECRET = 24
"""Bytes of the shortest HMAC secret, as Standard Webhooks asks."""
_PREFIX = "whsec_"


def event_body(notice: Notice) -> bytes:
    """Return the event. It is the same for each attempt, so a receiver knows it again."""
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": notice.key,
            "source": f"/goldenpath/{notice.where}",
            "type": f"{TYPE}.{notice.state}",
            "subject": notice.finding,
            "time": notice.ended_at if notice.state != "open" else notice.opened_at,
            "datacontenttype": "application/json",
            "data": notice,
        }
    )


def signed_headers(
    notice: Notice, body: bytes, key: "bytes | Ed25519PrivateKey", now: datetime
) -> Mapping[str, str]:
    """Return the headers of one attempt. `key` is a shared secret or the machine's key."""
    moment = f"{int(now.timestamp())}"
    signed = f"{notice.key}.{moment}.".encode() + body
    if isinstance(key, bytes):
        version, signature = "v1", hmac.new(key, signed, hashlib.sha256).digest()
    else:
        version, signature = "v1a", key.sign(signed)
    return {
        "Content-Type": MEDIA_TYPE,
        "webhook-id": notice.key,
        "webhook-timestamp": moment,
        "webhook-signature": f"{version},{base64.b64encode(signature).decode()}",
    }


def hmac_secret(text: str, what: str) -> bytes:
    """Return the secret in a file, with or without `whsec_`. Raises `InvalidInput`."""
    try:
        secret = base64.b64decode(text.strip().removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput(f"{what} is not a secret: expected base64") from error
    if len(secret) < SHORTEST_SECRET:
        raise InvalidInput(f"{what} is too short: expected at least {SHORTEST_SECRET} bytes")
    return secret


def machine_key(path: Path) -> Ed25519PrivateKey:
    """Return the machine's Ed25519 key, made on first use with its public half beside it.

    Raises `InvalidInput` if the file holds another key.
    """
    if not path.exists():
        key = Ed25519PrivateKey.generate()
        pem = serialization.Encoding.PEM
        content = key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
        write_new(path.with_suffix(".pub"), public, 0o644)
        write_new(path, content, 0o600)
        return key
    try:
        found = serialization.load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InvalidInput(f"{path} cannot be read as a key: {error}") from error
    if not isinstance(found, Ed25519PrivateKey):
        raise InvalidInput(f"{path} is not an Ed25519 key")
    return found
