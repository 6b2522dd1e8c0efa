"""Owns the sessions of all Lanline clients: lets links in, signs people in and out, and tells them what has changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from lanline.clock import Clock
from lanline.core.changes import (
    AccountChanged,
    Appended,
    BoxesGiven,
    ChainGrew,
    Change,
    ConversationEnded,
    CursorMoved,
    DeviceChanged,
    DirectOpened,
    FilmSpaceLimited,
    Handlers,
    MemberStepped,
    PasswordChanged,
    PresenceChanged,
    RequestLeft,
    RoomChanged,
    ServerWarned,
)
from lanline.core.core import Core
from lanline.core.films import Films
from lanline.core.limits import Buckets
from lanline.core.signin import SignedIn
from lanline.errors import CloseCode
from lanline.gateways.lanline.adminrequests import AdminRequests
from lanline.gateways.lanline.admission import Admission
from lanline.gateways.lanline.awaitingauthors import AwaitingAuthors
from lanline.gateways.lanline.catchup import CatchUp
from lanline.gateways.lanline.conversations import ConversationNews
from lanline.gateways.lanline.devices import DeviceRequests
from lanline.gateways.lanline.films import FilmRequests
from lanline.gateways.lanline.followers import Followers
from lanline.gateways.lanline.groups import Groups
from lanline.gateways.lanline.offers import Offers
from lanline.gateways.lanline.people import PeopleTable
from lanline.gateways.lanline.requests import Requests
from lanline.gateways.lanline.sendqueue import ClientLink
from lanline.gateways.lanline.session import Address, Session
from lanline.model.accounts import AccountId
from lanline.model.addresses import address_text
from lanline.proto.framing import frame_message
from lanline.wire.chat import signin
from lanline.wire.chat.answers import ServerSays
from lanline.wire.chat.entries import CursorMoved as WireCursorMoved
from lanline.wire.chat.messages import ServerMessage, encode_message

_EXCESS_PER_S = 200.0
_EXCESS_BURST = 10_000
"""Somebody with thousands of conversations follows them all at once."""


class LanlineGateway:
    def __init__(self, core: Core, clock: Clock, films: Films) -> None:
        self._core = core
        self._films = films
        self._clock = clock
        self.sessions: dict[Session, None] = {}  # in the order of their calls: a set has none that could be repeated
        self._sessions_of: dict[AccountId, list[Session]] = {}
        self._signed_in: dict[Session, None] = {}
        self._sign_ins = 0
        self._admission = Admission(core.settings)
        self.followers: Followers[Session] = Followers()
        self._catch_up = CatchUp(core, clock, self.followers)
        self._people = PeopleTable(core, clock, self._signed_in)
        self._excess: Buckets[AccountId] = Buckets(_EXCESS_PER_S, _EXCESS_BURST)
        self._awaiting = AwaitingAuthors()
        self._news = ConversationNews(core, self.sessions_of, self.tell, self._catch_up.unfollow, self._awaiting)
        self._groups = Groups(core, clock)
        requests = Requests(core, clock, self._catch_up, self.sessions_of, self.all_figures)
        devices = DeviceRequests(core, self._groups, self.sessions_of)
        self._handlers = {
            **requests.handlers(),
            **self._groups.handlers(),
            **devices.handlers(),
            **Offers(core, self._groups.member_by_link).handlers(),
            **FilmRequests(core, films).handlers(),
            **AdminRequests(core, films).handlers(),
        }
        self._tellers: Handlers = {
            Appended: self._publish,
            CursorMoved: self._tell_cursor,
            PresenceChanged: self._people.note,
            MemberStepped: self._news.note_step,
            RoomChanged: self._news.note_room,
            DirectOpened: self._news.note_opened,
            ConversationEnded: self._news.note_ended,
            AccountChanged: self._note_account,
            DeviceChanged: self._note_device,
            PasswordChanged: self._note_password,
            ChainGrew: self._groups.note_grown,
            BoxesGiven: self._groups.note_given,
            RequestLeft: self._groups.note_request,
            **devices.tellers(),
            FilmSpaceLimited: lambda _: None,  # whoever asks for films is told
            ServerWarned: self._warn,
        }
        core.stream.subscribe(self._on_changes)

    def open(self) -> None:
        """Once the core has read what is kept."""
        self._people.load()
        self._groups.load(self._core.group)

    # Links.

    def on_accept(self, link: ClientLink, address: Address) -> None:
        """A client has called. What it does from here on comes to its session; an exception there is its own."""
        settings, admission = self._core.settings, self._admission
        account = self._core.sign_in.known_account(link.peer_fingerprint)
        has_room = admission.has_room_near(address[0]) if account is None else admission.has_room_for(account)
        if self._core.is_closing or len(self.sessions) >= settings.most_links or not has_room:
            link.close(CloseCode.BUSY, "The server takes no more links now.")
            return
        session = Session(link, address, self._handlers, self)
        self.sessions[session] = None
        if account is None:
            admission.add_stranger(session)
        else:
            admission.add_known(session, account)
        session.end_unless_signed_in(self._clock, settings.sign_in_timeout_s)
        link.set_handler(session.handle_event)

    def close_all(self, reason: str) -> None:
        for session in list(self.sessions):
            session.close(CloseCode.GOING_AWAY, reason)

    # What sessions tell: see SessionHost.

    def came(self, session: Session, signed_in: SignedIn, request: int) -> None:
        account, device = signed_in.account, signed_in.actor.device
        self._admission.drop(session)
        session.link.trust()
        session.send(
            signin.SignedIn(
                request,
                account.id,
                account.name,
                device,
                account.is_admin,
                signed_in.is_new,
                self._core.history.value,
                knows_away=True,
            )
        )
        if not signed_in.actor.is_operator:
            self._core.presence.come(account.id, address_text(session.address), is_away=session.is_away)
            self._sessions_of.setdefault(account.id, []).append(session)
        self._signed_in[session] = None
        self._sign_ins += 1
        session.queue.is_greeting = True
        try:
            self._people.send_all(session)
            self._news.send_all(session, signed_in)
        finally:
            session.queue.is_greeting = False
        if account.is_admin and self._core.housekeeping.warning:
            session.send(ServerSays(self._core.housekeeping.warning))

    def fall_behind(self, session: Session) -> None:
        self._catch_up.fall_behind(session)

    def go_on(self, session: Session) -> None:
        self._catch_up.add(session)

    def count_excess(self, session: Session) -> None:
        if self._excess.take(session.actor.account, self._clock.now()):
            session.close(CloseCode.BUSY, "This program asks for far more than the server gives to one person.")

    def moved(self, session: Session) -> None:
        if session in self._signed_in and not session.actor.is_operator:
            self._core.presence.move(session.actor.account, address_text(session.address))

    def left(self, session: Session) -> None:
        if session not in self._signed_in:
            return
        del self._signed_in[session]
        self._catch_up.forget(session)
        self._groups.forget(session)
        self._films.leave(session.actor)
        account = session.actor.account
        if not session.actor.is_operator:
            mine = self._sessions_of[account]
            mine.remove(session)
            if mine:
                self._core.presence.move(account, address_text(mine[-1].address))
            else:
                del self._sessions_of[account]
            self._core.presence.go(account, is_away=session.is_away)

    def ended(self, session: Session) -> None:
        self.sessions.pop(session, None)
        self._admission.drop(session)
        self.left(session)

    # Telling.

    def sessions_of(self, account: AccountId) -> tuple[Session, ...]:
        return tuple(self._sessions_of.get(account, ()))

    def tell(self, accounts: Iterable[AccountId], message: ServerMessage, but: object = None) -> None:
        """All their sessions but that of this actor, encoded once."""
        framed: bytes | None = None
        for account in accounts:
            for session in self.sessions_of(account):
                if session.actor is not but:
                    framed = framed or frame_message(encode_message(message))
                    session.send_framed(framed)

    def _on_changes(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self._tellers[type(change)](change)

    def _publish(self, change: Appended) -> None:
        conversation = self._core.conversations.get(change.log)
        if conversation is not None and conversation.room is not None:
            self._awaiting.note_appended(change)
        position, stragglers = self.followers.publish(change)
        for session in stragglers:
            if session.is_signed_in:
                self._catch_up.read_on(session, change.log, position)

    def _tell_cursor(self, change: CursorMoved) -> None:
        """Not back to the program that said it; another one of the same device has not heard of it."""
        conversation = self._core.conversations.get(change.log)
        if conversation is not None:
            authors = filter(conversation.may_read, self._awaiting.concerned(change))
            told = [change.account, *authors] if conversation.direct is None else conversation.readers()
            cursor = change.cursor
            message = WireCursorMoved(change.log, change.account, cursor.delivered, cursor.read)
            self.tell(told, message, but=change.by)

    def _note_account(self, change: AccountChanged) -> None:
        self._people.note(change)
        if change.account.is_ended:
            self._put_off(self.sessions_of(change.account.id), "Your account on this server was deleted.")
        elif change.account.is_banned:
            text = f"You are banned from this server: {change.reason}".removesuffix(": ")
            self._put_off(self.sessions_of(change.account.id), text if change.reason else f"{text}.")

    def _note_device(self, change: DeviceChanged) -> None:
        device = change.device
        if change.is_new:
            text = f"A device was added to your account, with the number {device.id}. Not yours? Tell an admin at once."
            self.tell([device.account], ServerSays(text))
        elif device.is_revoked:
            its = [each for each in self.sessions_of(device.account) if each.actor.device == device.id]
            self._put_off(its, "The key of this device was revoked.")

    def _note_password(self, change: PasswordChanged) -> None:
        if change.by.account == change.account:
            text = "The password of your account was changed on another device."
        else:
            text = "An admin has given your account a new password. Your devices stay signed in."
        self.tell([change.account], ServerSays(text), but=change.by)

    def _warn(self, change: ServerWarned) -> None:
        admins = [account.id for account in self._core.accounts.all() if account.is_admin]
        self.tell(admins, ServerSays(change.text))

    def _put_off(self, sessions: Sequence[Session], text: str) -> None:
        """At the end of this turn: whoever asked for it, perhaps on one of these, is answered first."""
        for session in sessions:
            self._clock.call_later(0.0, partial(session.close, CloseCode.IDENTITY_REJECTED, text))

    # Figures.

    def all_figures(self) -> dict[str, float]:
        return self._core.figures() | self.figures()

    def figures(self) -> dict[str, float]:
        return {
            "sign_ins_total": self._sign_ins,
            "deliveries_total": self.followers.deliveries,
            "links": len(self.sessions),
            "links_signed_in": len(self._signed_in),
            "links_behind": sum(bool(session.behind) for session in self._signed_in),
            "films_playing": self._films.playing,
        }
