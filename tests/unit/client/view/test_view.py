"""The view that was told every change is the view of a snapshot taken now: against the node itself, at random."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from lanline.client.view import events
from lanline.client.view.values import MessageState, NodeState
from lanline.client.view.view import CallingEnded, Problem, Snapshot, View, recent_of
from lanline.errors import RefusalCode
from lanline.model.content import Text
from lanline.wire.chat.answers import Refused
from lanline.wire.chat.conversations import ConversationChanged, ConversationGone, MemberChanged
from lanline.wire.chat.directory import PeopleChanged
from lanline.wire.chat.entries import Append, CursorMoved, Entries, LogEntry
from unit.client.chat.stage import (
    ANN,
    ANN_AND_BEN,
    BEN,
    CAI,
    LAB,
    START_MS,
    PlayedLink,
    Stage,
    direct,
    entry,
    lab,
    person,
)

STEPS = 120


def snapshot(stage: Stage) -> Snapshot:
    node = stage.node
    catching_up = node.reader.catching_up
    return Snapshot(
        account=node.own.account,
        name=node.own.name,
        server_name=node.own.server_name,
        server_place="ship:5265",
        is_admin=node.own.is_admin,
        state=node.state,
        problem="",
        failed_calls=0,
        ended=None,
        catching_up=None if catching_up is None else tuple(catching_up),
        entered=tuple(node.reader.entered),
        people=node.directory.people,
        conversations=node.conversations.all,
        recent=tuple(
            recent_of(each, lambda last, of=each: node.messages(of.log, before=of.delivered + 1, last=last))  # type: ignore[misc]
            for each in node.conversations.all
        ),
        outbox=tuple(node.outbox.messages),
    )


def seen(view: View) -> Any:
    """All that a face may show."""
    shown = {
        each.log: [(message.entry_id, message.state, message.content) for message in view.messages(each.log, last=10)]
        for each in view.conversations
    }
    about = view.account, view.name, view.is_connected, view.catching_up
    return about, view.people, view.conversations, view.outbox, shown


class Play:
    """A server that says what comes into its head, and a person who types and reads."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.stage = Stage()
        self.view = View()
        self.heads = {LAB: 0, ANN_AND_BEN: 0}
        self.link: PlayedLink | None = None
        self.view.apply(snapshot(self.stage))
        self.stage.node.subscribe(self.view.apply)

    def step(self) -> None:
        if self.link is None or self.link.closed is not None:
            self.link = self.stage.connect(lab(head=self.heads[LAB]), direct(head=self.heads[ANN_AND_BEN]))
            return
        may_happen = [
            self.arrive,
            self.type,
            self.commit,
            self.refuse,
            self.read,
            self.others_move,
            self.come_and_go,
            self.leave_and_join,
            self.change_the_room,
            self.pass_time,
            self.lose_the_link,
            self.say_again_or_forget,
        ]
        self.chance.choices(may_happen, [3] + [1] * (len(may_happen) - 1))[0]()

    @property
    def _open_link(self) -> PlayedLink:
        assert self.link is not None
        return self.link

    def arrive(self) -> None:
        log = self.chance.choice([LAB, ANN_AND_BEN])
        found = self.stage.node.conversations.shown(log)
        if found is not None and found.is_open:
            first = found.delivered + 1
            count = self.chance.randint(1, 3)
            self._open_link.say(Entries(log, tuple(self._entry(log, n) for n in range(first, first + count))))
            self.heads[log] = max(self.heads[log], first + count - 1)

    def _entry(self, log: int, sequence: int) -> Any:
        return entry(sequence, self.chance.choice([ANN, BEN]), entry_id=bytes([log]) * 8 + sequence.to_bytes(8, "big"))

    def type(self) -> None:
        self.stage.say(self.chance.choice(["#lab", "ben"]), Text(f"text {self.chance.random()}"))

    def commit(self) -> None:
        for append in self._open_link.take(Append):
            self.heads[append.log] += 1
            place = self.heads[append.log]
            self._open_link.commit(append, after=place - 1)
            found = self.stage.node.conversations.shown(append.log)
            if found is not None and found.delivered == place - 1:
                own = LogEntry(place, append.entry_id, ANN, ANN * 100, START_MS, append.suite, append.content)
                self._open_link.say(Entries(append.log, (own,)))

    def refuse(self) -> None:
        for append in self._open_link.take(Append):
            self._open_link.say(Refused(append.request, RefusalCode.MUTED, "You are muted."))

    def say_again_or_forget(self) -> None:
        for message in self.stage.node.outbox.messages:
            if message.state is MessageState.REFUSED:
                self.chance.choice([self.stage.node.outbox.say_again, self.stage.node.outbox.forget])(message.entry_id)

    def read(self) -> None:
        for each in self.stage.node.conversations.all:
            self.stage.node.reader.mark_read(each.log, self.chance.randint(0, each.delivered))

    def others_move(self) -> None:
        log = self.chance.choice([LAB, ANN_AND_BEN])
        self._open_link.say(CursorMoved(log, BEN, self.heads[log], self.chance.randint(0, self.heads[log])))

    def come_and_go(self) -> None:
        self._open_link.say(PeopleChanged((person(CAI, is_online=self.chance.random() < 0.5),)))

    def leave_and_join(self) -> None:
        gone = ConversationGone(LAB, "Gone."), ConversationChanged(lab(head=self.heads[LAB]))
        self._open_link.say(*gone)

    def change_the_room(self) -> None:
        self._open_link.say(
            ConversationChanged(lab(head=self.heads[LAB], is_muted=self.chance.random() < 0.5)),
            MemberChanged(LAB, BEN, None, BEN, self.chance.randint(1, 5)),
        )

    def pass_time(self) -> None:
        self.stage.clock.turn(1.0)

    def lose_the_link(self) -> None:
        self._open_link.die()


@pytest.mark.parametrize("seed", range(20))
def test_told_of_every_change_it_is_what_a_snapshot_says_now(seed: int) -> None:
    play = Play(seed)
    for number in range(STEPS):
        play.step()
        fresh = View()
        fresh.apply(snapshot(play.stage))
        assert seen(play.view) == seen(fresh), f"after step {number}"


def test_what_can_be_read_now_stands_where_it_stood() -> None:
    stage, view = Stage(), View()
    view.apply(snapshot(stage))
    stage.node.subscribe(view.apply)
    stage.connect(lab(head=2)).say(Entries(LAB, (entry(1), entry(2))))
    before = view.conversation(LAB)
    first, second = view.messages(LAB, last=10)
    view.apply(events.EntriesOpened(LAB, (msgspec.structs.replace(first, content=Text("open now")),)))
    assert [each.content for each in view.messages(LAB, last=10)] == [Text("open now"), second.content]
    assert view.conversation(LAB) == before


def test_reading_counts_at_once_and_is_sent_on() -> None:
    sent: list[tuple[int, int]] = []
    stage, view = Stage(), View(lambda log, through: sent.append((log, through)))
    view.apply(snapshot(stage))
    stage.node.subscribe(view.apply)
    stage.connect(lab(head=2)).say(Entries(LAB, (entry(1), entry(2))))
    view.mark_read(LAB, 1)
    shown = view.conversation(LAB)
    assert shown is not None
    assert (shown.read, shown.unread, sent) == (1, 1, [(LAB, 1)])
    view.mark_read(LAB, 1)
    assert sent == [(LAB, 1)]


def test_the_end_of_calling_is_kept_until_somebody_signs_in_again() -> None:
    view = View()
    view.apply(CallingEnded(Problem("RequestRefused", "You are banned.", RefusalCode.BANNED)))
    assert view.ended is not None
    assert view.problem == "You are banned."
    view.apply(events.SignedIn(1, "ann", 2, is_admin=False, is_new=False, server_name="ship"))
    assert view.ended is None
    assert view.state is NodeState.SIGNED_IN
