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
    is_proven: bool = True
    """False: from before the server was restored, as it may be; nothing here counts before the copies are compared."""
    most: int = 2**63
    """How far this process has told of it, though another one of the home may have it further on the disk."""
    is_missed: bool = False
    """It was open, and the restored server has not spoken of it yet."""


class Conversations:
    def __init__(self, history: History) -> None:
        self._history = history
        self.on_parted: Callable[[Track], None] = _nothing
        self._tracks = self._kept()
        self._unwritten: set[int] = set()
        self._arriving: set[int] = set()
        self._held_at_call: dict[int, int] = {}
        self.own = 0

    def _kept(self) -> dict[int, Track]:
        unproven = self._history.aside.unproven()
        return {each.log: Track(each, is_proven=each.log not in unproven) for each in self._history.conversations()}

    def begin_call(self) -> None:
        """The server is asked for its table from now on; until it answers an older link may go on delivering."""
        self._held_at_call = {log: track.shown.delivered for log, track in self._tracks.items()}

    def begin_epoch(self, epoch: str) -> None:
        """The server is another than it was: what is known here is to be proven, by this process or another one."""
        before = {log: track.shown for log, track in self._tracks.items()}
        self._history.aside.begin(epoch)
        self._tracks = self._kept()
        for log, track in self._tracks.items():
            known = before.get(log)
            track.is_missed = known is not None and known.is_open
            track.most = 0 if known is None else known.delivered
            delivered = min(track.shown.delivered, track.most) if track.is_proven else track.shown.delivered
            track.shown = msgspec.structs.replace(track.shown, is_open=False, delivered=delivered)

    def part(self, track: Track, agreed: int) -> None:
        """The copies agree up to there; what is beyond is set aside."""
        shown = track.shown
        self._history.aside.part(shown.log, agreed, shown.read, shown.others_delivered, shown.others_read)
        self._cut(track, agreed)

    def _cut(self, track: Track, through: int) -> None:
        """From there on it is read anew, and told of anew."""
        through = min(through, track.most)
        shown = track.shown
        track.is_proven = True
        track.away_count = track.away_first_ms = track.away_last_ms = 0
        shown = msgspec.structs.replace(shown, first=min(shown.first, through), delivered=through)
        track.shown = self._recounted(track, shown)
        self.on_parted(track)

    def begin_link(self, own: int) -> None:
        self.own = own
        self._arriving = set()
        for log, through in self._history.aside.parted_by_others():
            if (parted := self._tracks.get(log)) is not None and parted.shown.delivered > through:
                parted.shown = _marks_within(parted.shown, through)
                self._cut(parted, through)
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
            self._check_head(said)
            self._take_in(said, names)
        self._write()
        opened = [self._tracks[said.log].shown for said in table.conversations if said.log not in before]
        if not table.is_last:
            return opened, []
        gone = [
            track.shown
            for log, track in self._tracks.items()
            if log not in self._arriving and (track.shown.is_open or track.is_missed)
        ]
        for each in gone:
            self.on_gone(each.log)
        return opened, gone

    def on_changed(self, conversation: wire.Conversation, names: Names) -> bool:
        """True when it is new here, or open again."""
        known = self._tracks.get(conversation.log)
        is_new = known is None or not known.shown.is_open
        self._take_in(conversation, names)
        self._write()
        track = self._tracks[conversation.log]
        if is_new and track.is_proven and conversation.room is not None:
            # Who comes into a room finds what was said before as history, not as messages to them.
            self.move(track, conversation.head)
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
        if track is None or not (track.shown.is_open or track.is_missed):
            return None
        if track.is_missed and not track.is_proven:
            # Made after the backup: the server has nothing of it, and may give its number to another one.
            self._forget_cursors(track, head=0)
            self.part(track, 0)
        track.is_followed = track.is_caught_up = track.is_missed = False
        track.shown = msgspec.structs.replace(track.shown, is_open=False)
        self._history.put_conversations([track.shown])
        return track.shown

    def _take_in(self, said: wire.Conversation, names: Names) -> None:
        track = self._tracks.get(said.log)
        if track is None:
            track = self._tracks[said.log] = Track(Conversation(said.log, "", None))
        if not track.is_proven:
            self._forget_cursors(track, said.head)
        known = track.shown
        track.is_missed = False
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

    def _check_head(self, said: wire.Conversation) -> None:
        """A server that has less than it told of was set back, whatever its epoch says."""
        track = self._tracks.get(said.log)
        if track is None or not track.is_proven:
            return
        if said.head < min(track.shown.delivered, self._held_at_call.get(said.log, 0)):
            self._history.aside.doubt(said.log)
            track.is_proven = False

    @staticmethod
    def _forget_cursors(track: Track, head: int) -> None:
        """Only what the server says of them counts."""
        track.shown = msgspec.structs.replace(
            track.shown, head=head, read=0, others_delivered=0, others_read=0, unread=0
        )

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
        if moved.read != shown.read and track.is_proven:
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
        shown = [self._tracks[log].shown for log in logs if log in self._tracks and self._tracks[log].is_proven]
        self._history.put_cursors((each.log, each.read, each.others_delivered, each.others_read) for each in shown)

    def unreported(self) -> list[LogCursor]:
        """What the server is to be told; taken for told by this."""
        told: list[LogCursor] = []
        for track in self._tracks.values():
            if not track.is_proven:
                continue
            shown, (delivered, read) = track.shown, track.reported
            # What was read elsewhere may not be here yet, and must not count as delivered here.
            now = max(delivered, shown.delivered), max(read, min(shown.read, shown.delivered))
            if shown.is_open and now != track.reported:
                track.reported = now
                told.append(LogCursor(shown.log, now[0], min(now[1], shown.delivered)))
        return told


def _marks_within(shown: Conversation, through: int) -> Conversation:
    return msgspec.structs.replace(
        shown,
        read=min(shown.read, through),
        others_delivered=min(shown.others_delivered, through),
        others_read=min(shown.others_read, through),
    )


def _nothing(_track: Track) -> None:
    pass


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
