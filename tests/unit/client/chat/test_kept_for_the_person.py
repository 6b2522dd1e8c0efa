"""What a device keeps for its person: numbers of conversations, who is ignored, and of what they were told."""

from __future__ import annotations

import msgspec
import pytest

from lanline.client.chat.history import History
from lanline.client.view import events
from lanline.client.view.values import Notifying
from lanline.model.rooms import Access
from lanline.wire.chat.conversations import Conversation, ConversationChanged, ConversationGone, InvitedToRoom, RoomInfo
from lanline.wire.chat.directory import PeopleChanged, Person
from unit.client.chat.stage import ANN_AND_BEN, BEN, CAI, LAB, START_MS, PlayedLink, Stage, direct, lab, said, texts

ATTIC = 30
DAY_S = 24 * 60 * 60


def attic(log: int = ATTIC, name: str = "#attic") -> Conversation:
    made = lab()
    assert made.room is not None
    return msgspec.structs.replace(made, log=log, room=msgspec.structs.replace(made.room, log=log, name=name))


def lobby() -> Conversation:
    return attic(5, "#lobby")


def numbers(stage: Stage) -> dict[str, int]:
    return {each.title: each.number for each in stage.node.conversations.all if each.is_open}


# Numbers.


def test_a_number_stays_as_others_come_and_go_and_after_a_restart() -> None:
    stage = Stage()
    link = stage.connect(direct(), lab(), lobby())
    assert numbers(stage) == {"#lobby": 1, "#lab": 2, "ben": 3}
    link.say(ConversationChanged(attic()), ConversationGone(LAB, "Sent away."))
    assert numbers(stage) == {"#attic": 4, "#lobby": 1, "ben": 3}
    stage.restart()
    assert numbers(stage) == {"#attic": 4, "#lobby": 1, "ben": 3}
    stage.connect(attic(), direct(), lab(), lobby())
    assert numbers(stage) == {"#attic": 4, "#lab": 2, "#lobby": 1, "ben": 3}


def test_a_number_goes_with_the_name_when_a_restored_server_gives_another_log_to_it() -> None:
    stage = Stage()
    stage.epoch = b"o" * 16
    stage.connect(lobby(), lab(), attic()).die()
    stage.epoch = b"n" * 16
    stage.connect(lobby(), attic(LAB, "#attic"), attic(77, "#lab"))
    assert numbers(stage) == {"#lobby": 1, "#attic": 2, "#lab": 3}


def test_a_history_from_before_gets_numbers_at_once() -> None:
    stage = Stage()
    stage.connect(lobby(), lab())
    with stage.history.database.write() as writer:
        writer.execute("UPDATE logs SET number = 0")
    stage.restart()
    assert numbers(stage) == {"#lobby": 1, "#lab": 2}


# Who is ignored.


def unread(stage: Stage) -> dict[str, int]:
    return {each.title: each.unread for each in stage.node.conversations.all}


def test_words_of_who_is_ignored_are_kept_and_count_for_nothing() -> None:
    stage = Stage()
    link = stage.connect(lab(), direct())
    link.say(said(LAB, 1), said(ANN_AND_BEN, 1), said(LAB, 2, account=CAI))
    assert unread(stage) == {"#lab": 2, "ben": 1}
    stage.node.ignore(BEN, "ben", is_ignored=True)
    assert unread(stage) == {"#lab": 1, "ben": 0}
    link.say(said(LAB, 3))
    assert unread(stage) == {"#lab": 1, "ben": 0}
    stage.restart()
    stage.connect(lab(3), direct(1))
    assert unread(stage) == {"#lab": 1, "ben": 0}
    assert [each.is_said for each in stage.node.messages(LAB)] == [False, True, False]
    stage.node.ignore(BEN, "ben", is_ignored=False)
    assert unread(stage) == {"#lab": 3, "ben": 1}
    assert texts(each for each in stage.node.messages(LAB) if each.is_said) == ["text 1", "text 2", "text 3"]


def test_who_has_the_number_of_somebody_ignored_is_not_ignored() -> None:
    stage = Stage()
    link = stage.connect()
    stage.node.ignore(BEN, "ben", is_ignored=True)
    link.say(PeopleChanged((Person(BEN, "ben", True, "", START_MS),)))
    assert stage.node.directory.ignoring.names == {BEN: "ben"}
    link.say(PeopleChanged((Person(BEN, "bert", True, "", START_MS),)))
    assert not stage.node.directory.ignoring.names


# The reminder of the recovery key.


def test_of_a_recovery_key_that_is_lacking_a_person_is_reminded_once_a_day() -> None:
    stage = Stage()
    assert stage.node.preferences.is_reminder_due
    stage.node.preferences.note_reminded()
    stage.restart()
    assert not stage.node.preferences.is_reminder_due
    stage.clock.pass_time(DAY_S - 1)
    assert not stage.node.preferences.is_reminder_due
    stage.clock.pass_time(1)
    assert stage.node.preferences.is_reminder_due


def test_a_reminder_at_a_wrong_time_of_day_puts_off_none(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()
    with monkeypatch.context() as wrong:
        wrong.setattr(stage.clock, "now_ms", lambda: START_MS + 10 * 365 * DAY_S * 1000)
        stage.node.preferences.note_reminded()
    assert stage.node.preferences.is_reminder_due


# Invitations.


def invited(*, is_new: bool = False, by: int = BEN) -> InvitedToRoom:
    return InvitedToRoom(RoomInfo(ATTIC, "#attic", "", Access.INVITE_ONLY, 2), by, is_new)


def heard(stage: Stage) -> list[str]:
    return [each.by_name for each in stage.heard(events.InvitedToRoom)]


def signs_in(stage: Stage) -> PlayedLink:
    link = stage.connect()
    link.say(invited())
    return link


def test_of_an_invitation_a_person_is_told_once_with_the_name_of_who_invites() -> None:
    stage = Stage()
    stage.connect().say(invited(is_new=True))
    assert heard(stage) == ["ben"]
    assert [each.by_name for each in stage.node.conversations.invitations.untold] == ["ben"], "nobody was there yet"
    stage.node.conversations.invitations.note_told(ATTIC)
    signs_in(stage)
    assert heard(stage) == []
    stage.restart()
    signs_in(stage)
    assert heard(stage) == []
    assert stage.node.conversations.invitations.inviter(ATTIC) == "ben"


def test_an_invitation_of_which_nobody_was_told_is_told_after_a_restart() -> None:
    stage = Stage()
    signs_in(stage)
    stage.restart()
    signs_in(stage)
    assert heard(stage) == ["ben"]


def test_another_invitation_is_news() -> None:
    stage = Stage()
    link = signs_in(stage)
    invitations = stage.node.conversations.invitations
    invitations.note_told(ATTIC)
    link.say(invited(by=CAI))
    assert heard(stage) == ["ben", "cai"]
    invitations.note_told(ATTIC)
    link.say(invited(is_new=True, by=CAI))
    assert heard(stage) == ["cai"]
    invitations.note_told(ATTIC)
    link.say(ConversationChanged(attic()), ConversationGone(ATTIC, ""), invited(by=CAI))
    assert heard(stage) == ["cai"], "it was used meanwhile"


# What one is called for.


def test_what_one_wants_to_be_called_for_is_kept() -> None:
    stage = Stage()
    assert stage.node.preferences.notifying == Notifying()
    stage.node.preferences.put_notifying(Notifying(has_bell=False, quiet="22:00-07:00"))
    stage.restart()
    assert stage.node.preferences.notifying == Notifying(has_bell=False, quiet="22:00-07:00")


def test_what_a_newer_program_has_kept_is_as_it_is_at_first() -> None:
    history = History.in_memory()
    history.put_facts(notifying="[]")
    assert Stage(history=history).node.preferences.notifying == Notifying()
