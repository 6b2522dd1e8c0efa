"""From a link to a signed-in session, and each way in which that does not come about."""

from __future__ import annotations

import pytest

from lanline.client.chat.session import AsNewcomer
from lanline.client.view import events
from lanline.client.view.values import NodeState
from lanline.errors import CloseCode, InvalidInput, LinkLost, LinkNotOpen, RefusalCode
from lanline.model.rooms import Access
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed
from lanline.wire.chat.admin import SetBanned
from lanline.wire.chat.answers import Done, Refused
from lanline.wire.chat.blobs import GetBlob
from lanline.wire.chat.conversations import Conversations, ListRooms, RoomInfo, Rooms
from lanline.wire.chat.directory import People
from lanline.wire.chat.entries import Follow
from lanline.wire.chat.pieces import MAX_PIECES
from lanline.wire.chat.signin import Deregister, Hello, Join, NoCommonVersion, SignIn, Welcome
from unit.client.chat.stage import ANN, BEN, LAB, START_MS, PlayedLink, Stage, lab, people_table, said

ROOMS = (RoomInfo(1, "#lab", "", Access.OPEN, 1), RoomInfo(2, "#crew", "", Access.OPEN, 2))


def test_hello_comes_first_and_alone() -> None:
    stage, link = Stage(), PlayedLink()
    stage.node.on_connected(link)
    assert [type(message) for message in link.sent] == [Hello]
    assert stage.node.state is NodeState.GREETING


def test_a_device_signs_in_and_is_synchronized_once_both_tables_are_whole() -> None:
    stage, link = Stage(), PlayedLink()
    stage.node.on_connected(link)
    stage.greet(link)
    stage.sign_in(link)
    assert stage.node.state is NodeState.SIGNED_IN
    (event,) = stage.heard(events.SignedIn)
    assert (event.account, event.name, event.server_name) == (ANN, "ann", "ship")
    link.say(People((), is_last=False), people_table(), Conversations((), is_last=False))
    assert not stage.heard(events.Synchronized)
    link.say(Conversations((lab(),), is_last=True))
    assert stage.heard(events.Synchronized)
    assert stage.node.state is NodeState.SYNCHRONIZED
    assert [person.name for person in stage.node.directory.people] == ["ann", "ben", "cai"]


def test_a_newcomer_joins_once_and_signs_in_by_its_key_afterwards() -> None:
    way = AsNewcomer("ann", "correct horse", b"token")
    stage, link = Stage(way), PlayedLink()
    stage.node.on_connected(link)
    link.take(Hello)
    link.say(Welcome(2, "ship", is_open=False, now_ms=START_MS))
    (join,) = link.take(Join)
    assert (join.name, join.password, join.label, join.token) == ("ann", "correct horse", "", b"token")
    link.sent.append(join)
    stage.sign_in(link, is_new=True)
    assert stage.heard(events.SignedIn)[0].is_new
    link.die()
    again = PlayedLink()
    stage.node.on_connected(again)
    stage.greet(again)
    assert [type(message) for message in again.sent] == [SignIn]


def test_no_password_shows_when_a_way_is_printed() -> None:
    assert "horse" not in repr(AsNewcomer("ann", "correct horse"))


def test_a_refused_sign_in_is_told_and_ends_the_link() -> None:
    stage, link = Stage(), PlayedLink()
    stage.node.on_connected(link)
    stage.greet(link)
    (asked,) = link.take(SignIn)
    link.say(Refused(asked.request, RefusalCode.BANNED, "You are banned\x1b[2J."))
    (refused,) = stage.heard(events.SignInRefused)
    assert refused.code is RefusalCode.BANNED
    assert "\x1b" not in refused.text
    assert link.closed is not None
    assert stage.node.state is NodeState.OFFLINE


@pytest.mark.parametrize(("versions", "is_newer"), [((3, 4), True), ((0,), False), ((), False)])
def test_without_a_common_version_it_is_said_who_has_to_upgrade(versions: tuple[int, ...], is_newer: bool) -> None:
    stage, link = Stage(), PlayedLink()
    stage.node.on_connected(link)
    link.say(NoCommonVersion(versions))
    (refused,) = stage.heard(events.VersionRefused)
    assert refused.is_server_newer is is_newer
    assert "pgrade" in refused.text
    assert link.closed is not None
    assert link.closed.code is CloseCode.INCOMPATIBLE_VERSION


@pytest.mark.parametrize("garbage", [b"", b"\xc1", b"\x93\xcd\xff\xff\x00\x00"])
def test_what_cannot_be_read_ends_the_link_and_nothing_else(garbage: bytes) -> None:
    stage = Stage()
    link = stage.connect()
    link.say_bytes(garbage)
    assert link.closed is not None
    assert link.closed.code is CloseCode.PROTOCOL_VIOLATION
    assert len(stage.heard(events.ConnectionLost)) == 1
    stage.connect()
    assert stage.node.state is NodeState.SYNCHRONIZED


def test_a_server_that_speaks_before_it_has_signed_us_in_loses_the_link() -> None:
    stage, link = Stage(), PlayedLink()
    stage.node.on_connected(link)
    stage.greet(link)
    link.say(people_table())
    assert link.closed is not None
    assert link.closed.code is CloseCode.PROTOCOL_VIOLATION
    assert not stage.heard(events.PeopleChanged)


def test_a_version_that_was_not_offered_ends_the_link() -> None:
    stage, link = Stage(), PlayedLink()
    stage.node.on_connected(link)
    link.say(Welcome(9, "ship", is_open=False, now_ms=START_MS))
    assert link.closed is not None
    assert link.closed.code is CloseCode.PROTOCOL_VIOLATION


def test_a_lost_link_is_told_once_and_fails_what_was_asked() -> None:
    stage = Stage()
    link = stage.connect()
    answers: list[object] = []
    stage.node.line.request(ListRooms(0), answers.append)
    link.die("Nobody answers.")
    (answer,) = answers
    assert isinstance(answer, LinkNotOpen)
    assert [event.reason for event in stage.heard(events.ConnectionLost)] == ["Nobody answers."]
    stage.node.line.request(ListRooms(0), answers.append)
    assert isinstance(answers[1], LinkNotOpen)


def test_answers_find_their_question_whatever_their_order() -> None:
    stage = Stage()
    link = stage.connect()
    answers: list[tuple[str, object]] = []
    stage.node.line.request(Deregister(0), lambda answer: answers.append(("one", answer)))
    stage.node.line.request(Deregister(0), lambda answer: answers.append(("two", answer)))
    one, two = link.take(Deregister)
    link.say(Refused(two.request, 7, "No."), Done(one.request), Done(one.request), Done(999))
    assert [name for name, _ in answers] == ["two", "one"]
    assert link.closed is None


def test_an_answer_in_pieces_is_one_answer() -> None:
    stage = Stage()
    link = stage.connect()
    answers: list[object] = []
    stage.node.line.request(ListRooms(0), answers.append)
    stage.node.line.request(Deregister(0), answers.append)
    rooms, other = (message.request for message in (*link.take(ListRooms), *link.take(Deregister)))
    link.say(Rooms(rooms, (ROOMS[0],), is_last=False), Done(other), Rooms(rooms, (ROOMS[1],)))
    assert answers == [Done(other), Rooms(rooms, ROOMS)]


def test_a_list_without_end_loses_the_link() -> None:
    stage = Stage()
    link = stage.connect()
    answers: list[object] = []
    stage.node.line.request(ListRooms(0), answers.append)
    (asked,) = link.take(ListRooms)
    link.say(*[Rooms(asked.request, (), is_last=False)] * MAX_PIECES)
    assert link.closed is not None
    assert link.closed.code is CloseCode.PROTOCOL_VIOLATION
    assert [type(answer) for answer in answers] == [LinkLost]


def test_blobs_go_over_the_bulk_channel() -> None:
    stage = Stage()
    link = stage.connect()
    stage.node.line.request(GetBlob(0, bytes(32)), lambda _: None)
    assert link.channels[-1] is Channel.BULK


def test_the_new_link_takes_over_only_when_it_is_signed_in() -> None:
    stage = Stage()
    old = stage.connect(lab())
    new = PlayedLink()
    stage.node.on_connected(new)
    assert old.closed is None
    stage.greet(new)
    assert stage.node.state is NodeState.SYNCHRONIZED
    stage.sign_in(new)
    assert old.closed == LinkClosed(CloseCode.REPLACED, "Moved to another link.", by_peer=False)
    assert not stage.heard(events.ConnectionLost)


def test_what_the_old_link_delivers_until_the_new_one_is_signed_in_is_no_sign_of_a_restore() -> None:
    """The table of the new link was made before: its head may lie behind what this device holds by now."""
    stage = Stage()
    old = stage.connect(lab(head=1))
    old.say(said(LAB, 1))
    new = PlayedLink()
    stage.node.on_connected(new)
    stage.greet(new)
    old.say(said(LAB, 2))
    stage.sign_in(new)
    new.say(people_table(ANN), Conversations((lab(head=1),), is_last=True))
    assert stage.node.state is NodeState.SYNCHRONIZED
    assert not [*stage.heard(events.ServerRestored), *stage.heard(events.CopyParted)]
    assert new.take(Follow)[0].after == 2


def test_a_new_link_that_fails_leaves_the_old_one_at_work() -> None:
    stage = Stage()
    stage.connect(lab())
    new = PlayedLink()
    stage.node.on_connected(new)
    new.die()
    assert stage.node.state is NodeState.SYNCHRONIZED
    assert not stage.heard(events.ConnectionLost)


def test_a_home_never_becomes_somebody_elses() -> None:
    stage = Stage()
    stage.connect(lab()).die()
    stage.heard(events.SignedIn)
    link = PlayedLink()
    stage.node.on_connected(link)
    stage.greet(link)
    stage.sign_in(link, BEN)
    assert not stage.heard(events.SignedIn)
    assert "ann" in stage.heard(events.SignInRefused)[0].text
    assert stage.node.own.account == ANN
    assert link.closed is not None


def test_a_request_with_half_a_character_is_not_made_and_leaves_nobody_waiting() -> None:
    stage = Stage()
    link = stage.connect()
    answers: list[object] = []
    with pytest.raises(InvalidInput, match="half a character"):
        stage.node.line.request(SetBanned(1, BEN, is_banned=True, reason="\udcff"), answers.append)
    link.die()
    assert answers == []


def test_nothing_in_the_text_of_a_refusal_can_steer_a_terminal() -> None:
    stage = Stage()
    link = stage.connect()
    answers: list[object] = []
    stage.node.line.request(ListRooms(1), answers.append)
    (asked,) = link.take(ListRooms)
    link.say(Refused(asked.request, RefusalCode.NOT_ALLOWED, "No.\x1b]0;owned\x07"))
    assert str(answers[0]) == "No.\N{REPLACEMENT CHARACTER}]0;owned\N{REPLACEMENT CHARACTER}"
