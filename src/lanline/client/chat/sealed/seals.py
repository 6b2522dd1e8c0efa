"""Owns which conversations are sealed, and how words become sealed bytes on their way out, and words again here.

What is kept on this device is opened: what was believed under the suite `opened`, what was not as such, and what cannot
be opened yet as it came, until it can.

Longer than other files: all that the chat asks of sealing is asked here, and each answer is a few lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from lanline.client.chat.context import NodeContext
from lanline.client.chat.conversations import Conversations
from lanline.client.chat.restored.carried import CarriedEntries
from lanline.client.chat.sealed.adopting import adoption_of
from lanline.client.chat.sealed.content import SUITES_OF_KEYS, UNOPENED, UNREAD
from lanline.client.chat.sealed.groupnews import GroupNews
from lanline.client.chat.sealed.hindrances import Hindrance, Hindrances
from lanline.client.chat.sealed.opening import Opening, PastGroupWords, PlainWords, StruckWords
from lanline.client.chat.sealed.unread import Unread
from lanline.client.chat.sealed.watch import ServerWatch
from lanline.client.sealing.adoption import Adoption
from lanline.client.sealing.ahead import Ahead
from lanline.client.sealing.asking import Asked
from lanline.client.sealing.context import GroupContext, SignedInPerson
from lanline.client.sealing.keystore import Keystore
from lanline.client.sealing.logchain import Seen
from lanline.client.sealing.member import GroupMember, GroupStanding
from lanline.client.sealing.reports import proof_of
from lanline.client.sealing.roomcopy import RoomCopy
from lanline.client.sealing.scopes import OpenRoom, Pair, Place, PrivateRoom, Scopes
from lanline.client.sealing.tables import GroupTables
from lanline.client.sealing.words import GroupWords, Lacks, Said
from lanline.client.view.values import ENDED_MARK, Conversation, GroupFacts
from lanline.ids import Entropy
from lanline.model.alarms import Alarm, AlarmKind
from lanline.model.content import Topic
from lanline.model.rooms import Access
from lanline.wire.chat import devices, groups
from lanline.wire.chat.entries import Entries, LogEntry
from lanline.wire.chat.offers import LostWords
from lanline.wire.chat.signin import SignedIn, Welcome
from lanline.wire.sealing.said import SAID_SUITE, split_said


class DeviceKeys(NamedTuple):
    """What a home has for the group; a command without a home has none, and reads nothing that is sealed."""

    store: Keystore
    link_fingerprint: bytes
    entropy: Entropy
    label: str = ""
    """What the device is called by itself."""


class Seals:
    def __init__(self, keys: DeviceKeys | None, node: NodeContext, conversations: Conversations) -> None:
        self._keys = keys
        self._clock = clock = node.clock
        self._line = line = node.line
        self.watch: ServerWatch | None = None
        self._opener = node.opener
        self._fetching: set[int] = set()
        """Logs of which what came of keys before this device's copy is on its way."""
        self._fetched: set[int] = set()
        """And those of which it is, or was asked for on this link."""
        self._conversations = conversations
        self._directory = conversations.directory
        self._on_change: list[Callable[[], None]] = []
        self._plain = PlainWords(node.history)
        self.member: GroupMember | None = None
        self.news: GroupNews | None = None
        self.adoption: Adoption | None = None
        self._words: GroupWords | None = None
        self._scopes: Scopes | None = None
        self.struck: StruckWords | None = None
        self.context: GroupContext | None = None
        self._opening: Opening | None = None
        self._unread: Unread | None = None
        self._earlier: PastGroupWords | None = None
        self.carried: CarriedEntries | None = None
        self._hindrances: Hindrances | None = None
        if keys is not None:
            tables = GroupTables(node.history.database, keys.store.device_secret, keys.entropy)
            context = GroupContext(keys.store, tables, clock, keys.entropy, line, keys.link_fingerprint, keys.label)
            self.member = GroupMember(context, self._changed, self._forget_group)
            self._words = GroupWords(context)
            self._earlier = PastGroupWords(context, self._changed)
            self.struck = StruckWords(node.history.database, tables, self._words)
            self._scopes = context.scopes
            self.context = context
            self.watch = ServerWatch(context, self._words, node)
            context.scopes.tell_sealed_in_rsa = self.watch.tell_sealed_in_rsa
            self.carried = CarriedEntries(context, self._words, self._directory, self.watch.alarms)
            self._opening = Opening(self._words, self._earlier, self.struck, self.watch, self._name_of)
            self._unread = Unread(context, node.history)
            self.adoption = adoption_of(context, self.member, node.history.database, conversations, self._changed)
            self.news = GroupNews(self.member, self.adoption, self._directory, node.tell)
            self._hindrances = Hindrances(self.member, self.news, conversations, clock, self._fetching, self._changed)
            if self.keys_notice:
                self.watch.alarms.ring_later(Alarm(AlarmKind.KEYS, self.keys_notice))
            self._on_change += [self.watch.look_at_group, self.adoption.go_on]
        self.asks = False
        """There is a link on which this device is signed in."""

    @property
    def facts(self) -> GroupFacts:
        """What faces are told of the group."""
        return GroupFacts() if self.news is None else self.news.facts

    @property
    def keys_notice(self) -> str:
        """What the person is to know of the file of this home's keys; a sentence, or empty."""
        return "" if self._keys is None else self._keys.store.notice

    def take_keys_notice(self) -> str:
        """The same, for who hears it now; also of a run of this program to which nobody came."""
        return "" if self.watch is None else self.watch.alarms.take(AlarmKind.KEYS)

    def tell_keys_notice(self, tell: Callable[[str], None]) -> None:
        """By a program without alarms of its own."""
        if self._keys is not None and self.keys_notice:
            tell(self.keys_notice)
            self._keys.store.note_told()

    def when_changed(self, callback: Callable[[], None]) -> None:
        """What could not be sealed or opened before may be possible now."""
        self._on_change.append(callback)

    def note_people(self) -> None:
        """The server's table of names is another, and whole."""
        if self.news is not None and self.member is not None:
            self.member.note_admin(is_admin=self._directory.own.is_admin)
            self.news.note_people()

    def _changed(self) -> None:
        if self.news is not None:
            self.news.note()
        for callback in self._on_change:
            callback()

    # The link.

    def begin_link(self, welcome: Welcome, signed_in: SignedIn) -> None:
        self.asks = True
        if self.member is not None and self._keys is not None:
            self._begin_history(signed_in.epoch[:8].ljust(8, b"\0"))
            name, is_admin, is_open = signed_in.name, signed_in.is_admin, welcome.is_open
            founds, ahead_ms = self._keys.store.founds and is_admin, welcome.now_ms - self._clock.now_ms()
            person = SignedInPerson(name, founds=founds, is_admin=is_admin, is_open=is_open, ahead_ms=ahead_ms)
            self.member.begin_link(person)

    def _begin_history(self, history: bytes) -> None:
        assert self.context is not None
        if history != self.context.history and self.watch is not None:
            self.context.history = history
            self._forget_places()
            self.watch.forget_all()
            assert self.struck is not None
            self.struck.forget_unkept()
            assert self.carried is not None
            self.carried.forget_all()

    def _forget_places(self) -> None:
        assert self._words is not None
        assert self._earlier is not None
        self._words.forget_places()
        self._earlier.forget()

    def _forget_group(self) -> None:
        """What this program knows of logs by the group that was left."""
        if self._words is not None and self._earlier is not None and self.watch is not None:
            self._words.ahead.clear()
            self._fetched.clear()
            self._earlier.forget()
            self._plain.forget_all()
            self.watch.forget_all()
            if self.carried is not None:
                self.carried.forget_all()
            if self._hindrances is not None:
                self._hindrances.forget()

    def end_link(self) -> None:
        self.asks = False
        self._fetching.clear()
        self._fetched.clear()
        if self.member is not None:
            self.member.end_link()

    def takers(self) -> dict[type, Callable[..., object]]:
        member = self.member
        if member is None:
            return {}
        return {
            groups.GroupIs: member.on_group,
            groups.BoxGiven: member.on_box_given,
            groups.BoxWanted: self._on_box_wanted,
            groups.RequestCame: member.on_request,
            devices.DeviceAsks: member.on_device_asks,
            devices.DeviceAnswered: member.on_device_answered,
        }

    def takes(self, message: Entries) -> bool:
        """Of the chain's log."""
        if self.member is None or not self.member.takes(message.log):
            return False
        self.member.on_entries(message)
        return True

    def _on_box_wanted(self, message: groups.BoxWanted) -> None:
        """What this device knows of the conversation is read from the disk before it answers."""
        shown = self._conversations.shown(message.log)
        if shown is not None and self.is_sealed and self._scopes is not None:
            self._scopes.sealings(self.place(shown))
        if self.member is not None:
            self.member.on_box_wanted(message)

    # Out.

    def is_known(self) -> bool:
        """Whether anything is sealed here can be said."""
        return (
            self.member is None
            or not self.asks
            or self.member.knows_group
            or self.member.standing is not GroupStanding.UNKNOWN
        )

    @property
    def has_looked(self) -> bool:
        """Whether anything is wrong with the group can be said, as far as this link lets it."""
        return self.member is None or not self.asks or self.member.has_looked

    @property
    def is_sealed(self) -> bool:
        """In a group all is."""
        return self.member is not None and self.member.knows_group

    def hindrance(self, shown: Conversation) -> Hindrance | None:
        """Why nothing can be sealed for who is meant, whatever this device does."""
        if not shown.is_room and shown.title.endswith(ENDED_MARK):  # somebody else may have the name now
            return Hindrance(f"{shown.title}: nothing can be said to them any more.", is_final=True)
        return None if self._hindrances is None else self._hindrances.of(shown, self.place(shown))

    def seal(self, shown: Conversation, entry_id: bytes, body: bytes) -> bytes | None:
        """None: not now; `when_changed` tells when to try again."""
        assert self.member is not None
        assert self._words is not None
        assert self._scopes is not None
        assert self.watch is not None
        place = self.place(shown)
        sealed = self._words.seal(place, entry_id, body, self.watch.seen.seen(shown, place))
        if sealed is None and (sealing := self._scopes.sealing(place)) is not None:
            self.member.want_epoch(sealing.copy)
        return sealed

    def note_stale(self, shown: Conversation, sealed: bytes) -> None:
        """The server takes nothing under that epoch."""
        sealing = None if self._scopes is None else self._scopes.sealing(self.place(shown))
        if sealing is not None:
            sealing.copy.note_stale(split_said(sealed)[0].epoch_id)

    def end_run(self, log: int) -> None:
        """The last that was sealed for this log does not come into it."""
        if self._words is not None:
            self._words.end_run(log)

    @property
    def problem(self) -> str:
        """Why nothing can be sealed; a sentence. Empty: it can, or will be in a moment."""
        member = self.member
        if member is None:
            return ""
        if member.problem:
            return member.problem
        if member.standing is GroupStanding.ASKS:
            return "You are not in the group yet: an admin has to let you in. What you say waits until then."
        return member.refusal

    # In.

    def expect_much(self) -> None:
        """So much is on its way that another program opens it."""
        if self._opener is not None:
            self._opener.begin()

    def open_ahead(self, shown: Conversation, entries: Sequence[LogEntry], ahead: Ahead) -> Iterator[Asked | None]:
        """Some at each step, of what is given to `open` later."""
        if self._words is None or self._opening is None or not self.is_sealed:
            return iter(())
        ahead.authors, ask = self._opening.authors(entries), None
        is_whole = self.carried is not None and not self.carried.has_any(shown.log)  # else it is opened once more here
        if self._opener is not None and len(entries) >= _MUCH and is_whole and self._opener.is_ready:
            ask = self._opener.ask
        return self._words.open_ahead(self.place(shown), entries, ahead, ask)

    def open(
        self, shown: Conversation, entries: Sequence[LogEntry], ahead: Ahead | None = None
    ) -> tuple[list[LogEntry], int | None]:
        """As they are kept here; and the place of the first that cannot be opened yet, which stays as it came."""
        if ahead is not None and (whole := self._open_whole(shown, entries, ahead)) is not None:
            return whole, None
        first = next((each.sequence for each in entries if each.suite in UNOPENED), None)
        self.note_keys(shown, entries)
        if first is None or self._opening is None or self.carried is None or not self.is_sealed:
            return self._plain.judged(shown.log, entries), first if self.is_hopeful else None
        kept, outcomes = self._opening.open(shown, self.place(shown), entries, ahead)
        kept, carried = self.carried.open(shown, self.place(shown), kept)
        lacking = [each.sequence for each, found in zip(entries, outcomes, strict=True) if isinstance(found, Lacks)]
        if Lacks.KEY in outcomes or Lacks.KEY in carried.values():
            self.want_secrets(shown)
        kept = self.carried.once(shown.log, kept)
        return self._plain.judged(shown.log, kept), min([*lacking, *carried], default=None)

    def _open_whole(self, shown: Conversation, entries: Sequence[LogEntry], ahead: Ahead) -> list[LogEntry] | None:
        """All of these, if all is as it should be. None: they are to be judged word by word."""
        if self._opening is None or self.carried is None or not self.is_sealed or self.carried.has_any(shown.log):
            return None
        whole = self._opening.open_whole(shown, self.place(shown), entries, ahead)
        if whole is not None:
            self._plain.note_opened(shown.log, entries[0].sequence)
        return whole

    def topic(self, shown: Conversation, entry: LogEntry) -> Topic | Lacks | None:
        """What an entry sets that the server shows by itself. None: nothing that is believed."""
        if self._opening is None or not self.is_sealed:
            return Lacks.EPOCH
        found = self._opening.topic(self.place(shown), entry)
        if found is Lacks.KEY:
            self.want_secrets(shown)
        return found

    def why_unread(self, shown: Conversation, entry: LogEntry) -> str:
        """What is shown in place of words that do not open here."""
        return UNREAD if self._unread is None else self._unread.text(self.place(shown), entry)

    # What others have seen.

    def note_taken(
        self, shown: Conversation, came: Sequence[LogEntry], links: Mapping[int, bytes] | None = None
    ) -> Seen | None:
        """What this device has from now on; None: no hash over it is known. `links`: see `LogChain.add`."""
        seen = self.watch.seen if self.watch is not None and self.is_sealed else None
        return None if seen is None else seen.note_taken(shown, self.place(shown), came, links or {})

    def note_keys(self, shown: Conversation, entries: Sequence[LogEntry]) -> None:
        """Statements of epochs, and entries of a private room, that have come among these."""
        if self._scopes is None or self.member is None:
            return
        of_keys = [(each.sequence, each.suite, each.content) for each in entries if each.suite in SUITES_OF_KEYS]
        new = [self._scopes.add(shown.log, *each) for each in of_keys]
        if self._earlier is not None:
            self._earlier.note_keys(shown.log, of_keys)
        if any(new):
            self._scopes.sealings(self.place(shown))
            self._clock.call_later(0.0, self.go_on)

    def fetch_keys(self, shown: Conversation) -> None:
        """Where this device's copy of a log begins in its middle: what came of keys before that."""
        is_needed = shown.first > 0 and self.is_sealed and not isinstance(self.place(shown), OpenRoom)
        if is_needed and shown.log not in self._fetched:
            self._fetched.add(shown.log)
            self._fetching.add(shown.log)
            self._ask_keys(shown, 0)

    def _ask_keys(self, shown: Conversation, after: int) -> None:
        self._line.request(groups.ReadKeys(0, shown.log, after), lambda answer: self._on_keys(shown, after, answer))

    def _on_keys(self, shown: Conversation, after: int, answer: object) -> None:
        if isinstance(answer, groups.KeyEntries) and answer.entries and answer.entries[-1].sequence > after:
            self.note_keys(shown, answer.entries)
            self._ask_keys(shown, answer.entries[-1].sequence)
        else:
            self._fetching.discard(shown.log)
            self._clock.call_later(0.0, self.go_on)

    def set_audience(self, *, is_there: bool) -> None:
        if self.watch is not None:
            self.watch.alarms.set_audience(is_there=is_there)

    def go_on(self) -> None:
        if self.member is not None:
            self.member.go_on_soon()
            self._changed()

    def place(self, shown: Conversation) -> Place:
        """A room that this device is in as a private one is that one, whatever the server calls it."""
        if not shown.is_room:
            return Pair(shown.log, shown.title.removesuffix(ENDED_MARK))
        name = shown.title.removeprefix("#")
        is_private = shown.access is not Access.OPEN
        if not is_private and self._scopes is not None:
            is_private = self._scopes.is_private(shown.log, name)
        return PrivateRoom(shown.log, name) if is_private else OpenRoom(shown.log, name)

    def room(self, shown: Conversation) -> RoomCopy | None:
        """Of a private room whose entries have come."""
        place = self.place(shown)
        return self._scopes.room(place) if self._scopes is not None and isinstance(place, PrivateRoom) else None

    def want_secrets(self, shown: Conversation) -> None:
        assert self.member is not None
        assert self._scopes is not None
        for sealing in self._scopes.sealings(self.place(shown)):
            if sealing.copy.lacking():
                self.member.want_secrets(sealing.copy)

    def forget(self, log: int) -> None:
        """The copy of this log is another now."""
        if self._scopes is not None and self._words is not None and self.struck is not None:
            self._scopes.forget(log)
            self._fetched.discard(log)
            self.struck.forget(log)
            self._plain.forget(log)
            self._forget_places()
            assert self.watch is not None
            self.watch.forget(log)
            assert self.carried is not None
            self.carried.forget(log)

    def proof(self, shown: Conversation, entry: LogEntry) -> bytes:
        """Who said a sealed message, for an admin; empty where this device cannot show it."""
        if self._words is None or entry.suite != SAID_SUITE:
            return b""
        said = Said(entry.sequence, entry.entry_id, self._name_of(entry.account), entry.content)
        found = self._words.reopen(self.place(shown), said)
        return b"" if found is None else proof_of(*found)

    # What a restored server has lost.

    @property
    def may_bring(self) -> bool:
        """The chain is here as the server has it, and nothing is wrong with it."""
        member = self.member
        return member is not None and member.copy.is_member and member.is_current and not member.problem

    def chance(self) -> float:
        """From 0 to 1."""
        return 0.0 if self._keys is None else self._keys.entropy(1)[0] / 255

    def to_bring(self, shown: Conversation, entry_id: bytes, said: bytes) -> LostWords | str | None:
        """Or why nobody would believe it; or None: not now."""
        assert self.carried is not None
        return self.carried.to_bring(self.place(shown), shown.head + 1, entry_id, said)

    def _name_of(self, account: int) -> str:
        own = self._directory.own
        if account == own.account:
            return own.name
        person = self._directory.person(account)
        return "" if person is None else person.name.removesuffix(ENDED_MARK)  # in the chain it stands without

    @property
    def is_hopeful(self) -> bool:
        """What cannot be opened may be in a moment."""
        member = self.member
        return member is not None and self.asks and not member.problem and member.standing in _ON_THE_WAY


_MUCH = 500
_ON_THE_WAY = {GroupStanding.UNKNOWN, GroupStanding.MEMBER, GroupStanding.OUTSIDE}
