"""Owns what the server says of this account's conversations: which there are, their description, the marks of others.

Not what this device reads of them: `following`. Both write into the same `FollowedConversation`.

And the number of each conversation: given once, kept on this device, and given to no other one.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

import msgspec

from lanline.client.chat.context import NodeContext
from lanline.client.chat.directory import Directory
from lanline.client.chat.messages import OwnMessages
from lanline.client.chat.preferences import Invitations
from lanline.client.view import events
from lanline.client.view.values import ENDED_MARK, Conversation
from lanline.model.names import folded_name
from lanline.model.rooms import Access, Role
from lanline.model.text import display_name, safe_line
from lanline.wire.chat import conversations as wire
from lanline.wire.chat.entries import CursorMoved

_FIRST = "#lobby"


def numbers_for(known: Iterable[Conversation]) -> dict[int, int]:
    """By log: those that are to be others than they are. 0: another log has taken it over, of the same title."""
    all_known = list(known)
    by_title = {_key(each): each for each in all_known if each.number and not each.is_open}
    last = max((each.number for each in all_known), default=0)
    changed: dict[int, int] = {}
    for each in sorted(all_known, key=_order):
        if each.number or not each.is_open:
            continue
        before = by_title.pop(_key(each), None)  # a restored server has lost it, and it was made anew
        if before is not None:
            changed[before.log], changed[each.log] = 0, before.number
        else:
            last += 1
            changed[each.log] = last
    return changed


def is_another(before: Conversation, title: str) -> bool:
    """After a restore a log may be another conversation's. An account that was deleted is still the same one."""
    return folded_name(before.title.removesuffix(ENDED_MARK)) != folded_name(title.removesuffix(ENDED_MARK))


def _key(each: Conversation) -> tuple[bool, str]:
    return each.is_room, folded_name(each.title)


def _order(each: Conversation) -> tuple[bool, bool, str]:
    return each.title != _FIRST, not each.is_room, each.title.casefold()


class Following(Enum):
    """How a log is read on the present link."""

    NOT = "not followed"
    CATCHING_UP = "catching up"
    LIVE = "live"


_FOLLOWING_TRANSITIONS = {
    Following.NOT: {Following.NOT, Following.CATCHING_UP},
    Following.CATCHING_UP: {Following.LIVE, Following.NOT},
    Following.LIVE: {Following.NOT},
}


class FollowedConversation(msgspec.Struct):
    """One conversation, and how it is followed on the present link."""

    shown: Conversation
    following: Following = Following.NOT
    target: int = 0
    """Where the head was when following began."""
    reported: tuple[int, int] = (0, 0)
    """What the server knows of this device: delivered, read."""
    is_proven: bool = True
    is_rejoining: bool = False
    """Of a restored server, until all of it is here: one's own that wait may stand in it already."""
    """False: from before the server was restored, as it may be; nothing here counts before the copies are compared."""
    is_missed: bool = False
    """It was open, and the restored server has not spoken of it yet."""

    @property
    def is_being_compared(self) -> bool:
        return self.is_rejoining or not self.is_proven

    def become(self, following: Following) -> None:
        assert following in _FOLLOWING_TRANSITIONS[self.following], f"{self.following} -> {following}"
        self.following = following

    def change(self, **changes: object) -> None:
        self.shown = msgspec.structs.replace(self.shown, **changes)


class Conversations:
    def __init__(self, context: NodeContext, directory: Directory, own: OwnMessages) -> None:
        self._history = context.history
        self._lost = context.lost
        self._tell = context.tell
        self.directory = directory
        self._own = own
        self.invitations = Invitations(context, directory.name_of)
        self._tracks = self._kept()
        self._unwritten: set[int] = set()
        self._write()
        self._arriving: set[int] = set()
        self._held_at_call: dict[int, int] = {}

    def _kept(self) -> dict[int, FollowedConversation]:
        unproven = self._lost.unproven()
        known = self._history.conversations()
        return {each.log: FollowedConversation(each, is_proven=each.log not in unproven) for each in known}

    # What is known.

    @property
    def account(self) -> int:
        """One's own."""
        return self.directory.own.account

    @property
    def tracks(self) -> Iterable[FollowedConversation]:
        return self._tracks.values()

    @property
    def all(self) -> tuple[Conversation, ...]:
        """Rooms first, then people, each by title; closed ones too."""
        shown = (track.shown for track in self.tracks)
        return tuple(sorted(shown, key=lambda each: (not each.is_room, each.title.casefold(), each.log)))

    def get(self, log: int) -> FollowedConversation | None:
        return self._tracks.get(log)

    def shown(self, log: int) -> Conversation | None:
        track = self._tracks.get(log)
        return None if track is None else track.shown

    def __getitem__(self, log: int) -> FollowedConversation:
        return self._tracks[log]

    def titled(self, title: str) -> FollowedConversation | None:
        """By `#room` or a nickname. Of one that a restored server has lost and made anew there are two here."""
        if title.startswith("#"):
            wanted = folded_name(title)
            found = [each for each in self.tracks if each.shown.is_room and folded_name(each.shown.title) == wanted]
        else:
            person = self.directory.named(title)
            found = [each for each in self.tracks if person is not None and each.shown.other == person.account]
        return min(found, key=lambda track: not track.shown.is_open, default=None)

    # Links and epochs.

    def begin_call(self) -> None:
        """The server is asked for its table from now on; until it answers an older link may go on delivering."""
        self._held_at_call = {log: track.shown.delivered for log, track in self._tracks.items()}

    def begin_epoch(self, epoch: str) -> None:
        """The server is another than it was: what is known here is to be proven."""
        before = {log: track.shown for log, track in self._tracks.items()}
        self._lost.begin(epoch)
        self._tracks = self._kept()
        for log, track in self._tracks.items():
            track.is_missed = log in before and before[log].is_open
            track.change(is_open=False)

    def begin_link(self) -> None:
        self._arriving = set()
        self.invitations.begin_link()
        for track in self._tracks.values():
            track.become(Following.NOT)

    def part(self, track: FollowedConversation, agreed: int, known: bytes | None = None) -> None:
        """The copies agree up to there; what is beyond is set aside, and read and told of anew.

        `known`: the hash over what they agree on.
        """
        shown = track.shown
        self._lost.part(shown.log, agreed, shown.read, shown.others_delivered, shown.others_read, known)
        track.is_proven = track.is_rejoining = True
        track.change(first=min(shown.first, agreed), delivered=agreed)
        self._recount(track)
        self._tell(events.CopyParted(shown.log, agreed))

    # What the server says.

    def on_table(self, table: wire.Conversations) -> None:
        """A piece of the table. With the last it is known which conversations are gone."""
        known = set(self._tracks)
        before = [track.shown for track in self.tracks]
        self._arriving.update(each.log for each in table.conversations)
        for said in table.conversations:
            self._check_head(said)
            self._take_in(said)
        self._write()
        gone = self._close_missing() if table.is_last else []
        for shown in before:
            now = self._tracks[shown.log].shown
            self._own.on_moved(shown, now)
            if now != shown and now.is_open:
                self._tell(events.ConversationChanged(now))
        for said in table.conversations:
            if said.log not in known:
                self._tell(events.ConversationOpened(self._tracks[said.log].shown))
        for each in gone:
            self._tell(events.ConversationClosed(each.log, each.title, "You are no longer in it."))

    def _close_missing(self) -> list[Conversation]:
        missing = [log for log in self._tracks if log not in self._arriving]
        return [closed for log in missing if (closed := self._close(log)) is not None]

    def on_changed(self, conversation: wire.Conversation) -> bool:
        """True when it is new here, or open again."""
        known = self._tracks.get(conversation.log)
        before = None if known is None else known.shown
        is_new = before is None or not before.is_open
        self._take_in(conversation)
        self._write()
        track = self._tracks[conversation.log]
        if is_new:
            self.invitations.drop(conversation.log)
        if is_new and track.is_proven and conversation.room is not None:
            # Who comes into a room finds what was said before as history, not as messages to them.
            self.move(track, conversation.head)
        self._tell(events.ConversationOpened(track.shown) if is_new else events.ConversationChanged(track.shown))
        if before is not None:
            self._own.on_moved(before, track.shown)
        return is_new

    def on_gone(self, message: wire.ConversationGone) -> None:
        closed = self._close(message.log)
        if closed is not None:
            self._tell(events.ConversationClosed(closed.log, closed.title, safe_line(message.reason)))

    def on_member_changed(self, message: wire.MemberChanged) -> None:
        member, name_of = message.member, self.directory.name_of
        self._tell(
            events.MemberChanged(
                message.log,
                message.account,
                name_of(message.account),
                None if member is None else member.role,
                member is not None and member.is_muted,
                None if member is None else member.standing,
                message.was,
                message.by,
                name_of(message.by),
            )
        )
        track = self._tracks.get(message.log)
        if track is not None and message.members and track.shown.members != message.members:
            track.change(members=message.members)
            self._history.put_conversations([track.shown])
            self._tell(events.ConversationChanged(track.shown))

    def on_cursor_moved(self, message: CursorMoved) -> bool:
        """True when anything is known by it that was not."""
        track = self._tracks.get(message.log)
        if track is None:
            return False
        before = track.shown
        if message.account == self.account:
            has_moved = self.move(track, message.read)
        else:
            has_moved = self.move(track, 0, message.delivered, message.read)
        if has_moved:
            self._own.on_moved(before, track.shown)
            self._tell(events.ConversationChanged(track.shown))
        return has_moved

    def _close(self, log: int) -> Conversation | None:
        track = self._tracks.get(log)
        if track is None or not (track.shown.is_open or track.is_missed):
            return None
        if track.is_missed and not track.is_proven:
            # Made after the backup: the server has nothing of it, and may give its number to another one.
            track.change(**_NO_CURSORS, head=0)
            self.part(track, 0)
        track.become(Following.NOT)
        track.is_missed = False
        track.change(is_open=False)
        self._history.put_conversations([track.shown])
        return track.shown

    def _take_in(self, said: wire.Conversation) -> None:
        track = self._tracks.get(said.log)
        if track is None:
            track = self._tracks[said.log] = FollowedConversation(Conversation(said.log, "", None))
        if not track.is_proven:
            # Only what the server says of the cursors counts.
            track.change(**_NO_CURSORS, head=said.head)
        known = track.shown
        track.is_missed = False
        track.reported = (said.delivered, said.read)
        title, topic, access, members, role, is_muted = self._description(said)
        topic_from = 0 if is_another(known, title) else known.topic_from
        track.change(
            number=0 if is_another(known, title) else known.number,
            slow_s=said.slow_s,
            pins=said.pins,
            title=title,
            other=said.other,
            topic=known.topic if topic_from else topic,
            topic_from=topic_from,
            access=access,
            members=members,
            role=role,
            is_muted=is_muted,
            head=max(known.head, said.head),
            is_open=True,
        )
        if _kept_fields(known) != _kept_fields(track.shown):
            self._unwritten.add(said.log)
        self.move(track, said.read, said.other_delivered, said.other_read)

    def _description(self, said: wire.Conversation) -> tuple[str, str, Access, int, Role, bool]:
        if said.room is None:
            return self.directory.name_of(said.other or 0), "", Access.OPEN, 2, Role.MEMBER, False
        room, me = said.room, said.me
        role, is_muted = (Role.MEMBER, False) if me is None else (me.role, me.is_muted)
        return room_title(room), safe_line(room.topic), room.access, room.members, role, is_muted

    def _check_head(self, said: wire.Conversation) -> None:
        """A server that has less than it told of was set back, whatever its epoch says."""
        track = self._tracks.get(said.log)
        if track is None or not track.is_proven:
            return
        if said.head < min(track.shown.delivered, self._held_at_call.get(said.log, 0)):
            self._lost.doubt(said.log)
            track.is_proven = False

    def _write(self) -> None:
        """With a number for each that is new."""
        for log, number in numbers_for(track.shown for track in self._tracks.values()).items():
            self._tracks[log].change(number=number)
            self._unwritten.add(log)
        if self._unwritten:
            self._history.put_conversations([self._tracks[log].shown for log in self._unwritten])
            self._unwritten = set()

    # Cursors.

    def move(self, track: FollowedConversation, read: int, others_delivered: int = 0, others_read: int = 0) -> bool:
        """Forward only; true when anything moved. What others have read they have."""
        before = track.shown
        track.change(
            read=max(before.read, read),
            others_delivered=max(before.others_delivered, others_delivered, others_read),
            others_read=max(before.others_read, others_read),
        )
        if track.shown == before:
            return False
        if track.shown.read != before.read and track.is_proven:
            self._recount(track)
        return True

    def count_unread(self) -> None:
        """Once, at the start: what was left unread when this home was last used."""
        for track in self._tracks.values():
            self._recount(track)

    def recount_all(self) -> None:
        """Whose words count is another now."""
        for track in self._tracks.values():
            self.recount(track)

    def recount(self, track: FollowedConversation) -> None:
        before = track.shown
        self._recount(track)
        if track.shown != before:
            self._tell(events.ConversationChanged(track.shown))

    def _recount(self, track: FollowedConversation) -> None:
        shown, unread = track.shown, 0
        if shown.read < shown.delivered:
            unread = self._history.unread(shown.log, shown.read, shown.delivered, self.account)
        track.change(unread=unread)


_NO_CURSORS: dict[str, object] = {"read": 0, "others_delivered": 0, "others_read": 0, "unread": 0}


def room_title(room: wire.RoomInfo) -> str:
    return "#" + display_name(room.name.removeprefix("#"))


def _kept_fields(shown: Conversation) -> tuple[object, ...]:
    """What of it stands in the table of conversations on the disk, but for the head, which moves all the time."""
    return (
        shown.title, shown.other, shown.topic, shown.access, shown.members, shown.role, shown.is_muted, shown.is_open,
        shown.slow_s, shown.pins, shown.topic_from,
    )  # fmt: skip
