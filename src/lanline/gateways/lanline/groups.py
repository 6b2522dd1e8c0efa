"""Owns what clients ask of the group's chain, its keys and boxes, and who is asked for a box that somebody lacks.

Not the rules: `core/keyentries`, `core/boxes`.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from lanline.clock import Clock
from lanline.core import boxes, keyentries, privaterooms, rsakeys
from lanline.core.changes import BoxesGiven, ChainGrew, RequestLeft
from lanline.core.commands import Authority, Command, unknown_conversation
from lanline.core.core import Core
from lanline.core.groupstate import ChainMember, GroupState
from lanline.core.limits import Buckets
from lanline.core.refusals import slow_down, somebody_begins
from lanline.crypto.groups.keys import box_info, seal_box
from lanline.crypto.groups.rsa import check_rsa_public
from lanline.errors import MalformedPacket, RefusalCode, RequestRefused
from lanline.gateways.lanline.answering import does, looks
from lanline.gateways.lanline.epochbeginners import Beginners
from lanline.gateways.lanline.followers import CHUNK_BYTES, as_log_entries
from lanline.gateways.lanline.helperturns import HelperTurns
from lanline.gateways.lanline.session import Handler, Session
from lanline.model.accounts import AccountId
from lanline.model.groups import FOR_DEVICE, Box, EntryRequest
from lanline.model.logs import Entry, LogId
from lanline.storage.api import View
from lanline.ticket import Ticket
from lanline.wire.chat import groups as wire
from lanline.wire.chat.answers import Done
from lanline.wire.chat.messages import ServerMessage

_ASKED_FOR_S = 3.0
_MAX_ASKED = 20
"""Members, one after the other, for one box."""
_MAX_WANTS = 1000
_MAX_WANTS_OF_ACCOUNT = 50
_KEYS_AT_ONCE = 500
_EPOCHS_PER_S, _EPOCHS_BURST = 1.0, 60
_KEYS_PER_S, _KEYS_BURST = 1 / 3, 20
_KEYS_OF_A_DAY = 2000
"""For good: everybody who comes reads them all."""
_REQUESTS_PER_S, _REQUESTS_BURST = 1 / 60, 20
"""To be let in: each admin hears of each."""
_ADMINS_KEYS_PER_S, _ADMINS_KEYS_BURST = 1.0, 500
_DAY_S = 24 * 3600.0
_NO_BYTES = bytes(32)


class _Want(msgspec.Struct, eq=False):
    """Boxes that one account lacks, and whom to ask next."""

    message: wire.BoxWanted
    asker: AccountId
    missing: set[bytes]
    helpers: deque[Session]


class Groups:
    def __init__(self, core: Core, clock: Clock) -> None:
        self._core = core
        self._clock = clock
        self._asked: dict[Session, None] = {}
        """Those that know of groups: the others are older programs."""
        self._wants: list[_Want] = []
        self._turns = HelperTurns()
        self._beginners = Beginners(clock)
        self._want_pace: Buckets[AccountId] = Buckets(_EPOCHS_PER_S, _EPOCHS_BURST)
        self._key_pace: Buckets[AccountId] = Buckets(_KEYS_PER_S, _KEYS_BURST)
        self._days_keys: Buckets[AccountId] = Buckets(_KEYS_OF_A_DAY / _DAY_S, _KEYS_OF_A_DAY)
        self._request_pace: Buckets[AccountId] = Buckets(_REQUESTS_PER_S, _REQUESTS_BURST)
        self._admins_key_pace: Buckets[AccountId] = Buckets(_ADMINS_KEYS_PER_S, _ADMINS_KEYS_BURST)
        self.state: GroupState | None = None
        """As it was told of; None: nothing is founded."""
        self._is_awaited = False

    def load(self, state: GroupState) -> None:
        self.state = state if state.is_founded else None
        self._is_awaited = state.is_awaited

    def forget(self, session: Session) -> None:
        self._asked.pop(session, None)

    def handlers(self) -> dict[type, Handler]:
        core = self._core
        return {
            wire.AskGroup: self._ask_group,
            wire.AppendKey: self._takes(lambda m: keyentries.AppendKey(m.content)),
            wire.AppendRoomKey: self._takes(lambda m: privaterooms.AppendRoomKey(LogId(m.log), m.content)),
            wire.ReadKeys: self._read_keys,
            wire.ReadPastKeys: looks(core, _look_past, _past_items),
            wire.MakeGroupInvite: self._takes(lambda m: keyentries.MakeGroupInvite(m.content, m.shown_hash)),
            wire.PutKeys: self._put_keys,
            wire.GetKeys: looks(core, _look_keys, _keys, Session.send_bulk),
            wire.PutRsaKey: self._put_rsa_key,
            wire.GetRsaHalf: looks(core, _look_rsa_half, _rsa_half, Session.send_bulk),
            wire.PutBoxes: self._put_boxes,
            wire.GetBoxes: looks(core, _look_boxes, _boxes, Session.send_bulk),
            wire.WantBoxes: self._want_boxes,
            wire.ClaimEpoch: self._claim_epoch,
            wire.BeginEpoch: self._begin_epoch,
            wire.GiveUp: self._give_up,
            wire.LeaveRequest: self._leave_request,
            wire.ListRequests: looks(core, lambda _: keyentries.list_requests, _requests),
            wire.RefuseRequest: does(core, lambda m: keyentries.RefuseRequest(AccountId(m.account))),
        }

    # The chain.

    def _ask_group(self, session: Session, message: wire.AskGroup) -> None:
        session.check_reads()
        self._core.check_pace(session.actor)
        self._asked[session] = None
        session.send(self._described(message.request))

    def _described(self, request: int) -> wire.GroupIs:
        state = self.state
        if state is None:
            return wire.GroupIs(request, 0, 0, 0, _NO_BYTES, is_awaited=self._is_awaited)
        conversation = self._core.conversations.get(state.log)
        assert conversation is not None
        chain = state.chain
        return wire.GroupIs(request, state.log, conversation.head, chain.height, chain.head, self._core.gathering.asks)

    def note_grown(self, change: ChainGrew) -> None:
        was_founded = self.state is not None
        self.load(change.state)
        if was_founded is not change.state.is_founded:
            for session in self._asked:
                session.send(self._described(0))

    def _read_keys(self, session: Session, message: wire.ReadKeys) -> None:
        log = LogId(message.log)
        self._core.conversations.readable(log, session.actor.account)

        def look(view: View, _by: Authority) -> list[Entry]:
            return view.logs.keyed(log, message.after, _KEYS_AT_ONCE, CHUNK_BYTES)

        session.ask(
            message.request,
            lambda: self._core.ask(session.actor, look),
            lambda found: session.send(wire.KeyEntries(message.request, log, as_log_entries(found))),
        )

    def _check_key_pace(self, session: Session) -> tuple[Buckets[AccountId], ...]:
        account, now = session.actor.account, self._clock.now()
        is_admin = self._core.accounts.is_admin(account)
        paces = (self._admins_key_pace,) if is_admin else (self._key_pace, self._days_keys)
        for pace in paces:
            _take(pace, account, now)
        return paces

    def _takes(self, command: Callable[[Any], Command[keyentries.KeyPlace]]) -> Handler:
        return lambda session, message: self.take_key(session, message.request, command(message))

    def take_key(self, session: Session, request: int, command: Command[keyentries.KeyPlace]) -> None:
        """A try for which somebody else was quicker counts as a request only: many may come at once."""
        paces = self._check_key_pace(session)

        def note(settled: Ticket[keyentries.KeyPlace]) -> None:
            if isinstance(settled.problem, RequestRefused) and settled.problem.code is RefusalCode.STALE_CHAIN:
                for pace in paces:
                    pace.give_back(session.actor.account)

        def begin() -> Ticket[keyentries.KeyPlace]:
            ticket = self._core.do(session.actor, command)
            ticket.when_settled(note)
            return ticket

        session.command(request, begin, lambda at: session.send(wire.KeyTaken(request, at.log, at.sequence)))

    # Keys and boxes.

    def _put_keys(self, session: Session, message: wire.PutKeys) -> None:
        keys = {hashlib.sha256(key).digest(): key for key in message.keys}
        self._core.check_pace(session.actor)
        for key in message.keys:
            _check_sealable(key)
        does(self._core, lambda _: keyentries.PutKeys(keys))(session, message)

    def _put_rsa_key(self, session: Session, message: wire.PutRsaKey) -> None:
        self._core.check_pace(session.actor)
        try:
            check_rsa_public(message.public)
        except MalformedPacket as cause:
            raise RequestRefused(RefusalCode.INVALID, "Nothing can be sealed to a key that was brought.") from cause
        does(self._core, lambda _: rsakeys.PutRsaKey(message.public, message.half))(session, message)

    def _put_boxes(self, session: Session, message: wire.PutBoxes) -> None:
        given = tuple(boxes.NewBox(each.kind, each.recipient, each.generation, each.data) for each in message.boxes)
        command = boxes.PutBoxes(LogId(message.log), message.scope, message.epoch_id, given)
        self._beginners.note_boxes(LogId(message.log), session.actor.account)
        size_bytes = sum(len(each.data) for each in given)
        session.put_blob(
            message.request,
            size_bytes,
            lambda: self._core.do(session.actor, command),
            lambda _: session.send(Done(message.request)),
        )

    def _claim_epoch(self, session: Session, message: wire.ClaimEpoch) -> None:
        log, account = LogId(message.log), session.actor.account
        self._core.check_pace(session.actor)
        if self._core.conversations.head_for(log, account) is None:
            raise unknown_conversation()
        wait_s = self._beginners.wait_s(log, account)
        if wait_s:
            raise somebody_begins(wait_s)
        session.send(Done(message.request))

    def _begin_epoch(self, session: Session, message: wire.BeginEpoch) -> None:
        def answer(outcome: boxes.Begun | boxes.Lacking) -> None:
            if isinstance(outcome, boxes.Begun):
                self._beginners.note_begun(LogId(message.log))
                session.send(wire.EpochBegun(message.request, outcome.sequence))
                return
            readers = tuple(wire.Reader(each.kind, each.id, each.generation) for each in outcome.readers)
            session.send(wire.ReadersLacking(message.request, readers))

        self._check_key_pace(session)
        session.command(
            message.request,
            lambda: self._core.do(session.actor, boxes.BeginEpoch(LogId(message.log), message.content)),
            answer,
        )

    def _give_up(self, session: Session, message: wire.GiveUp) -> None:
        session.count_excess()
        if session.author is not None:
            self._core.appends.give_up(session.author, message.entry_id)

    # Who lacks a box.

    def _want_boxes(self, session: Session, message: wire.WantBoxes) -> None:
        account, now = session.actor.account, self._clock.now()
        for _ in message.epoch_ids:
            _take(self._want_pace, account, now)
        command = boxes.WantBoxes(LogId(message.log), message.scope, message.epoch_ids)

        def answer(member: ChainMember) -> None:
            session.send(Done(message.request))
            self._ask_helpers(session, message, member)

        session.command(message.request, lambda: self._core.do(session.actor, command), answer)

    def _ask_helpers(self, session: Session, message: wire.WantBoxes, member: ChainMember) -> None:
        kind, recipient = (1, member.account_id) if message.log else (FOR_DEVICE, member.device_id)
        asked = wire.BoxWanted(message.log, message.scope, message.epoch_ids, kind, recipient)
        asker = session.actor.account
        may_help = [each for each in self._asked if each is not session and self._may_help(each, message, session)]
        helpers = self._turns.in_turn(asker, message.epoch_ids, may_help)[:_MAX_ASKED]
        of_account = sum(each.asker == asker for each in self._wants)
        if len(self._wants) < _MAX_WANTS and of_account < _MAX_WANTS_OF_ACCOUNT:
            want = _Want(asked, asker, set(message.epoch_ids), deque(helpers))
            self._wants.append(want)
            self._ask_next(want)

    def _may_help(self, helper: Session, message: wire.WantBoxes, asker: Session) -> bool:
        """A seed comes from another device of the same account only; the secret of a conversation from who reads it,
        and nobody else is told that there is one.
        """
        if not message.log and helper.actor.account != asker.actor.account:
            return False
        if message.log and self._core.conversations.head_for(LogId(message.log), helper.actor.account) is None:
            return False
        return self.is_in_group(helper)

    def is_in_group(self, session: Session) -> bool:
        """Its device is, by the chain, and it is a program that knows of groups."""
        if session not in self._asked or not session.is_signed_in:
            return False
        return self.member_by_link(session.link.peer_fingerprint) is not None

    def member_by_link(self, fingerprint: bytes) -> ChainMember | None:
        return None if self.state is None else self.state.member_by_link(fingerprint)

    def _ask_next(self, want: _Want) -> None:
        if want not in self._wants:
            return
        while want.helpers and not want.helpers[0].is_signed_in:
            want.helpers.popleft()
        if not want.helpers:
            self._wants.remove(want)
            return
        helper = want.helpers.popleft()
        self._turns.note_asked(want.asker, want.missing, helper)
        helper.send(msgspec.structs.replace(want.message, epoch_ids=tuple(sorted(want.missing))))
        self._clock.call_later(_ASKED_FOR_S, lambda: self._ask_next(want))

    def note_given(self, change: BoxesGiven) -> None:
        for want in list(self._wants):
            message = want.message
            if message.scope == change.scope and message.recipient in change.recipients:
                want.missing.discard(change.epoch_id)
                if not want.missing:
                    self._wants.remove(want)
                self._tell(want.asker, wire.BoxGiven(change.scope, change.epoch_id))

    def _tell(self, account: AccountId, message: ServerMessage) -> None:
        for session in self._asked:
            if session.is_signed_in and session.actor.account == account:
                session.send(message)

    # Asking to be let in.

    def _leave_request(self, session: Session, message: wire.LeaveRequest) -> None:
        _take(self._request_pace, session.actor.account, self._clock.now())
        does(self._core, lambda _: keyentries.LeaveRequest(message.joiner, message.signature))(session, message)

    def note_request(self, change: RequestLeft) -> None:
        message = wire.RequestCame(_waiting(change.request))
        for session in self._asked:
            if session.is_signed_in and self._core.accounts.is_admin(session.actor.account):
                session.send(message)


def _take(pace: Buckets[AccountId], account: AccountId, now: float) -> None:
    wait_s = pace.take(account, now)
    if wait_s:
        raise slow_down(wait_s)


def _look_keys(message: wire.GetKeys) -> Callable[[View, Authority], dict[bytes, bytes]]:
    return lambda view, _: view.groups.keys(message.hashes)


def _keys(message: wire.GetKeys, found: dict[bytes, bytes]) -> wire.Keys:
    return wire.Keys(message.request, tuple(found.values()))


def _look_rsa_half(message: wire.GetRsaHalf) -> Callable[[View, Authority], bytes]:
    return lambda view, by: rsakeys.find_half(view, by, message.rsa_hash)


def _rsa_half(message: wire.GetRsaHalf, half: bytes) -> wire.Keys:
    return wire.Keys(message.request, (half,))


def _look_boxes(message: wire.GetBoxes) -> Callable[[View, Authority], list[Box]]:
    return lambda view, by: boxes.find_boxes(view, by, message.scope, message.epoch_ids, message.shown)


def _boxes(message: wire.GetBoxes, found: list[Box]) -> wire.Boxes:
    given = tuple(wire.FoundBox(each.epoch_id, each.kind, each.generation, each.data) for each in found)
    return wire.Boxes(message.request, given)


def _look_past(message: wire.ReadPastKeys) -> Callable[[View, Authority], tuple[LogId, list[Entry]]]:
    return lambda view, by: boxes.find_past_items(view, by, message.group_id, message.after, _KEYS_AT_ONCE, CHUNK_BYTES)


def _past_items(message: wire.ReadPastKeys, found: tuple[LogId, list[Entry]]) -> wire.KeyEntries:
    return wire.KeyEntries(message.request, found[0], as_log_entries(found[1]))


def _requests(message: wire.ListRequests, found: list[EntryRequest]) -> wire.Requests:
    return wire.Requests(message.request, tuple(map(_waiting, found)))


def _waiting(request: EntryRequest) -> wire.WaitingRequest:
    return wire.WaitingRequest(request.account, request.joiner, request.signature, request.left_ms)


def _check_sealable(key: bytes) -> None:
    """On trial: some keys load, and fail only when something is sealed to them."""
    try:
        seal_box(key, box_info(_NO_BYTES, _NO_BYTES, 1, _NO_BYTES, 1), _NO_BYTES)
    except MalformedPacket as cause:
        raise RequestRefused(RefusalCode.INVALID, "Nothing can be sealed to a key that was brought.") from cause
