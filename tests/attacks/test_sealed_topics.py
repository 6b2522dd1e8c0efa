"""The topic of a room is sealed: the server reads none, sets none, and shows no old one to who has the newer.

Nor does a member without the right, with its help; and who is not in a private room sees nothing of its topic.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable

import msgspec
import pytest

from attacks.test_sealed_pages import change, show_again, started
from lanline.chain.reasons import Reason
from lanline.client.chat import following
from lanline.client.chat.sealed.content import TOPIC_BEGINS
from lanline.client.sealing import words
from lanline.client.view import events
from lanline.client.view.values import Conversation, MessageState, Unreadable
from lanline.core.rights import Judge
from lanline.model.content import Text, Topic
from lanline.model.rooms import Access
from lanline.wire.chat import conversations as wire
from lanline.wire.chat.entries import Append, LogEntry
from lanline.wire.sealing.entries import RoomRole
from lanline.wire.sealing.said import Words
from unit.client.chat.sealed.test_sealed_outbox import said, say
from unit.client.chat.village import Home, Process, Village

OPEN, PRIVATE = "#lobby", "#board"


def shown(process: Process, title: str) -> Conversation:
    track = process.node.conversations.titled(title)
    assert track is not None
    return track.shown


def topic(process: Process, title: str) -> str:
    return shown(process, title).topic


def set_topic(village: Village, by: Process, title: str, text: str) -> int:
    """Its place."""
    entry_id = hashlib.sha256(text.encode()).digest()[:16]
    by.node.outbox.say(title, Topic(text), entry_id)
    village.rest_until(lambda: topic(by, title) == text and not by.node.outbox.messages)
    return shown(by, title).topic_from


def everybody(village: Village) -> list[Process]:
    return [home.processes[0] for home in village.homes]


def anew(village: Village, home: Home) -> Process:
    """The same device, with nothing that it had read."""
    for process in home.processes:
        process.crash()
    home.path.unlink()
    home.delivered.clear()
    return started(village, home)


def doubts(process: Process, title: str) -> list[str]:
    found = process.node.messages(shown(process, title).log, last=1000)
    return [each.content.text for each in found if isinstance(each.content, Unreadable)]


def as_it_came(village: Village, log: int, at: int) -> LogEntry:
    [row] = read(village, "SELECT sequence, entry_id, account, device, time_ms, suite, content FROM entries "
                 "WHERE log = ? AND sequence = ?", log, at)  # fmt: skip
    return LogEntry(*row)


def read(village: Village, query: str, *parameters: object) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    change(village, lambda connection: found.extend(connection.execute(query, parameters)))
    return found


@pytest.fixture
def board(village: Village) -> Village:
    village.make_private_room()
    village.rest_until(lambda: all(shown(each, PRIVATE).delivered > 0 for each in everybody(village)))
    return village


@pytest.mark.parametrize("title", [OPEN, PRIVATE])
def test_a_topic_is_read_by_all_who_may_and_by_who_comes_later_or_has_only_the_end(
    board: Village, title: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, ben, _ = everybody(board)
    set_topic(board, ann, title, "tea at four")
    at = set_topic(board, ann, title, "tea at five")
    board.rest_until(lambda: {topic(each, title) for each in everybody(board)} == {"tea at five"})
    for number in range(4):
        say(ann, title, f"more {number}")
    board.rest_until(lambda: len(said(ben, title)) == 4)
    monkeypatch.setattr(following, "FETCHED_AT_FIRST", 2)
    late = anew(board, board.homes[1])
    board.rest_until(lambda: topic(late, title) == "tea at five")
    assert shown(late, title).first >= shown(late, title).topic_from == at
    late.node.reader.read_earlier(shown(late, title).log)
    board.rest_until(lambda: shown(late, title).first == 0)
    assert (topic(late, title), shown(late, title).topic_from) == ("tea at five", at)
    late.crash()
    assert topic(Process(board.homes[1]), title) == "tea at five"


def test_who_is_not_in_a_private_room_sees_nothing_of_its_topic_and_of_an_open_one_what_it_is(board: Village) -> None:
    ann, ben, _ = everybody(board)
    made: list[object] = []
    ben.node.line.request(wire.CreateRoom(0, "#few", "", Access.INVITE_ONLY), made.append)
    ben.node.line.request(wire.CreateRoom(0, "#all"), made.append)
    board.rest_until(lambda: len(made) == 2)
    few, everyone = (each.log for each in made if isinstance(each, wire.Opened))
    founded = ben.member.rooms.found(few, "few", ())
    board.rest_until(lambda: founded.is_settled and ben.node.seals.room(shown(ben, "#few")) is not None)
    set_topic(board, ben, "#few", "the harbour at midnight")
    set_topic(board, ben, "#all", "all are welcome")
    listed: list[object] = []
    ann.node.line.request(wire.ListRooms(0), listed.append)  # an admin, who sees all rooms
    board.rest_until(lambda: bool(listed))
    assert isinstance(listed[0], wire.Rooms)
    rooms = {each.log: each for each in listed[0].rooms}
    assert (rooms[few].topic, rooms[few].topic_entry) == ("", None)
    assert ann.node.topics.listed(rooms[few]) == ("", False)
    assert ann.node.topics.listed(rooms[everyone]) == ("all are welcome", False)
    assert rooms[everyone].topic == ""


@pytest.mark.parametrize("title", [OPEN, PRIVATE])
def test_who_has_not_the_right_sets_none(board: Village, title: str) -> None:
    ann, ben, _ = everybody(board)
    set_topic(board, ann, title, "tea at four")
    ben.node.outbox.say(title, Topic("mine"), bytes(16))
    say(ben, title, "and on")
    board.rest_until(lambda: said(ann, title) == ["and on"])
    [refused] = ben.node.outbox.messages
    assert (refused.state, refused.problem) == (
        MessageState.REFUSED,
        "Only moderators and owners set the topic here.",
    )
    assert topic(ann, title) == "tea at four"
    assert topic(ben, title) == "tea at four"


@pytest.mark.parametrize("was_moderator", [False, True])
def test_with_the_servers_help_who_has_not_the_right_sets_none_in_a_private_room(
    board: Village, was_moderator: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also who had it, and does as if not having heard that it was taken."""
    ann, ben, cai = everybody(board)
    set_topic(board, ann, PRIVATE, "tea at four")
    copy = ann.node.seals.room(shown(ann, PRIVATE))
    assert copy is not None
    if was_moderator:
        for role in (RoomRole.MODERATOR, RoomRole.MEMBER):
            changed = ann.member.rooms.set_role(copy, ben.member.copy.account_id, role)
            board.rest_until(lambda: changed.is_settled)  # noqa: B023 -- waited for in this turn
            changed.result()
            if role is RoomRole.MODERATOR:
                height = ann.member.copy.chain.height
                set_topic(board, ben, PRIVATE, "set while a moderator")
        board.rest_until(lambda: ben.member.copy.chain.height == cai.member.copy.chain.height)
        names_height(ben, height, monkeypatch)
    before = topic(ann, PRIVATE)
    monkeypatch.setattr(Judge, "_look_at_topic", lambda *_: None)
    ben.node.outbox.say(PRIVATE, Topic("mine"), bytes(16))
    board.rest_until(lambda: not ben.node.outbox.messages and bool(doubts(cai, PRIVATE)))
    assert [topic(each, PRIVATE) for each in (ann, cai)] == [before, before]
    assert Reason.RIGHTS.value in doubts(cai, PRIVATE)[-1]


def names_height(process: Process, height: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is sealed from now on is said as if its author had seen no more of the chain."""
    head = process.member.copy.chain.head_at(height)
    monkeypatch.setattr(words, "Words", lambda *said: Words(*said[:3], height, head, *said[5:]))


def test_an_old_topic_shown_again_is_not_the_new_one(board: Village) -> None:
    """Not at another place, and not named by the server to who has the newer one."""
    ann, ben, _ = everybody(board)
    old = set_topic(board, ann, PRIVATE, "tea at four")
    set_topic(board, ann, PRIVATE, "tea at five")
    board.rest_until(lambda: topic(ben, PRIVATE) == "tea at five")
    log = shown(ann, PRIVATE).log
    room = wire.RoomInfo(log, PRIVATE, "", Access.INVITE_ONLY, 3, as_it_came(board, log, old))
    head = shown(ben, PRIVATE).head
    ben.node.topics.note_named([wire.Conversation(log, head, 0, 0, room)])
    assert topic(ben, PRIVATE) == "tea at five"
    for home in board.homes:
        home.processes[0].crash()
    change(board, lambda connection: show_again(connection, log, old))
    board.restart_server()
    for home in board.homes[:2]:
        again = anew(board, home)
        board.rest_until(lambda: bool(doubts(again, PRIVATE)))  # noqa: B023 -- waited for in this turn
        assert topic(again, PRIVATE) == "tea at five"
        assert Reason.KNOWN_ID.value in doubts(again, PRIVATE)[0]


def test_who_had_only_the_end_of_a_log_is_shown_no_older_topic_than_before_and_the_true_one_in_the_end(
    board: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what lies below the own copy the server may name an old one: until that is read."""
    ann, ben, _ = everybody(board)
    old, new = (as_it_came(board, shown(ann, OPEN).log, set_topic(board, ann, OPEN, each)) for each in ("old", "new"))
    for number in range(3):
        say(ann, OPEN, f"more {number}")
    board.rest_until(lambda: len(said(ben, OPEN)) == 3)
    ben_home = board.homes[1]
    ben.crash()
    ben_home.path.unlink()
    ben_home.delivered.clear()
    monkeypatch.setattr(following, "FETCHED_AT_FIRST", 2)
    conversation = board.house.server.core.conversations.get(shown(ann, OPEN).log)  # type: ignore[arg-type]
    assert conversation is not None
    true, conversation.topic = conversation.topic, msgspec.structs.replace(conversation.topic, **fields(old))  # type: ignore[arg-type]
    late = started(board, ben_home)
    board.rest_until(lambda: topic(late, OPEN) == "old")
    conversation.topic = true
    late.open_wires[0].die()
    board.rest_until(lambda: topic(late, OPEN) == "new")
    late.crash()
    conversation.topic = msgspec.structs.replace(true, **fields(old))  # type: ignore[type-var]
    late = started(board, ben_home)
    for _ in range(5):
        board.rest()
    assert (topic(late, OPEN), shown(late, OPEN).topic_from) == ("new", new.sequence)


def fields(entry: LogEntry) -> dict[str, object]:
    return {"sequence": entry.sequence, "entry_id": entry.entry_id, "time_ms": entry.time_ms, "content": entry.content}


def move(connection: sqlite3.Connection, one: int, at: int, other: int) -> None:
    """To the end of the other log."""
    rest = "entry_id, account, device, time_ms, suite, content"
    connection.execute(
        f"INSERT INTO entries SELECT ?1, (SELECT max(sequence) + 1 FROM entries WHERE log = ?1), {rest} "
        "FROM entries WHERE log = ?2 AND sequence = ?3",
        (other, one, at),
    )
    connection.execute("UPDATE logs SET head = head + 1 WHERE id = ?", (other,))


def test_a_topic_of_another_room_is_none_here(board: Village) -> None:
    ann, ben, _ = everybody(board)
    set_topic(board, ann, OPEN, "for all")
    there = set_topic(board, ann, PRIVATE, "for few")
    made: list[object] = []
    ben.node.line.request(wire.CreateRoom(0, "#other"), made.append)
    board.rest_until(lambda: bool(made))
    elsewhere = set_topic(board, ben, "#other", "of another")
    private, lobby, other = (shown(ann if title != "#other" else ben, title).log for title in (PRIVATE, OPEN, "#other"))
    for home in board.homes:
        home.processes[0].crash()
    change(board, lambda connection: move(connection, private, there, lobby))
    change(board, lambda connection: move(connection, other, elsewhere, lobby))
    board.restart_server()
    again = anew(board, board.homes[0])
    board.rest_until(lambda: shown(again, OPEN).delivered == shown(again, OPEN).head > 0)
    for _ in range(20):
        board.rest()
    assert topic(again, OPEN) == "for all"


@pytest.mark.parametrize("part", ["header", "sealed", "suite"])
def test_a_topic_of_which_anything_is_changed_is_none(board: Village, part: str) -> None:
    """The server can make words of one, which are not shown as such, and none of words."""
    ann, _, _ = everybody(board)
    first = set_topic(board, ann, OPEN, "tea at four")
    at = set_topic(board, ann, OPEN, "tea at five")
    say(ann, OPEN, "only words")
    board.rest_until(lambda: said(ann, OPEN) == ["only words"])
    log = shown(ann, OPEN).log
    after = at + 1
    ann.crash()

    def flip(connection: sqlite3.Connection) -> None:
        (content,) = connection.execute("SELECT content FROM entries WHERE log = ? AND sequence = ?", (log, at))
        changed = bytearray(content[0])
        changed[40 if part == "header" else -1] ^= 1
        connection.execute("UPDATE entries SET content = ? WHERE log = ? AND sequence = ?", (bytes(changed), log, at))

    def turn(connection: sqlite3.Connection) -> None:
        for suite, place in (("said/1", at), ("topic/1", after)):
            connection.execute("UPDATE entries SET suite = ? WHERE log = ? AND sequence = ?", (suite, log, place))

    change(board, turn if part == "suite" else flip)
    board.restart_server()
    again = anew(board, board.homes[0])
    board.rest_until(lambda: bool(doubts(again, OPEN)))
    assert (topic(again, OPEN), shown(again, OPEN).topic_from) == ("tea at four", first)
    if part == "suite":
        assert [Reason.KIND.value in each for each in doubts(again, OPEN)] == [True, True]
        assert said(again, OPEN) == []


def put_plain(village: Village, title: str, text: str) -> Callable[[], None]:
    """What the server says is the topic."""

    def put(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE rooms SET topic = ? WHERE name = ?", (text, title))

    def do() -> None:
        change(village, put)
        village.restart_server()

    return do


def test_a_plain_topic_counts_until_the_first_sealed_one_and_never_in_a_private_room(board: Village) -> None:
    ann, ben, _ = everybody(board)
    put_plain(board, OPEN, "from before")()
    put_plain(board, PRIVATE, "pay the server")()
    board.rest_until(lambda: topic(ben, OPEN) == "from before")
    assert shown(ben, OPEN).topic_from == 0
    assert topic(ben, PRIVATE) == ""
    new = anew(board, board.homes[2])  # which does not know yet that the room is private
    board.rest_until(lambda: shown(new, PRIVATE).delivered == shown(new, PRIVATE).head > 0)
    assert topic(new, PRIVATE) == ""
    set_topic(board, ann, OPEN, "tea at five")
    assert read(board, "SELECT topic FROM rooms WHERE name = ?", OPEN) == [("",)]
    put_plain(board, OPEN, "pay the server")()
    board.rest_until(lambda: ben.member.is_current and topic(ben, OPEN) == "tea at five")
    for _ in range(10):
        board.rest()
    assert topic(ben, OPEN) == "tea at five"


def test_nobody_sets_a_plain_topic_where_there_is_a_group(board: Village) -> None:
    ann, *_ = everybody(board)
    answers: list[object] = []
    ann.node.line.request(wire.SetTopic(0, shown(ann, OPEN).log, "in plain"), answers.append)
    ann.node.line.request(wire.CreateRoom(0, "#new", "in plain"), answers.append)
    board.rest_until(lambda: len(answers) == 2)
    assert {str(each) for each in answers} == {
        "The topics of a group are sealed, and this one was not. Try again, or upgrade Lanline on this device."
    }
    assert Text not in {type(each) for each in answers}


def test_an_invitation_tells_no_topic_that_the_server_could_have_made_up(board: Village) -> None:
    ann, ben, _ = everybody(board)
    set_topic(board, ann, OPEN, "for all")
    told: list[str] = []
    ben.node.subscribe(lambda event: told.append(event.topic) if isinstance(event, events.InvitedToRoom) else None)
    asked = wire.InvitedToRoom(wire.RoomInfo(999, "#x", "pay the server", Access.INVITE_ONLY, 1), ann.node.own.account)
    assert ben.node.line.session is not None
    ben.node.on_server_message(ben.node.line.session, asked)
    assert told == [""]


def test_words_that_only_begin_as_a_topic_take_none_away(village: Village) -> None:
    """Said by a member who may set none, so long that it is no topic."""
    village.make_private_room()
    ann, ben, cai = everybody(village)
    set_topic(village, ann, PRIVATE, "glass and wire")
    body = msgspec.msgpack.encode({"type": "topic", "text": "x" * 5000})
    assert body.startswith(TOPIC_BEGINS)
    village.rest_until(lambda: topic(ben, PRIVATE) == "glass and wire")
    say(ben, PRIVATE, "here")
    village.rest_until(lambda: "here" in said(cai, PRIVATE))
    sealed = ben.node.seals.seal(shown(ben, PRIVATE), b"begins as topics", body)
    session = ben.node.line.session
    assert sealed is not None
    assert session is not None
    session.send(Append(session.next_request(), shown(ben, PRIVATE).log, b"begins as topics", "said/1", sealed))
    village.rest_until(lambda: bool(doubts(cai, PRIVATE)))
    cai.crash()
    cai = started(village, village.homes[2])
    village.come_to_rest()
    assert topic(cai, PRIVATE) == "glass and wire"
