"""How one gets in: the greeting, and the key of a device that is known."""

from __future__ import annotations

from collections.abc import Callable

from lanline.errors import CloseCode, RefusalCode, RequestRefused
from lanline.model.accounts import Account, AccountId, Device
from lanline.server.session import Session, State
from lanline.server.state import ServerState
from lanline.wire.chat.signin import VERSIONS, Hello, NoCommonVersion, SignIn, Welcome

OPERATOR = Account(AccountId(0), "operator", 0, is_admin=True)

LetIn = Callable[[Session, int, Account, Device | None, bool], None]
"""The session, the number of its request, who it is, on which device, and whether the account is new."""


class Door:
    def __init__(self, state: ServerState, let_in: LetIn) -> None:
        self._state = state
        self._let_in = let_in
        self.operator_fingerprint: bytes | None = None

    def greet(self, session: Session, message: Hello) -> None:
        common = [version for version in VERSIONS if version in message.versions]
        if not common:
            session.send(NoCommonVersion(VERSIONS))
            why = "There is no version of the protocol that both sides speak."
            session.close_after_this(CloseCode.INCOMPATIBLE_VERSION, why, self._state.clock)
            return
        session.state = State.GREETED
        settings = self._state.settings
        session.send(Welcome(common[-1], settings.server_name, settings.is_open, self._state.clock.now_ms()))

    def sign_in(self, session: Session, message: SignIn) -> None:
        fingerprint = session.link.peer_fingerprint
        if self.operator_fingerprint and fingerprint == self.operator_fingerprint:
            self._let_in(session, message.request, OPERATOR, None, False)
            return
        device = self._state.directory.by_key(fingerprint)
        if device is None:
            raise RequestRefused(RefusalCode.UNKNOWN_DEVICE, "This server does not know this device. Join first.")
        self.admit(session, message.request, device)

    def admit(self, session: Session, request: int, device: Device, *, is_new: bool = False) -> None:
        if device.is_revoked:
            text = "The key of this device was revoked. Join again with a new home folder."
            raise RequestRefused(RefusalCode.UNKNOWN_DEVICE, text)
        account = self._state.directory.known(device.account)
        if account.is_banned:
            raise banned()
        if len(self._state.sessions_of.get(account.id, ())) >= self._state.settings.most_links_of_account:
            raise RequestRefused(RefusalCode.QUOTA_EXCEEDED, "This account is signed in too many times.")
        self._let_in(session, request, account, device, is_new)


def banned() -> RequestRefused:
    return RequestRefused(RefusalCode.BANNED, "You are banned from this server. Ask its admin.")
