"""Carries parcels to one server over one connection, and over another when that one ends between two of them."""

from __future__ import annotations

import ssl
from collections.abc import Callable

import msgspec

from lanline.errors import MailDeferred
from lanline.model.mail.message import Parcel
from lanline.model.mail.server import Credentials, Server, SignIn
from lanline.transport.smtp.delivery import Delivery, Watch, deliver
from lanline.transport.smtp.session import Offer, Patience, Session
from lanline.transport.smtp.transcript import Transcript
from lanline.transport.smtp.trust import verifying_context


class Passage(msgspec.Struct, frozen=True):
    """All that a connection takes. The password is in here, so this is never written anywhere."""

    server: Server
    credentials: Credentials | None = None
    auth: SignIn = SignIn.AUTO
    patience: Patience = Patience()


class Courier:
    """Not for two tasks at once."""

    __slots__ = ("_context", "_delivered", "_passage", "_session", "_sink")

    def __init__(self, passage: Passage, sink: Callable[[str], None] | None = None) -> None:
        self._passage = passage
        self._context: ssl.SSLContext = verifying_context(passage.server.ca_file)
        self._sink = sink
        self._session: Session | None = None
        self._delivered = 0

    async def connect(self) -> Offer:
        """Raises MailRefused or MailDeferred."""
        return (await self._connected()).offer

    async def carry(self, parcel: Parcel, watch: Watch) -> Delivery:
        """Raises as `deliver` does. A connection on which mail went before is allowed to have ended: servers count."""
        session = await self._connected()
        used_before = self._delivered > 0
        try:
            delivery = await deliver(session, parcel, watch)
        except MailDeferred:
            if session.is_open or not used_before:
                raise
            delivery = await deliver(await self._connected(), parcel, watch)
        self._delivered += 1
        return delivery

    async def _connected(self) -> Session:
        if self._session is not None and self._session.is_open:
            return self._session
        self._delivered = 0
        transcript = Transcript(self._sink) if self._sink is not None else Transcript()
        session = await Session.open(self._passage.server, self._context, self._passage.patience, transcript)
        try:
            if self._passage.credentials is not None:
                await session.sign_in(self._passage.credentials, self._passage.auth)
        except BaseException:
            session.abort()
            raise
        self._session = session
        return session

    async def close(self) -> None:
        if self._session is not None and self._session.is_open:
            await self._session.close()
