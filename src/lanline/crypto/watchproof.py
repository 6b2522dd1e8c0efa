"""Proves that a viewer has the secret of a watch link, without saying it. The proof is bound to one link: whoever sees
it, or relays it, can use it on no other.
"""

from __future__ import annotations

import hmac

_PURPOSE = b"lanline watch 1"


def watch_proof(secret: bytes, binding: bytes) -> bytes:
    """`binding` is the exporter value of the link, the same at both ends."""
    return hmac.digest(secret, _PURPOSE + binding, "sha256")


def is_watch_proof(proof: bytes, secret: bytes, binding: bytes) -> bool:
    return hmac.compare_digest(proof, watch_proof(secret, binding))
