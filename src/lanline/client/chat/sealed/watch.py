"""Owns what is looked for in what the server shows: lies that show in the words of members. Not how each is told.

Nothing here goes by a clock, or by what came live: what counts is places in one log, digests, heights and heads, so a
slow link or a busy server raises no alarm. See docs/protocol/sealing.md, 5.1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from operator import lt

from lanline.chain.reasons import Reason
from lanline.chain.scopes import Scope
from lanline.chain.state import NEVER
from lanline.client.chat.context import NodeContext
from lanline.client.chat.sealed.alarms import Alarms
from lanline.client.chat.sealed.seenlogs import Named, Naming, SeenLogs
from lanline.client.sealing.context import GroupContext
from lanline.client.sealing.groupcopy import LESS_SHOWN, NOT_GIVEN
from lanline.client.sealing.lostreaders import LostReaders
from lanline.client.sealing.otherpast import name_in
from lanline.client.sealing.scopes import OpenRoom, Place
from lanline.client.sealing.words import BelievedStretch, Body, GroupWords, Lacks, Outcome
from lanline.client.view.values import Conversation
from lanline.model.alarms import Alarm, AlarmKind, alarm
from lanline.wire.chat.entries import LogEntry
from lanline.wire.chat.groups import AskGroup, GroupIs
from lanline.wire.sealing.said import DEVICE_AND_RUN, split_said

_KINDS = {
    Reason.ENDED: AlarmKind.WORDS_OF_ENDED,
    Reason.KNOWN_ID: AlarmKind.SHOWN_AGAIN,
    Reason.TURNED_AROUND: AlarmKind.TURNED_AROUND,
}
_LESS = Alarm(AlarmKind.GROUP, LESS_SHOWN)
_REST = Alarm(AlarmKind.GROUP, NOT_GIVEN)
_Lie = tuple[AlarmKind, list[str]]
_Named = tuple[int, bytes, bytes, int]
"""Height and head of the chain, the scope of an epoch and the height that it names."""
_Run = tuple[bytes, bytes, bytes]
_MAX_ENDS = 100_000
"""Each command of a member is a run."""
_MAX_UNKNOWN = 100
_ASKED_AFTER_S = 10.0
_ASKED_WHILE_MENDED = 72
"""Somewhat longer than a restored server waits for its members."""
_ASKED_AT_MOST = 360
"""About one and the same, whatever comes meanwhile."""


def _run_of(each: BelievedStretch) -> _Run:
    header = each.stretch.run_words.run.header
    return each.room_id, header.device_id, header.run


class ServerWatch:
    def __init__(self, context: GroupContext, words: GroupWords, node: NodeContext) -> None:
        self._context = context
        self._words = words
        self._clock = node.clock
        self._line = node.line
        self._history = node.history
        self.alarms = Alarms(node.history.database, node.clock, node.tell)
        self.seen = SeenLogs(context, node.history.database, self.alarms.ring)
        self._ends: dict[_Run, tuple[int, bytes, int]] = {}
        """By room, device and run, the number, the digest and the place of the newest words."""
        self._whole: dict[int, bool] = {}
        """By log, whether this program has taken in all of it."""
        self._present: dict[int, int] = {}
        """By log, the lowest place of words that name the history of the server as it is now."""
        self._losses = LostReaders()
        self._harmless: _Named | None = None
        """What the words before, in the same page, have named: it is so here, and their epoch was fresh."""
        self._unknown: dict[tuple[bytes, bytes], str] = {}
        """Epochs of the group and devices of which words came, and the server has shown neither; by whom, it says."""
        self._kept_from = set[str]()
        """Of whom it was told that they have more of the group."""
        self._is_asking = False
        self._patience = _ASKED_WHILE_MENDED
        """So many times a server is believed that it was restored, or that more is on its way, though nothing comes."""
        self._came_to = 0
        """Up to which height the chain was here, when the server was asked last; what does not hold counts not."""
        self._asked: dict[object, tuple[int, int]] = {}
        """By what is lacking, which height of the chain would bring it and how often the server was asked."""

    def forget(self, log: int) -> None:
        """The copy of this log is another now."""
        self._ends.clear()
        self._whole.pop(log, None)
        self._present.pop(log, None)
        self.seen.forget(log)

    def forget_all(self) -> None:
        """The server's history is another."""
        for each in (self._ends, self._whole, self._present, self._unknown):
            each.clear()
        self.seen.forget_all()

    def look(
        self,
        shown: Conversation,
        place: Place,
        entries: Sequence[LogEntry],
        outcomes: Sequence[Outcome | None],
        authors: Mapping[int, str],
    ) -> None:
        """At what came, in the order of its places, before it is on the disk. An outcome for each, if it is sealed."""
        self._whole.setdefault(shown.log, shown.delivered == 0)
        if entries[-1].sequence <= shown.first:
            self._look_back(shown, entries, outcomes, authors)
        unopened = Counter[bytes]()
        namings: list[Naming] = []
        self._harmless = None
        for each, outcome in zip(entries, outcomes, strict=True):
            if isinstance(outcome, Body):
                at, author = each.sequence, authors[each.account]
                namings.append((at, author, outcome.words))
                for kind, names in self._lies(shown.log, at, outcome, unopened):
                    self.alarms.ring(alarm(kind, author, shown.title, names))
            elif isinstance(outcome, Reason):
                self.alarms.ring(alarm(_KINDS.get(outcome, AlarmKind.NOT_THEIRS), authors[each.account], shown.title))
            elif outcome is not None:
                unopened[each.content[DEVICE_AND_RUN]] += 1
                if outcome is Lacks.EPOCH and isinstance(place, OpenRoom):
                    self._note_unknown(shown.log, each, authors[each.account])
        self.seen.compare(shown, place, namings)
        self._ask_later()

    def has_nothing_to_tell(self, shown: Conversation, believed: Sequence[BelievedStretch]) -> bool:
        """Whether no alarm comes of these. The hash over the log is compared later, when they are taken in. Nothing is
        noted yet.
        """
        self._whole.setdefault(shown.log, shown.delivered == 0)
        is_forward = believed[0].stretch.places[0] > shown.first
        return (
            is_forward and not self.seen.has_warned and all(self._is_as_expected(shown.log, each) for each in believed)
        )

    def _is_as_expected(self, log: int, each: BelievedStretch) -> bool:
        first, copy = each.stretch.first, self._context.scopes.by_id(each.scope_id)
        number, prev, _ = self._ends.get(_run_of(each), (-1, first.prev, 0))
        return (
            first.history == self._context.history
            and (copy is None or each.epoch_height >= copy.scope.last_loss)
            and (first.n == number + 1 or (number < 0 and not self._whole[log]))
            and first.prev == prev
            and all(map(lt, each.stretch.seens, each.stretch.places))
        )

    def note_believed(self, shown: Conversation, believed: Sequence[BelievedStretch]) -> None:
        place = believed[0].stretch.places[0]
        self._present[shown.log] = min(place, self._present.get(shown.log, place))
        for each in believed:
            end = each.stretch.last_number, each.stretch.last_digest, each.stretch.places[-1]
            self._note_end(_run_of(each), end)
        self.seen.note_believed(shown.log, [each.stretch for each in believed])
        self._ask_later()

    def _note_end(self, run: _Run, end: tuple[int, bytes, int]) -> None:
        if run not in self._ends and len(self._ends) >= _MAX_ENDS:
            self._ends.clear()
            self._whole = dict.fromkeys(self._whole, False)
        self._ends[run] = end

    def _look_back(
        self,
        shown: Conversation,
        page: Sequence[LogEntry],
        outcomes: Sequence[Outcome | None],
        authors: Mapping[int, str],
    ) -> None:
        if page[-1].sequence == shown.first and page[0].sequence == shown.first - len(page) + 1:
            opened = ((authors.get(each.account, ""), outcome) for each, outcome in zip(page, outcomes, strict=True))
            named = [Named(author, body.words) for author, body in opened if isinstance(body, Body)]
            self.seen.compare_page(shown, page, named)

    def _lies(self, log: int, at: int, body: Body, unopened: Counter[bytes]) -> list[_Lie]:
        words, found = body.words, list[_Lie]()
        if self._is_after_gap(log, at, body, unopened):
            found.append((AlarmKind.MESSAGE_MISSING, []))
        if self._is_of_another_past(log, at, words.history):
            found.append((AlarmKind.HISTORIES_DIFFER, []))
        named = words.height, words.head, body.scope_id, body.epoch_height
        return found if named == self._harmless else found + self._lies_of_group(named, body, at)

    def _lies_of_group(self, named: _Named, body: Body, at: int) -> list[_Lie]:
        copy = self._context.scopes.by_id(body.scope_id)
        differs = not self._context.copy.chain.holds(body.words.height, body.words.head)
        is_stale = copy is not None and body.epoch_height < copy.scope.last_loss
        self._harmless = None if differs or is_stale else named
        found: list[_Lie] = [(AlarmKind.GROUPS_DIFFER, [])] if differs else []
        return found + self._sealed_to_gone(copy.scope, body, at) if copy is not None and is_stale else found

    def _is_of_another_past(self, log: int, at: int, history: bytes) -> bool:
        """Of another history of the server, above words of the one that is now: who comes back to a restored server
        seals anew what waits.
        """
        present = self._present.get(log, at)
        if history == self._context.history:
            if at <= present:
                self._present[log] = at
            return False
        return at > present

    def _is_after_gap(self, log: int, at: int, body: Body, unopened: Counter[bytes]) -> bool:
        """Words that are here and cannot be read yet may be those that lack, as their headers say; each stands for one,
        or a server could keep back what it likes behind one that it has made up.
        """
        run, words = (body.room_id, body.device_id, body.run), body.words
        known = self._ends.get(run)
        if known is not None and words.n <= known[0]:
            return False  # of a page that was read backwards, or opened later
        here = unopened.pop(body.device_id + body.run, 0)
        self._note_end(run, (words.n, body.digest, at))
        if known is None:
            if not (words.n > 0 and self._whole[log]):
                return False
            lacking, after = words.n, 0
        else:
            lacking, after = words.n - known[0] - 1, known[2]
            if not lacking and words.prev == known[1]:
                return False
        lacking = max(1, lacking)
        return (
            here < lacking and here + self._history.count_unopened(log, after, at, body.device_id + body.run) < lacking
        )

    def _sealed_to_gone(self, scope: Scope, body: Body, at: int) -> list[_Lie]:
        """Under an epoch that was stale by what its author has seen, or by what is said below in the same log."""
        chain, height = self._context.copy.chain, body.words.height
        found = []
        if gone := self._losses.between(chain, scope, body.epoch_height, min(height, chain.height)):
            found.append((AlarmKind.SEALED_FOR_GONE, [name_in(chain, each) for each in gone]))
        named = self._words.named_below(body, at)
        if named > height and (
            unknown := self._losses.between(chain, scope, max(height, body.epoch_height), min(named, chain.height))
        ):
            found.append((AlarmKind.SAID_UNAWARE, [name_in(chain, each) for each in unknown]))
        return found

    def look_at_group(self) -> None:
        """What the chain itself shows, which stops this device."""
        copy = self._context.copy
        is_false = copy.forked_at is not None or copy.broken is not None or copy.offer is not None or copy.is_awaited
        if copy.problem and (is_false or (copy.come_back and not copy.is_apart and not copy.is_being_mended)):
            self.alarms.ring(Alarm(AlarmKind.GROUP, copy.problem))
        self._ask_later()

    def tell_sealed_in_rsa(self, title: str, text: str) -> None:
        """Nothing is wrong with that; but it holds less, so each device of everybody in it tells its person once."""
        self.alarms.ring(Alarm(AlarmKind.RSA, text, "", title))

    # Who has more of the chain than is here.

    def _note_unknown(self, log: int, entry: LogEntry, author: str) -> None:
        """What says under which key is sealed in open rooms, and who speaks, stands in the chain's log before it is
        used. Words of a group before this one lie below those of this one.
        """
        if author in self._kept_from or len(self._unknown) >= _MAX_UNKNOWN:
            return
        first = self._present.get(log)
        if first is None and not self._context.keys.left:
            first = self._history.first_opened(log)
        if first is not None and entry.sequence > first:
            header, _ = split_said(entry.content)
            self._unknown[header.epoch_id, header.device_id] = author

    def _is_known(self, epoch_id: bytes, device_id: bytes) -> bool:
        copy = self._context.copy
        return (epoch_id in copy.epochs and device_id in copy.chain.devices) or epoch_id in copy.damaged

    def _forget_known(self) -> None:
        copy = self._context.copy
        for author in [each for each, height in self._words.ahead.items() if height <= copy.chain.height]:
            del self._words.ahead[author]
        for each in [each for each in self._unknown if self._is_known(*each)]:
            del self._unknown[each]

    def _ask_later(self) -> None:
        """Not while the server shows another chain, or none: `look_at_group` comes back to it."""
        if self._may_be_kept_back and not self._is_asking:
            self._is_asking = True
            self._clock.call_later(_ASKED_AFTER_S, self._ask)

    @property
    def _may_be_kept_back(self) -> bool:
        return self._is_less_untold or self._is_rest_untold or self._is_named_by_words

    @property
    def _is_less_untold(self) -> bool:
        return self._context.copy.is_less_shown and not self.alarms.has_rung(_LESS)

    @property
    def _is_rest_untold(self) -> bool:
        """Who cannot read either, for want of keys, may see it by nothing else."""
        is_lacking = self._context.copy.is_rest_lacking and not self._context.copy.is_less_shown
        return is_lacking and not self._kept_from and not self.alarms.has_rung(_REST)

    @property
    def _is_named_by_words(self) -> bool:
        return not self._is_elsewhere and bool(self._words.ahead or self._unknown)

    @property
    def _is_elsewhere(self) -> bool:
        return self._context.copy.is_apart or self._context.copy.is_parted

    def _ask(self) -> None:
        """It may be on its way; what the server says it has, once these words were there, decides."""
        self._is_asking = False
        self._forget_known()
        if self._may_be_kept_back:
            self._line.request(AskGroup(0), self._on_group)

    def _on_group(self, answer: object) -> None:
        if isinstance(answer, GroupIs) and answer.log and not self._has_patience(answer):
            self._forget_known()
            if self._may_be_kept_back:
                self._tell_kept_back()
        self._ask_later()

    def _has_patience(self, answer: GroupIs) -> bool:
        """What it names may be on its way, or, if it was restored, members are about to bring it: not for ever."""
        copy = self._context.copy
        if copy.shown.height != self._came_to:
            self._came_to, self._patience = copy.shown.height, _ASKED_WHILE_MENDED
        is_lasting = self._is_asked_for_long()
        if (answer.gathers or copy.sequence < answer.sequence) and self._patience > 0 and not is_lasting:
            self._patience -= 1
            return True
        if not answer.gathers:
            self._patience = _ASKED_WHILE_MENDED
        return False

    def _is_asked_for_long(self) -> bool:
        """About one and the same, though something else comes: a server could bring a little now and then, for ever."""
        chain, before = self._context.copy.chain, self._asked
        lacking = dict[object, int]()
        if self._is_less_untold:
            lacking[_LESS] = NEVER
        if self._is_rest_untold:
            lacking[_REST] = NEVER
        if not self._is_elsewhere:
            lacking.update(self._words.ahead)
            lacking.update(dict.fromkeys(self._unknown, NEVER))
        self._asked = {}
        for each, height in lacking.items():
            first, count = before.get(each, (height, 0))
            self._asked[each] = (height, 1) if chain.height >= first else (first, count + 1)
        return any(count > _ASKED_AT_MOST for _, count in self._asked.values())

    def _tell_kept_back(self) -> None:
        if self._is_less_untold:
            self.alarms.ring(_LESS)
            return
        if not self._is_named_by_words:
            self.alarms.ring(_REST)
            return
        for author in dict.fromkeys([*self._words.ahead, *self._unknown.values()]):
            self._kept_from.add(author)
            self.alarms.ring(alarm(AlarmKind.GROUP_KEPT_BACK, author, ""))
        self._words.ahead.clear()
        self._unknown.clear()
