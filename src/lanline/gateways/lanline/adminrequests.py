"""Owns what admins ask of the server itself: its journal, the use of its disk, who gave whom which rights; and the
operator, to begin a new group.
"""

from __future__ import annotations

import msgspec

from lanline import __version__
from lanline.core import givenrights, journal
from lanline.core.core import Core
from lanline.core.films import Films
from lanline.core.newgroup import BeginNewGroup
from lanline.core.usage import Usage, read_usage
from lanline.gateways.lanline.answering import does, looks
from lanline.gateways.lanline.session import Handler, Session
from lanline.model.accounts import AccountId, DeviceId
from lanline.model.films import Library
from lanline.model.journal import JournalEntry
from lanline.ticket import Steps, in_steps
from lanline.wire.chat import admin, groups

_MOST_LISTED = 1000


class AdminRequests:
    def __init__(self, core: Core, films: Films) -> None:
        self._core = core
        self._films = films

    def handlers(self) -> dict[type, Handler]:
        core = self._core
        return {
            admin.ReadJournal: looks(
                core, lambda m: journal.ReadJournal(m.after, m.limit).look, _journal, Session.send_listing
            ),
            admin.AskUsage: self._ask_usage,
            admin.ListGiven: looks(
                core,
                lambda m: givenrights.ListGiven(AccountId(m.account), _device(m.device)).look,
                _given,
                Session.send_listing,
            ),
            admin.TakeBack: does(core, lambda m: givenrights.TakeBack(AccountId(m.account), _device(m.device))),
            groups.BeginNewGroup: does(core, lambda m: BeginNewGroup(AccountId(m.account))),
        }

    def _ask_usage(self, session: Session, message: admin.AskUsage) -> None:
        def answer(found: tuple[Usage, Library]) -> None:
            usage, library = found
            rooms = tuple(admin.RoomUsage(*msgspec.structs.astuple(each)) for each in usage.rooms[:_MOST_LISTED])
            people = tuple(admin.PersonUsage(*msgspec.structs.astuple(each)) for each in usage.people[:_MOST_LISTED])
            session.send(
                admin.Usage(
                    message.request,
                    __version__,
                    usage.database_bytes,
                    usage.directs_bytes,
                    library.used_bytes,
                    self._core.free_bytes(),
                    rooms,
                    people,
                    self._core.housekeeping.warning,
                )
            )

        session.ask(message.request, lambda: self._usage(session), answer)

    @in_steps
    def _usage(self, session: Session) -> Steps[tuple[Usage, Library]]:
        usage = yield from self._core.ask(session.actor, read_usage).wait()
        return usage, (yield from self._films.library().wait())


def _given(message: admin.ListGiven, found: list[givenrights.GivenRight]) -> admin.Given:
    rights = tuple(admin.GivenRight(each.account, each.right.value, each.room) for each in found)
    return admin.Given(message.request, rights)


def _journal(message: admin.ReadJournal, found: list[JournalEntry]) -> admin.Journal:
    return admin.Journal(message.request, tuple(admin.JournalInfo(*msgspec.structs.astuple(each)) for each in found))


def _device(number: int | None) -> DeviceId | None:
    return None if number is None else DeviceId(number)
