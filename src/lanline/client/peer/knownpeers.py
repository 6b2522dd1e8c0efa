"""Owns what a conversation asks about the keys of people met before, and the sentence about a key that has changed."""

from __future__ import annotations

from typing import Protocol

from lanline.crypto.words import fingerprint_words
from lanline.errors import LinkError


class KnownPeer(Protocol):
    @property
    def fingerprint(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def first_met(self) -> str: ...


class KnownPeers(Protocol):
    """`client.home.Home`."""

    def known_peer(self, label: str) -> KnownPeer | None: ...

    def remember_peer(self, label: str, fingerprint: bytes, name: str) -> None: ...


def changed_key(label: str, known: KnownPeer, shown: bytes) -> LinkError:
    return LinkError(
        f"The key of {label} has changed: it was '{' '.join(fingerprint_words(bytes.fromhex(known.fingerprint)))}' "
        f"(met as {known.name}), and is '{' '.join(fingerprint_words(shown))}' now. Somebody may be listening in. "
        "Ask them by another way; if they did make a new key, start again with --accept-new-key."
    )
