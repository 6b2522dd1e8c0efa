"""What a link host needs of whatever carries its datagrams."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Address = tuple[str, int]


class DatagramSocket(Protocol):
    @property
    def address(self) -> Address: ...

    @property
    def forbids_fragmentation(self) -> bool:
        """A datagram that is too large for the path vanishes; it is not cut up."""

    @property
    def id_prefix(self) -> bytes:
        """How connection ids have to begin, so that the packets of links are told from those of strangers."""

    def start(self, on_readable: Callable[[], None]) -> None:
        """Call `on_readable` whenever there is something to receive."""

    def receive(self) -> list[tuple[bytes, Address]]:
        """What is there now; nothing when there is nothing."""

    def send(self, address: Address, datagrams: list[bytes]) -> None:
        """Send a burst to one address. What cannot be sent is lost, as it could be on the way."""

    def close(self) -> None: ...
