"""Owns the commands about rooms and those who are in them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from lanline.client.node import protocol as do
from lanline.client.node.face import Face
from lanline.client.view.notices import slow_text
from lanline.client.view.places import Places
from lanline.client.view.rendering import topic_text
from lanline.client.view.values import Conversation, MemberListing
from lanline.errors import InvalidInput, RefusalCode, RequestRefused
from lanline.faces.chat.commands import Kind
from lanline.faces.chat.grammar import Order
from lanline.faces.chat.listings import member_lines
from lanline.faces.chat.screen import TerminalScreen
from lanline.model.names import checked_room_name
from lanline.model.rooms import Access, Role, checked_pace, checked_topic

_ACCESS = {"open": Access.OPEN, "private": Access.INVITE_ONLY}

OnMember = Callable[[int, int], do.AnyCommand]


class RoomCommands:
    def __init__(self, face: Face, places: Places, screen: TerminalScreen, go: Callable[[str], None]) -> None:
        self._face = face
        self._view = face.view
        self._places = places
        self._screen = screen
        self._go = go
        self.actions: dict[str, Callable[[Order], Awaitable[None]]] = {
            "join": self._join,
            "part": self._part,
            "create": self._create,
            "topic": self._topic,
            "names": self._names,
            "access": self._access,
            "slow": self._slow,
            "invite": self._invite,
            "kick": self._on_member(do.SendAway, "is sent out of"),
            "ban": self._on_member(lambda log, one: do.SetBanned(log, one, is_banned=True), "is banned from"),
            "unban": self._on_member(lambda log, one: do.SetBanned(log, one, is_banned=False), "may come back to"),
            "mute": self._on_member(lambda log, one: do.SetMuted(log, one, is_muted=True), "is muted in"),
            "unmute": self._on_member(lambda log, one: do.SetMuted(log, one, is_muted=False), "may speak in"),
            "op": self._op,
            "deop": self._on_member(lambda log, one: do.SetRole(log, one, Role.MEMBER), "is a member of"),
            "owner": self._on_member(lambda log, one: do.SetRole(log, one, Role.OWNER), "is an owner of"),
        }

    def _here(self) -> Conversation:
        conversation = self._places.conversation
        if conversation is None or not conversation.is_room:
            raise InvalidInput(f"That is for rooms; you are in the conversation with {self._places.here}.")
        return conversation

    def _named_or_here(self, order: Order) -> Conversation:
        name = order.get(Kind.ROOM)
        return self._places.room_named(name) if name else self._here()

    async def _opened(self, command: do.AnyCommand) -> int:
        opened = await self._face.ask(command)
        assert isinstance(opened, do.Opened)
        return opened.log

    async def _join(self, order: Order) -> None:
        name = checked_room_name(order.get(Kind.ROOM))
        known = self._view.conversation_titled(name)
        if known is None or not known.is_open:
            try:
                log = await self._opened(do.JoinRoom(name))
            except RequestRefused as refusal:
                if refusal.code is RefusalCode.UNKNOWN_CONVERSATION:
                    raise InvalidInput(f"{refusal} '/create {name}' makes it.") from refusal
                raise
            known = self._view.conversation(log)
        self._go(known.title if known is not None else name)

    async def _create(self, order: Order) -> None:
        name = checked_room_name(order.get(Kind.ROOM))
        sort = order.get(Kind.SORT) or "open"
        access = Access.INVITE_ONLY if sort == "rsa" else _ACCESS[sort]
        log = await self._opened(do.CreateRoom(name, access=access, in_rsa=sort == "rsa"))
        made = self._view.conversation(log)
        self._go(made.title if made is not None else name)

    async def _part(self, order: Order) -> None:
        conversation = self._named_or_here(order)
        await self._face.ask(do.LeaveRoom(conversation.log))
        # That one is out of it now is told by the event.
        if conversation.title == self._places.here:
            self._go(self._places.room_before())

    async def _topic(self, order: Order) -> None:
        conversation, topic = self._here(), order.get(Kind.TEXT)
        if topic:
            await self._face.ask(do.SetTopic(conversation.log, checked_topic(topic)))
            return
        about = topic_text(self._view, conversation)
        shown = f"is: {about}" if about else "is not set."
        self._screen.tell(f"The topic of {conversation.title} {shown}")

    async def _names(self, order: Order) -> None:
        conversation = self._named_or_here(order)
        listed = await self._face.ask(do.ListMembers(conversation.log))
        assert isinstance(listed, do.MembersListed)
        self._screen.table([f"    In {conversation.title}:", *member_lines(listed.members, self._view)])

    async def _access(self, order: Order) -> None:
        conversation, access = self._here(), _ACCESS[order.get(Kind.ACCESS)]
        if conversation.access is access:
            self._screen.tell(f"{conversation.title} is that already.")
        else:
            await self._face.ask(do.SetAccess(conversation.log, access))  # the event tells it, as it does to all

    async def _slow(self, order: Order) -> None:
        conversation, word = self._here(), order.get(Kind.PACE).lower()
        if word:
            await self._face.ask(do.SetSlow(conversation.log, checked_pace(0 if word == "off" else int(word))))
        elif conversation.slow_s:
            self._screen.tell(slow_text(conversation))
        else:
            self._screen.tell(f"{conversation.title} is not slow: members say as much as they like.")

    async def _invite(self, order: Order) -> None:
        stands = await self._standing(order)
        if stands is not None and not (stands.is_invited or stands.is_banned):
            raise InvalidInput(f"{stands.name} is in {self._here().title} already.")
        name, room = self._places.person_named(order.get(Kind.NICK)), self._here()
        person = self._view.person_named(name)
        assert person is not None
        await self._face.ask(do.Invite(room.log, person.account))
        stands = await self._standing(order)
        is_in = stands is not None and not stands.is_invited  # as it is in a private room of a group
        self._screen.tell(f"{name} is {'in' if is_in else 'asked into'} {room.title} now.")

    async def _op(self, order: Order) -> None:
        """Up only: an owner is more."""
        stands = await self._standing(order)
        if stands is not None and stands.role is Role.OWNER:
            raise InvalidInput(f"{stands.name} is an owner of {self._here().title}, which is more. See /deop.")
        made = self._on_member(lambda log, one: do.SetRole(log, one, Role.MODERATOR), "is a moderator of")
        await made(order)

    async def _standing(self, order: Order) -> MemberListing | None:
        """None: in no relation to this room."""
        person = self._view.person_named(self._places.person_named(order.get(Kind.NICK)))
        listed = await self._face.ask(do.ListMembers(self._here().log))
        assert person is not None
        assert isinstance(listed, do.MembersListed)
        return next((each for each in listed.members if each.account == person.account), None)

    def _on_member(self, made: OnMember, told: str) -> Callable[[Order], Awaitable[None]]:
        async def carry_out(order: Order) -> None:
            conversation = self._here()
            name = self._places.person_named(order.get(Kind.NICK))
            person = self._view.person_named(name)
            assert person is not None
            await self._face.ask(made(conversation.log, person.account))
            self._screen.tell(f"{name} {told} {conversation.title} now.")

        return carry_out
