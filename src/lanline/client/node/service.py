"""Owns what each command of a face does, and the snapshot of the view. Not how either gets to the face."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import msgspec

from lanline.client.chat.client import ChatClient
from lanline.client.chat.conversations import room_title
from lanline.client.node import protocol as do
from lanline.client.node.films import FilmCommand
from lanline.client.node.filmservice import film_result
from lanline.client.node.groupcommands import GroupCommand
from lanline.client.node.groupservice import group_result
from lanline.client.node.owncommands import OwnCommand
from lanline.client.node.ownservice import carry_out
from lanline.client.node.privaterooms import PrivateRooms
from lanline.client.node.reporting import report
from lanline.client.node.sealservice import wait_for_group
from lanline.client.view.events import EarlierReceived, NodeEvent
from lanline.client.view.values import Conversation, MemberListing, Message, MessageState, NodeState, RoomListing
from lanline.client.view.view import Problem, Snapshot, problem_of, recent_of
from lanline.errors import LanlineError, LinkLost, RefusalCode, RequestRefused
from lanline.ids import new_entry_id
from lanline.model.content import Topic
from lanline.model.names import checked_room_name
from lanline.model.rooms import Role, Standing, checked_pace, checked_topic
from lanline.wire.chat import conversations as wire
from lanline.wire.chat.messages import ClientMessage, ServerMessage
from lanline.wire.chat.signin import ChangePassword, Deregister

_MAX_FETCHED = 1000
_MOST_TRIES = 3
_BACK_WITHIN_S = 20.0
_TOPIC_WITHIN_S = 5.0
"""Then it is as it is with words: kept, and sent when it can be."""
_UNDECIDED = (
    "The connection was lost before the server answered: whether this was done is not known. Look, and ask again if it "
    "was not."
)


class Service:
    def __init__(self, client: ChatClient) -> None:
        self._client = client
        self._node = client.node
        self._private_rooms = PrivateRooms(client)
        self.ended: Problem | None = None
        """Why the server is called no more."""

    async def result_of(self, command: do.AnyCommand) -> do.Result:
        """What does no harm twice is asked again on the next link where this one ends before the answer."""
        try:
            for _ in range(_MOST_TRIES):
                try:
                    return await self._carried_out(command)
                except LinkLost:
                    if not self._is_harmless_twice(command):
                        raise LinkLost(_UNDECIDED) from None
                await self._client.wait_synchronized(_BACK_WITHIN_S)
            raise LinkLost(_UNDECIDED)
        except LanlineError as problem:
            return do.Failed(problem_of(problem))

    def _is_harmless_twice(self, command: do.AnyCommand) -> bool:
        is_asked = type(command) in _REQUESTS and not isinstance(command, do.ASKED_ONCE)
        return is_asked and not self._private_rooms.signs(command)

    async def _carried_out(self, command: do.AnyCommand) -> do.Result:
        if isinstance(command, FilmCommand):
            return await film_result(self._client, command)
        if isinstance(command, GroupCommand):
            return await group_result(self._client, command)
        if isinstance(command, OwnCommand):
            carry_out(self._client, command)
            return do.Done()
        return await self._result_of(command)

    async def _result_of(self, command: do.AnyCommand) -> do.Result:
        match command:
            case do.Say(target, content, entry_id):
                return do.Said(self._node.outbox.say(target, content, entry_id))
            case do.WaitSent(entry_id, limit_s):
                return await self._wait_sent(entry_id, limit_s)
            case do.Read() | do.ReportMessage():
                return await self._of_one_log(command)
            case do.WaitReady() | do.WaitCaughtUp():
                return await self._wait(command)
            case do.SayAgain() | do.Forget() | do.MarkRead() | do.ReadLost():
                return self._at_once(command)
            case _:
                return await self._asked(command)

    async def _asked(self, command: do.AnyCommand) -> do.Result:
        if isinstance(command, do.SetTopic) and await self._is_group():
            return await self._set_topic(command.log, command.topic)
        if isinstance(command, do.CreateRoom) and command.topic and await self._is_group():
            return await self._create_with_topic(command, checked_topic(command.topic))
        signed = await self._private_rooms.result_of(command)
        result = signed or self._result_from(await self._client.ask(_REQUESTS[type(command)](command)))
        if isinstance(command, do.Deregister):
            self._node.went_offline()
        return result

    # Topics. In a group they are entries, as words are.

    async def _is_group(self) -> bool:
        if not self._node.seals.is_known():
            await self._client.wait_until(self._node.seals.is_known, _TOPIC_WITHIN_S)
        return self._node.seals.is_sealed

    async def _create_with_topic(self, command: do.CreateRoom, topic: str) -> do.Result:
        made = await self._result_of(msgspec.structs.replace(command, topic=""))
        if isinstance(made, do.Opened):
            await self._client.wait_until(lambda: self._node.conversations.get(made.log) is not None, _TOPIC_WITHIN_S)
            await self._set_topic(made.log, topic)
        return made

    async def _set_topic(self, log: int, topic: str) -> do.Result:
        shown, entry_id = self._known(log), new_entry_id(time.time_ns() // 1_000_000, os.urandom)
        rules = self._node.own.is_admin and self._node.seals.room(shown) is None
        if shown.role < Role.MODERATOR and not rules:
            raise RequestRefused(RefusalCode.NOT_ALLOWED, "Only moderators and owners set the topic here.")
        self._node.outbox.say(log, Topic(checked_topic(topic)), entry_id)
        outcome = await self._wait_sent(entry_id, _TOPIC_WITHIN_S if self._client.is_signed_in else 0.0)
        if isinstance(outcome, do.Outcome) and outcome.state is MessageState.REFUSED:
            self._node.outbox.forget(entry_id)
            raise RequestRefused(RefusalCode(outcome.code), outcome.problem)
        return do.Done()

    async def _of_one_log(self, command: do.Read | do.ReportMessage) -> do.Result:
        if isinstance(command, do.Read):
            return await self._read(command)
        return do.Reported(*await report(self._client, command.log, command.sequence, command.reason))

    def _at_once(self, command: do.SayAgain | do.Forget | do.MarkRead | do.ReadLost) -> do.Result:
        match command:
            case do.SayAgain(entry_id):
                self._node.outbox.say_again(entry_id)
            case do.Forget(entry_id):
                self._node.outbox.forget(entry_id)
            case do.MarkRead(log, through):
                self._node.reader.mark_read(log, through)
            case do.ReadLost(title):
                found = self._node.set_aside(title)
                return do.LostMessages(tuple(do.LostMessage(name, message) for name, message in found))
        return do.Done()

    def _result_from(self, answer: ServerMessage) -> do.Result:
        match answer:
            case wire.Opened(_, log):
                return do.Opened(log)
            case wire.Rooms(_, rooms):
                inviter = self._node.conversations.invitations.inviter
                listed = [self._room_listing(room, inviter(room.log)) for room in rooms]
                return do.RoomsListed(tuple(sorted(listed, key=lambda room: room.name.casefold())))
            case wire.Members(_, _, members):
                named = [self._member_listing(member) for member in members]
                return do.MembersListed(tuple(sorted(named, key=lambda each: (-each.role, each.name.casefold()))))
            case _:
                return do.Done()

    def _room_listing(self, room: wire.RoomInfo, invited_by: str) -> RoomListing:
        topic, is_plain = self._node.topics.listed(room)
        return RoomListing(room.log, room_title(room), topic, room.access, room.members, invited_by, is_plain)

    def _member_listing(self, member: wire.Member) -> MemberListing:
        person = self._node.directory.person(member.account)
        return MemberListing(
            member.account,
            "somebody" if person is None else person.name,
            member.role,
            member.is_muted,
            member.standing is Standing.INVITED,
            member.standing is Standing.BANNED,
        )

    # Waiting.

    async def _wait_sent(self, entry_id: bytes, limit_s: float) -> do.Result:
        def is_decided() -> bool:
            found = self._node.outbox.find(entry_id)
            return found is None or found.state is MessageState.REFUSED

        try:
            await self._client.wait_until(is_decided, limit_s)
        except LanlineError as problem:
            # Banned, another key, another version: nothing was said of this message.
            return do.Outcome(MessageState.QUEUED, str(problem), int(getattr(problem, "code", 0) or 0))
        found = self._node.outbox.find(entry_id)
        if found is None:
            return do.Outcome(MessageState.SENT)
        if found.state is MessageState.REFUSED:
            return do.Outcome(MessageState.REFUSED, found.problem, int(found.code))
        return do.Outcome(MessageState.QUEUED, self._client.last_problem)

    async def _wait(self, command: do.WaitReady | do.WaitCaughtUp) -> do.Result:
        node, client = self._node, self._client
        match command:
            case do.WaitCaughtUp(limit_s):
                await client.wait_until(lambda: node.reader.catching_up == set() and node.seals.has_looked, limit_s)
            case do.WaitReady(limit_s, is_patient) if is_patient:
                await client.wait_synchronized(limit_s)
                if command.with_group:
                    await wait_for_group(client, limit_s)
            case do.WaitReady(limit_s):
                await client.wait_until(lambda: node.state is NodeState.SYNCHRONIZED or self._is_away, limit_s)
        return do.Ready("" if node.state is NodeState.SYNCHRONIZED else client.last_problem)

    @property
    def _is_away(self) -> bool:
        return self._node.state is NodeState.OFFLINE and self._client.failed_calls > 0

    # Reading.

    async def _read(self, command: do.Read) -> do.Result:
        log, last = command.log, command.last
        if command.after is not None:
            return self._page_after(log, command.after, last)
        messages = await self._newest(command, last) if last else []
        return do.Page(self._known(log), tuple(messages))

    async def _newest(self, command: do.Read, entries: int) -> list[Message]:
        """So many that say something: what only hands on keys stands among them, and is shown nowhere."""
        wanted = msgspec.structs.replace(command, last=entries)
        while (missing := self._missing(wanted)) > 0 and await self._fetch_earlier(
            command.log, missing, command.limit_s
        ):
            pass
        found = self._node.messages(command.log, before=command.before, last=entries)
        said = [index for index, each in enumerate(found) if each.sequence and each.is_said]
        if len(said) >= command.last:
            return found[said[-command.last] :]
        is_all = sum(each.sequence > 0 for each in found) < entries
        return found if is_all else await self._newest(command, 2 * entries)

    def _page_after(self, log: int, after: int, last: int) -> do.Page:
        """Only what stands without a gap: one's own that has its place already may be ahead of others' words."""
        shown = self._known(log)
        after = max(after, shown.first)
        messages = self._node.messages(log, before=min(after + last, shown.delivered) + 1, last=last)
        return do.Page(shown, tuple(each for each in messages if each.sequence > after))

    def _known(self, log: int) -> Conversation:
        found = self._node.conversations.shown(log)
        if found is None:
            raise RequestRefused(RefusalCode.UNKNOWN_CONVERSATION, "There is no such conversation.")
        return found

    def _missing(self, command: do.Read) -> int:
        """How many that the server has are wanted and not here."""
        shown = self._known(command.log)
        end = shown.delivered if command.before is None else min(shown.delivered, command.before - 1)
        return min(shown.first, command.last - (end - shown.first)) if shown.is_open else 0

    async def _fetch_earlier(self, log: int, count: int, limit_s: float) -> bool:
        """False when nothing came."""
        arrived: list[EarlierReceived] = []

        def watch(event: NodeEvent) -> None:
            if isinstance(event, EarlierReceived) and event.log == log:
                arrived.append(event)

        end_watching = self._node.subscribe(watch)
        try:
            self._node.reader.read_earlier(log, min(count, _MAX_FETCHED))
            await self._client.wait_until(lambda: bool(arrived), limit_s)
        finally:
            end_watching()
        return bool(arrived and arrived[0].messages)

    # The view.

    def snapshot(self) -> Snapshot:
        client, node = self._client, self._node
        shown, catching_up = node.conversations.all, node.reader.catching_up
        problem = node.seals.problem if client.is_signed_in else client.last_problem
        return Snapshot(
            account=node.own.account,
            name=node.own.name,
            server_name=node.own.server_name,
            server_place=client.server.place,
            is_admin=node.own.is_admin,
            state=node.state,
            problem=problem,
            failed_calls=client.failed_calls,
            ended=self.ended,
            catching_up=None if catching_up is None else tuple(catching_up),
            entered=tuple(node.reader.entered),
            people=node.directory.people,
            conversations=shown,
            recent=tuple(
                # What is ahead of a gap comes with what fills it.
                recent_of(each, lambda last, of=each: node.messages(of.log, before=of.delivered + 1, last=last))  # type: ignore[misc]
                for each in shown
            ),
            outbox=tuple(node.outbox.messages),
            server_history=node.server_history,
            group=node.seals.facts,
            invitations=node.conversations.invitations.untold,
            ignored=tuple(node.directory.ignoring.names.items()),
            notifying=node.preferences.notifying,
            is_reminder_due=node.preferences.is_reminder_due,
        )


_REQUESTS: dict[type, Callable[[Any], ClientMessage]] = {
    do.ListRooms: lambda _: wire.ListRooms(0),
    do.ListMembers: lambda command: wire.ListMembers(0, command.log),
    do.CreateRoom: lambda command: wire.CreateRoom(
        0, checked_room_name(command.name), checked_topic(command.topic), command.access
    ),
    do.JoinRoom: lambda command: wire.JoinRoom(0, checked_room_name(command.name)),
    do.LeaveRoom: lambda command: wire.LeaveRoom(0, command.log),
    do.SetTopic: lambda command: wire.SetTopic(0, command.log, checked_topic(command.topic)),
    do.SetAccess: lambda command: wire.SetAccess(0, command.log, command.access),
    do.SetSlow: lambda command: wire.SetSlow(0, command.log, checked_pace(command.slow_s)),
    do.SetPinned: lambda command: wire.SetPinned(0, command.log, command.sequence, command.is_pinned),
    do.Invite: lambda command: wire.InviteToRoom(0, command.log, command.account),
    do.SetRole: lambda command: wire.SetRole(0, command.log, command.account, command.role),
    do.SetMuted: lambda command: wire.SetMuted(0, command.log, command.account, command.is_muted),
    do.SendAway: lambda command: wire.SendAway(0, command.log, command.account),
    do.SetBanned: lambda command: wire.SetBannedFromRoom(0, command.log, command.account, command.is_banned),
    do.ChangePassword: lambda command: ChangePassword(0, command.old, command.new),
    do.Deregister: lambda _: Deregister(0),
}
"""What the server is asked for a command."""
