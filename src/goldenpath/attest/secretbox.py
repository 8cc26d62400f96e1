"""XSalsa20-Poly1305 as NaCl's `secretbox` has it, to open cosign's own encrypted key file.

Only opening, only small secrets: the stream cipher is in plain Python from its specification
(Bernstein, "Extending the Salsa20 nonce"), the authenticator is the library's.
"""

import struct

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.poly1305 import Poly1305

from goldenpath.errors import VerificationError

_SIGMA = struct.unpack("<4I", b"expand 32-byte k")
_ROUNDS = (
    ((4, 0, 12, 7), (8, 4, 0, 9), (12, 8, 4, 13), (0, 12, 8, 18)),
    ((9, 5, 1, 7), (13, 9, 5, 9), (1, 13, 9, 13), (5, 1, 13, 18)),
    ((14, 10, 6, 7), (2, 14, 10, 9), (6, 2, 14, 13), (10, 6, 2, 18)),
    ((3, 15, 11, 7), (7, 3, 15, 9), (11, 7, 3, 13), (15, 11, 7, 18)),
    ((1, 0, 3, 7), (2, 1, 0, 9), (3, 2, 1, 13), (0, 3, 2, 18)),
    ((6, 5, 4, 7), (7, 6, 5, 9), (4, 7, 6, 13), (5, 4, 7, 18)),
    ((11, 10, 9, 7), (8, 11, 10, 9), (9, 8, 11, 13), (10, 9, 8, 18)),
    ((12, 15, 14, 7), (13, 12, 15, 9), (14, 13, 12, 13), (15, 14, 13, 18)),
)
"""Four columns, then four rows: target, two sources, rotation."""


def open_box(key: bytes, nonce: bytes, box: bytes) -> bytes:
    """The secret in a box of a 32-byte key and a 24-byte nonce.

    Raises `VerificationError` if the key is wrong or the box was changed.
    """
    if len(key) != 32 or len(nonce) != 24 or len(box) < 16:
        raise VerificationError("encrypted key has a key, nonce or content of the wrong length")
    subkey = _hsalsa20(key, nonce[:16])
    stream = _stream(subkey, nonce[16:], 32 + len(box) - 16)
    tag, ciphertext = box[:16], box[16:]
    try:
        Poly1305.verify_tag(stream[:32], ciphertext, tag)
    except InvalidSignature as error:
        raise VerificationError("encrypted key does not open with this passphrase") from error
    return bytes(a ^ b for a, b in zip(ciphertext, stream[32:], strict=True))


def _twenty_rounds(state: tuple[int, ...]) -> list[int]:
    x = list(state)
    for _ in range(10):
        for double_round in _ROUNDS:
            for target, left, right, rotation in double_round:
                total = (x[left] + x[right]) & 0xFFFFFFFF
                x[target] ^= ((total << rotation) | (total >> (32 - rotation))) & 0xFFFFFFFF
    return x


def _state(key: bytes, middle: bytes) -> tuple[int, ...]:
    k, n = struct.unpack("<8I", key), struct.unpack("<4I", middle)
    return (_SIGMA[0], *k[:4], _SIGMA[1], *n, _SIGMA[2], *k[4:], _SIGMA[3])


def _hsalsa20(key: bytes, nonce: bytes) -> bytes:
    x = _twenty_rounds(_state(key, nonce))
    return struct.pack("<8I", *(x[at] for at in (0, 5, 10, 15, 6, 7, 8, 9)))


def _stream(key: bytes, nonce: bytes, length: int) -> bytes:
    blocks = []
    for counter in range((length + 63) // 64):
        state = _state(key, nonce + struct.pack("<Q", counter))
        mixed = zip(_twenty_rounds(state), state, strict=True)
        blocks.append(struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in mixed)))
    return b"".join(blocks)[:length]
