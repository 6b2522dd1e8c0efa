"""What the Lanline contenders share: the UDP link as every program of Lanline uses it. They differ in the profile."""

from __future__ import annotations

from contenders import OnMessage, Place
from lanline.crypto.identity import Identity
from lanline.proto.channels import Channel
from lanline.proto.events import LinkEvent, MessageReceived
from lanline.proto.link.profile import LinkProfile
from lanline.transport.connection import Connection
from lanline.transport.linkhost import LinkHost
from lanline.transport.udp import UdpSocket

CHANNELS = {"latency": Channel.CHAT, "bulk": Channel.BULK}


class LanlineLink:
    def __init__(self, connection: Connection, place: Place, on_message: OnMessage) -> None:
        self._connection = connection
        self._channel = CHANNELS[place.purpose]
        self._on_message = on_message
        connection.set_handler(self._on_event)

    def _on_event(self, event: LinkEvent) -> None:
        if type(event) is MessageReceived:
            self._on_message(self, event.payload)

    def send(self, message: bytes) -> None:
        self._connection.send_nowait(self._channel, message)

    async def drain(self) -> None:
        await self._connection.wait_writable(self._channel)


async def listen(profile: LinkProfile, place: Place, on_message: OnMessage) -> object:
    return LinkHost(
        await UdpSocket.bind(place.host, place.port),
        Identity.from_pem(place.key.read_bytes()),
        profile=profile,
        on_accept=lambda connection, _address: LanlineLink(connection, place, on_message),
    )


async def connect(profile: LinkProfile, place: Place, on_message: OnMessage) -> LanlineLink:
    """It pins the listener's fingerprint, as an invite would; any local address will do."""
    host = LinkHost(await UdpSocket.bind("0.0.0.0", 0), Identity.generate(), profile=profile)
    expected = Identity.from_pem(place.key.read_bytes()).fingerprint
    return LanlineLink(await host.connect((place.host, place.port), expected), place, on_message)
