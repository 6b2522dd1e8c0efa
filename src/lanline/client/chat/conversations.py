"""The conversations of this account: what the server says of each, how far this device and others have come in it.

Entries go to the disk before anything is told of them. Cursors are written and reported together, a few times a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from lanline.client.chat.history import History
from lanline.client.chat.values import Conversation
from lanline.errors import ProtocolViolation
from lanline.model.rooms import Access, Role
from lanline.model.text import display_name, safe_line
from lanline.wire.chat import conversations as wire
from lanline.wire.chat.entries import Entries, LogCursor, LogEntry

FETCHED_AT_FIRST = 10_000
"""Of a log that is new to this device; older is read when somebody asks for it."""


Names = Callable[[int], str]
"""What conversations of two are called by: the other's nickname."""


class Track(msgspec.Struct):
    """One conversation, and how it is followed on the present link."""

    shown: Conversation
    is_followed: bool = False
    target: int = 0
    """Where the head was when following began."""
    is_caught_up: bool = False
    reported: tuple[int, int] = (0, 0)
    """What the server knows of this device: delivered, read."""
    away_count: int = 0
    away_first_ms: int = 0
    away_last_ms: int = 0
    """What others said while this account was not there, and is unread."""


class Conversations:
    def __init__(self, history: History) -> None:
        self._history = history
        self._tracks = {each.log: Track(each) for each in history.conversations()}
        self._unwritten: set[int] = set()
        self._arriving: set[int] = set()
        self.own = 0

    def begin_link(self, own: int) -> None:
        self.own = own
        self._arriving = set()
        for track in self._tracks.values():
            track.is_followed = track.is_caught_up = False

    def count_unread(self) -> None:
        """Once, when the own account is known: what was left unread when this home was last used."""
        for track in self._tracks.values():
            shown = track.shown
            count, first_ms, last_ms = self._history.unread(shown.log, shown.read, shown.delivered, self.own)
            track.shown = msgspec.structs.replace(shown, unread=count)
            track.away_count, track.away_first_ms, track.away_last_ms = count, first_ms, last_ms

    # What is known.

    @property
    def tracks(self) -> Iterable[Track]:
        return self._tracks.values()

    def get(self, log: int) -> Track | None:
        return self._tracks.get(log)

    # What the server says.

    def on_table(self, table: wire.Conversations, names: Names) -> tuple[list[Conversation], list[Conversation]]:
        """A piece of the table. With the last: those that are new here, and those that are gone."""
        before = set(self._tracks)
        self._arriving.update(each.log for each in table.conversations)
        for said in table.conversations:
            self._take_in(said, names)
        self._write()
        opened = [self._tracks[said.log].shown for said in table.conversations if said.log not in before]
        if not table.is_last:
            return opened, []
        gone = [track.shown for log, track in self._tracks.items() if log not in self._arriving and track.shown.is_open]
        for each in gone:
            self.on_gone(each.log)
        return opened, gone

    def on_changed(self, conversation: wire.Conversation, names: Names) -> bool:
        """True when it is new here, or open again."""
        known = self._tracks.get(conversation.log)
        is_new = known is None or not known.shown.is_open
        self._take_in(conversation, names)
        self._write()
        return is_new

    def count_members(self, log: int, members: int) -> Track | None:
        """None: nothing new."""
        track = self._tracks.get(log)
        if track is None or not members or track.shown.members == members:
            return None
        track.shown = msgspec.structs.replace(track.shown, members=members)
        self._history.put_conversations([track.shown])
        return track

    def on_gone(self, log: int) -> Conversation | None:
        track = self._tracks.get(log)
        if track is None or not track.shown.is_open:
            return None
        track.is_followed = track.is_caught_up = False
        track.shown = msgspec.structs.replace(track.shown, is_open=False)
        self._history.put_conversations([track.shown])
        return track.shown

    def _take_in(self, said: wire.Conversation, names: Names) -> None:
        track = self._tracks.get(said.log)
        if track is None:
            track = self._tracks[said.log] = Track(Conversation(said.log, "", None))
        known = track.shown
        track.reported = (said.delivered, said.read)
        title, topic, access, members, role, is_muted = _description(said, names)
        track.shown = msgspec.structs.replace(
            known,
            title=title,
            other=said.other,
            topic=topic,
            access=access,
            members=members,
            role=role,
            is_muted=is_muted,
            head=max(known.head, said.head),
            is_open=True,
        )
        if _told(known) != _told(track.shown):
            self._unwritten.add(said.log)
        self.move(track, said.read, said.other_delivered, said.other_read)

    def _write(self) -> None:
        if self._unwritten:
            self._history.put_conversations([self._tracks[log].shown for log in self._unwritten])
            self._unwritten = set()

    # Following.

    def begin_following(self, track: Track) -> int:
        """After which sequence number to follow: where this process is, though another one may be further on the disk.

        Its listeners are to hear of everything, and what is there already is not written again.
        """
        shown = track.shown
        first, delivered = shown.first, shown.delivered
        if not delivered:
            first = delivered = self._history.begin(shown.log, max(0, shown.head - FETCHED_AT_FIRST))
        track.is_followed = True
        track.shown = msgspec.structs.replace(shown, first=first, delivered=delivered)
        track.target = track.shown.head
        track.is_caught_up = delivered >= track.target
        return delivered

    def on_entries(self, message: Entries) -> Track | None:
        """On the disk when this returns. None: of a log that is not followed, or not any more."""
        track = self._tracks.get(message.log)
        entries = message.entries
        if track is None or not track.is_followed or not entries:
            return None
        shown = track.shown
        for expected, entry in enumerate(entries, shown.delivered + 1):
            if entry.sequence != expected:
                raise ProtocolViolation("it left a gap in a log, or said something twice")
        self._history.add_entries(message.log, entries, self.own)
        through = entries[-1].sequence
        unread = [entry for entry in entries if entry.account != self.own and entry.sequence > shown.read]
        track.shown = msgspec.structs.replace(
            shown, delivered=through, head=max(shown.head, through), unread=shown.unread + len(unread)
        )
        if not track.is_caught_up and unread:
            track.away_count += len(unread)
            track.away_first_ms = track.away_first_ms or unread[0].time_ms
            track.away_last_ms = unread[-1].time_ms
        return track

    def on_earlier(self, log: int, entries: tuple[LogEntry, ...]) -> None:
        track = self._tracks.get(log)
        if track is None:
            return
        first = track.shown.first
        for expected, entry in enumerate(entries, first - len(entries) + 1):
            if entry.sequence != expected:
                raise ProtocolViolation("it left a gap in what was said earlier")
        first = entries[0].sequence - 1 if entries else 0
        self._history.add_earlier(log, entries, first)
        track.shown = msgspec.structs.replace(track.shown, first=first)

    # Cursors.

    def move(self, track: Track, read: int, others_delivered: int = 0, others_read: int = 0) -> bool:
        """Forward only; true when anything moved. What others have read they have."""
        shown = track.shown
        moved = msgspec.structs.replace(
            shown,
            read=max(shown.read, read),
            others_delivered=max(shown.others_delivered, others_delivered, others_read),
            others_read=max(shown.others_read, others_read),
        )
        if moved == shown:
            return False
        if moved.read != shown.read:
            moved = self._recounted(track, moved)
        track.shown = moved
        return True

    def _recounted(self, track: Track, moved: Conversation) -> Conversation:
        unread = 0
        if moved.read < moved.delivered:
            unread, track.away_first_ms, track.away_last_ms = self._history.unread(
                moved.log, moved.read, moved.delivered, self.own
            )
        track.away_count = min(track.away_count, unread)
        return msgspec.structs.replace(moved, unread=unread)

    def write_cursors(self, logs: Iterable[int]) -> None:
        shown = [self._tracks[log].shown for log in logs]
        self._history.put_cursors((each.log, each.read, each.others_delivered, each.others_read) for each in shown)

    def unreported(self) -> list[LogCursor]:
        """What the server is to be told; taken for told by this."""
        told: list[LogCursor] = []
        for track in self._tracks.values():
            shown, (delivered, read) = track.shown, track.reported
            # What was read elsewhere may not be here yet, and must not count as delivered here.
            now = max(delivered, shown.delivered), max(read, min(shown.read, shown.delivered))
            if shown.is_open and now != track.reported:
                track.reported = now
                told.append(LogCursor(shown.log, now[0], min(now[1], shown.delivered)))
        return told


def _description(said: wire.Conversation, names: Names) -> tuple[str, str, Access, int, Role, bool]:
    if said.room is None:
        return names(said.other or 0), "", Access.OPEN, 2, Role.MEMBER, False
    room, me = said.room, said.me
    title = "#" + display_name(room.name.removeprefix("#"))
    role, is_muted = (Role.MEMBER, False) if me is None else (me.role, me.is_muted)
    return title, safe_line(room.topic), room.access, room.members, role, is_muted


def _told(shown: Conversation) -> tuple[object, ...]:
    """What of it stands in the table of conversations on the disk, but for the head, which moves all the time."""
    return (
        shown.title, shown.other, shown.topic, shown.access, shown.members, shown.role, shown.is_muted, shown.is_open,
    )  # fmt: skip
