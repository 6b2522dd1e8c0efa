"""Owns what members bring to a restored server, of the group's chain and of what was said, and what admins see of that.

Not how it is judged and taken: `core/chaingathering`, `core/carried`.
"""

from __future__ import annotations

from collections.abc import Callable

from lanline.core.carried import BringWords, LostByServer
from lanline.core.chaingathering import Gathered
from lanline.core.core import Core
from lanline.core.groupstate import ChainMember
from lanline.core.roomentries import BringEntries
from lanline.errors import RefusalCode, RequestRefused
from lanline.gateways.lanline.session import Handler, Session
from lanline.model.logs import LogId
from lanline.ticket import Steps, Ticket, follow
from lanline.wire.chat import offers as wire
from lanline.wire.chat.answers import Done


class Offers:
    def __init__(self, core: Core, member_by_link: Callable[[bytes], ChainMember | None]) -> None:
        self._core = core
        self._member_by_link = member_by_link

    def handlers(self) -> dict[type, Handler]:
        return {
            wire.TellHead: self._tell_head,
            wire.OfferKeys: self._offer_keys,
            wire.AskBranches: self._ask_branches,
            wire.OfferRoomKeys: self._offer_room_keys,
            wire.Carry: self._carry,
        }

    def _member(self, session: Session) -> ChainMember:
        member = self._member_by_link(session.link.peer_fingerprint)
        if member is None:
            raise RequestRefused(RefusalCode.NOT_ALLOWED, "This device is not in the group, as the server has it.")
        return member

    def _tell_head(self, session: Session, message: wire.TellHead) -> None:
        self._core.check_pace(session.actor)
        after = self._core.gathering.tell(self._member(session), message.height, message.head)
        session.send(wire.HeadTold(message.request, after))

    def _offer_keys(self, session: Session, message: wire.OfferKeys) -> None:
        self._core.check_pace(session.actor)
        items = [(each.suite, each.content) for each in message.items]
        self._core.gathering.offer(self._member(session), message.after, items, is_last=message.is_last)
        session.send(Done(message.request))

    def _ask_branches(self, session: Session, message: wire.AskBranches) -> None:
        self._core.accounts.check_admin(session.actor.account)

        def steps() -> Steps[Gathered]:
            if message.take is not None:
                yield from self._core.gathering.take(message.take).wait()
            return self._core.gathering.shown()

        def begin() -> Ticket[Gathered]:
            return follow(steps())

        session.command(message.request, begin, lambda found: session.send(_branches(message.request, found)))

    def _offer_room_keys(self, session: Session, message: wire.OfferRoomKeys) -> None:
        self._core.gathering.bring(self._member(session), message.contents)
        session.command(
            message.request,
            lambda: self._core.do(session.actor, BringEntries(message.contents)),
            lambda _: session.send(Done(message.request)),
        )

    def _carry(self, session: Session, message: wire.Carry) -> None:
        words = tuple(LostByServer(each.entry_id, each.said, each.statement) for each in message.words)
        session.command(
            message.request,
            lambda: self._core.do(session.actor, BringWords(LogId(message.log), words)),
            lambda refusals: session.send(wire.Carried(message.request, refusals)),
        )


def _branches(request: int, found: Gathered) -> wire.Branches:
    branches = tuple(wire.Branch(*each) for each in found.branches)
    waits_ms = round(found.waits_s * 1000)
    return wire.Branches(request, found.height, found.head, found.is_gathering, waits_ms, found.told, branches)
