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
from lanline.gateways.lanline.session import Handler, Session
from lanline.model.accounts import AccountId, DeviceId
from lanline.model.films import Library
from lanline.model.journal import JournalEntry
from lanline.ticket import Steps, in_steps
from lanline.wire.chat import admin, answers, groups

_MOST_LISTED = 1000


class AdminRequests:
    def __init__(self, core: Core, films: Films) -> None:
        self._core = core
        self._films = films

    def handlers(self) -> dict[type, Handler]:
        return {
            admin.ReadJournal: self._read_journal,
            admin.AskUsage: self._ask_usage,
            admin.ListGiven: self._list_given,
            admin.TakeBack: self._take_back,
            groups.BeginNewGroup: self._begin_new_group,
        }

    def _begin_new_group(self, session: Session, message: groups.BeginNewGroup) -> None:
        session.command(
            message.request,
            lambda: self._core.do(session.actor, BeginNewGroup(AccountId(message.account))),
            lambda _: session.send(answers.Done(message.request)),
        )

    def _list_given(self, session: Session, message: admin.ListGiven) -> None:
        def answer(found: list[givenrights.GivenRight]) -> None:
            rights = tuple(admin.GivenRight(each.account, each.right.value, each.room) for each in found)
            session.send_listing(admin.Given(message.request, rights))

        look = givenrights.ListGiven(AccountId(message.account), _device(message.device)).look
        session.ask(message.request, lambda: self._core.ask(session.actor, look), answer)

    def _take_back(self, session: Session, message: admin.TakeBack) -> None:
        command = givenrights.TakeBack(AccountId(message.account), _device(message.device))
        session.command(
            message.request,
            lambda: self._core.do(session.actor, command),
            lambda _: session.send(answers.Done(message.request)),
        )

    def _read_journal(self, session: Session, message: admin.ReadJournal) -> None:
        def answer(found: list[JournalEntry]) -> None:
            rows = tuple(admin.JournalInfo(*msgspec.structs.astuple(each)) for each in found)
            session.send_listing(admin.Journal(message.request, rows))

        look = journal.ReadJournal(message.after, message.limit).look
        session.ask(message.request, lambda: self._core.ask(session.actor, look), answer)

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


def _device(number: int | None) -> DeviceId | None:
    return None if number is None else DeviceId(number)
