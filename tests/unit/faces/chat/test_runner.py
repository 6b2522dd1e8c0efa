from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from lanline.client.node import owncommands as own
from lanline.client.node import protocol as do
from lanline.client.view.values import MemberListing, MessageState, Notifying, RoomListing
from lanline.errors import InvalidInput, LinkLost, LinkNotOpen, RefusalCode, RequestRefused
from lanline.faces.chat.grammar import parse_line
from lanline.faces.chat.runner import CommandRunner, Leaving
from lanline.model.content import Delete, Edit, Reaction, Reply, Text
from lanline.model.rooms import Access, Role
from unit.faces.chat.standin import ANA, BO, ME, NOON_MS, Stage


@pytest.fixture(name="stage")
def _stage() -> Stage:
    return Stage()


def types(stage: Stage, line: str) -> str:
    """What stands on the screen for it."""
    runner = CommandRunner(stage.face, stage.places, stage.transcript, stage.screen, lambda: NOON_MS)
    parsed = parse_line(line, "me")
    assert parsed is not None
    asyncio.run(runner.carry_out(parsed))
    return stage.taken_screen()


def said(stage: Stage) -> list[tuple[Any, Any]]:
    return [(each.log or each.destination, each.content) for each in stage.view.outbox]


def test_words_go_where_one_is(stage: Stage) -> None:
    types(stage, "hello")
    types(stage, "/switch #lab")
    types(stage, " /join in words")
    types(stage, "/me waves")
    assert said(stage) == [(10, Text("hello")), (11, Text("/join in words")), (11, Text("/me waves"))]


@pytest.mark.parametrize("line", ["send ANA hi", "/msg ana hi", "/m ana hi"])
def test_a_private_word_goes_to_one(stage: Stage, line: str) -> None:
    types(stage, line)
    assert said(stage) == [(20, Text("hi"))]


def test_a_private_word_for_nobody_is_not_said_to_the_room(stage: Stage) -> None:
    screen = types(stage, "send anna my secret")
    assert said(stage) == []
    assert "There is nobody called 'anna'. Did you mean ana?" in screen
    assert "put a space in front" in screen


def test_somebody_new_is_written_to_by_name(stage: Stage) -> None:
    types(stage, "/query BO hi")
    types(stage, "more")
    assert said(stage) == [("bo", Text("hi")), ("bo", Text("more"))]
    types(stage, "/query")
    assert stage.places.here == "#lobby"


def test_going_somewhere_shows_what_is_unread_and_marks_it_read(stage: Stage) -> None:
    stage.hears(11, ANA, "early")
    screen = types(stage, "/switch 2")
    assert screen.startswith("── #lab ")
    assert "ana: early" in screen
    assert stage.view.read[11] == 1
    types(stage, "/switch #lobby")
    assert "early" not in types(stage, "/switch #lab")


def test_switch_alone_goes_where_something_is_unread(stage: Stage) -> None:
    stage.hears(20, ANA, "psst")
    types(stage, "/switch")
    assert stage.places.here == "ana"
    assert "nothing unread" in types(stage, "/switch")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("/switch 9", "You are in no conversation 9."),
        ("/switch #labb", "You are not in #labb. Did you mean #lab or #lobby?"),
        ("/msg #nowhere hi", "You are not in #nowhere. /join goes there."),
        ("/query nobody", "There is nobody called 'nobody'."),
        ("/who \x1b[31mred", "There is nobody called '[31mred'"),
        ("/join #", "is empty"),
        ("/join ##x", "made of letters, digits"),
        ("/reply yes", "There is no message of somebody else here yet."),
        ("/edit yes", "There is no message of yours here yet."),
        ("/reply ^99 yes", "There is no message ^99 here"),
        ("/kick nobody", "nobody called"),
        ("/topic " + "x" * 301, "at most 300 characters"),
    ],
)
def test_what_cannot_be_done_is_told(stage: Stage, line: str, told: str) -> None:
    screen = types(stage, line)
    assert told in screen
    assert "\x1b" not in screen
    assert said(stage) == []
    assert stage.face.asked == []


def test_joining_goes_there_and_a_room_that_is_not_can_be_made(stage: Stage) -> None:
    types(stage, "/join #new")
    assert (stage.places.here, stage.face.asked) == ("#new", [do.JoinRoom("#new")])
    stage.face.problem = RequestRefused(RefusalCode.UNKNOWN_CONVERSATION, "There is no such room.")
    assert "'/create #other' makes it" in types(stage, "/join #other")
    stage.face.problem = None
    types(stage, "/create #other private")
    assert stage.face.asked[-1] == do.CreateRoom("#other", access=Access.INVITE_ONLY)
    assert stage.places.here == "#other"


def test_joining_a_room_one_is_in_only_goes_there(stage: Stage) -> None:
    types(stage, "/join #LAB")
    assert (stage.places.here, stage.face.asked) == ("#lab", [])


def test_leaving_a_room_goes_back(stage: Stage) -> None:
    types(stage, "/switch #lab")
    types(stage, "/part")
    assert stage.face.asked == [do.LeaveRoom(11)]
    assert stage.places.here == "#lobby"


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("/topic Keys and tools", do.SetTopic(10, "Keys and tools")),
        ("/access private", do.SetAccess(10, Access.INVITE_ONLY)),
        ("/invite bo", do.Invite(10, BO)),
        ("/kick bo", do.SendAway(10, BO)),
        ("/ban Bo", do.SetBanned(10, BO, True)),
        ("/unban bo", do.SetBanned(10, BO, False)),
        ("/mute bo", do.SetMuted(10, BO, True)),
        ("/unmute bo", do.SetMuted(10, BO, False)),
        ("/op bo", do.SetRole(10, BO, Role.MODERATOR)),
        ("/owner bo", do.SetRole(10, BO, Role.OWNER)),
        ("/deop bo", do.SetRole(10, BO, Role.MEMBER)),
    ],
)
def test_room_commands_ask_the_server(stage: Stage, line: str, asked: do.AnyCommand) -> None:
    types(stage, line)
    assert stage.face.asked == [asked]
    types(stage, "/query ana")
    assert "That is for rooms" in types(stage, line)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("/invite ana", "ana is in #lobby already."),
        ("/op ana", "ana is an owner of #lobby, which is more. See /deop."),
    ],
)
def test_what_somebody_is_already_is_told_and_not_asked_for(stage: Stage, line: str, told: str) -> None:
    stage.face.listed_members = (MemberListing(ANA, "ana", Role.OWNER, False, False, False),)
    assert told in types(stage, line)
    assert stage.face.asked == []


def test_opening_a_room_is_told_by_what_all_are_told(stage: Stage) -> None:
    assert types(stage, "/access private") == ""
    assert "already" in types(stage, "/access open")


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (RequestRefused(RefusalCode.NOT_ALLOWED, "Only moderators may do that."), "Only moderators may do that."),
        (LinkNotOpen("The link is closed."), "Try again when it is back."),
        (LinkLost("Whether this was done is not known."), "Whether this was done is not known."),
    ],
)
def test_a_refusal_or_no_server_is_told(stage: Stage, problem: Any, told: str) -> None:
    stage.face.problem = problem
    assert told in types(stage, "/kick bo")


def test_a_message_can_be_meant_by_being_the_latest_or_by_number(stage: Stage) -> None:
    mine = stage.hears(10, ME, "mine")
    first = stage.hears(10, ANA, "first")
    second = stage.hears(10, BO, "second")
    stage.hears(10, ANA, Reaction(mine.entry_id, "👍"))
    types(stage, "/reply yes")
    types(stage, "/reply ^2 no")
    types(stage, "/react 👍")
    types(stage, "/react ^2 -👍")
    types(stage, "/edit mine, corrected")
    types(stage, "/delete")
    assert [content for _, content in said(stage)] == [
        Reply(second.entry_id, "yes"),
        Reply(first.entry_id, "no"),
        Reaction(second.entry_id, "👍"),
        Reaction(first.entry_id, "👍", is_withdrawn=True),
        Edit(mine.entry_id, "mine, corrected"),
        Delete(mine.entry_id),
    ]


def test_only_ones_own_can_be_taken_back_and_only_once(stage: Stage) -> None:
    mine = stage.hears(10, ME, "mine")
    stage.hears(10, ANA, "hers")
    assert "said by somebody else" in types(stage, "/delete ^2")
    stage.hears(10, ME, Delete(mine.entry_id))
    assert "no message of yours" in types(stage, "/delete")
    assert "stands for itself" in types(stage, "/reply ^3 what")
    assert said(stage) == []


def test_history_has_numbers_and_marks(stage: Stage) -> None:
    stage.hears(10, ME, "mine", MessageState.READ)
    stage.hears(10, ANA, "hers")
    screen = types(stage, "/history")
    assert "^1 " in screen
    assert "me: mine ✓✓ read" in screen
    assert "^2 " in screen
    assert "mine" not in types(stage, "/history 1")


def test_history_honours_what_authors_wish(stage: Stage) -> None:
    hers = stage.hears(10, ANA, "secret")
    typo = stage.hears(10, BO, "tpyo")
    stage.hears(10, BO, Delete(typo.entry_id[::-1]))
    stage.hears(10, BO, Edit(typo.entry_id, "typo"))
    stage.hears(10, ANA, Delete(hers.entry_id))
    screen = types(stage, "/history")
    assert "secret" not in screen
    assert "ana: (taken back)" in screen
    assert "bo: typo (edited)" in screen


def test_lists(stage: Stage) -> None:
    stage.face.listed = (RoomListing(11, "#lab", "Tools", Access.INVITE_ONLY, 3),)
    assert "* #lab  3  private  Tools" in types(stage, "/list")
    stage.face.listed = (RoomListing(12, "#attic", "", Access.INVITE_ONLY, 3, "ana"),)
    assert "#attic  3  private    ana asks you in" in types(stage, "/list")
    stage.face.listed_members = (MemberListing(ANA, "ana", Role.OWNER, True, False, False),)
    assert "ana  online  owner muted" in types(stage, "/names")
    screen = types(stage, "clients")
    assert "ana       online" in screen
    assert screen.index("me (you)") < screen.index("bo        offline since")
    assert "192.0.2.2:4000" in screen
    assert screen.count("by your invite") == 1
    assert "bo" not in types(stage, "/who ana")
    assert "Nothing is unread." in types(stage, "/unread")
    stage.hears(11, ANA, "hi")
    assert "#lab  1  sent" in types(stage, "/unread")


def test_names_are_for_good(stage: Stage) -> None:
    assert "You are me. A name is for good" in types(stage, "/nick you")


@pytest.mark.parametrize("line", ["!q", "/quit", "dereg", "/dereg"])
def test_leaving(stage: Stage, line: str) -> None:
    with pytest.raises(Leaving):
        types(stage, line)
    assert stage.face.asked == ([do.Deregister()] if "dereg" in line else [])


def test_too_much_at_once_is_told_and_not_said(stage: Stage) -> None:
    assert "at most 60 kB" in types(stage, "x" * 70_000)
    assert said(stage) == []


def test_words_for_a_room_one_was_sent_out_of_go_nowhere_else(stage: Stage) -> None:
    types(stage, "/switch #lab")
    stage.view.drop(11)
    stage.places.refresh()
    assert "You are no longer in #lab: nothing was said." in types(stage, "for the lab only")
    assert said(stage) == []


def test_what_was_not_taken_is_said_again_or_let_go(stage: Stage) -> None:
    assert "nothing that the server did not take" in types(stage, "/again")
    types(stage, "one")
    types(stage, "two")
    stage.view.refuse_all()
    types(stage, "/again")
    assert [each.state for each in stage.view.outbox] == [MessageState.QUEUED] * 2
    stage.view.refuse_all()
    types(stage, "/forget")
    assert stage.view.outbox == []


def test_comings_and_goings_can_be_left_out_and_had_again(stage: Stage) -> None:
    assert "is told here" in types(stage, "/presence")
    assert "is not told here" in types(stage, "/presence off")
    assert not stage.places.tells_comings
    assert "is told here" in types(stage, "/presence AUTO")


# What one sees and hears.


def test_names_shows_what_each_name_is_worth(stage: Stage) -> None:
    stage.face.listed_members = tuple(
        MemberListing(account, name, Role.MEMBER, False, False, False)
        for account, name in ((ANA, "ana"), (BO, "bo"), (ME, "me"))
    )
    lines = types(stage, "/names").splitlines()
    assert lines[1:] == [
        "    ana  online     by your invite",
        "    bo   offline",
        "    me   online     you",
    ]


def test_who_is_ignored_is_told_and_can_be_ended(stage: Stage) -> None:
    assert types(stage, "/ignore") == "* You ignore nobody.\n"
    assert "You ignore ana on this device" in types(stage, "/ignore ANA")
    stage.view.ignored = {ANA: "ana"}
    assert types(stage, "/ignore") == "* You ignore ana.\n"
    assert "already" in types(stage, "/ignore ana")
    types(stage, "/unignore ana")
    assert stage.face.asked == [own.Ignore("ana"), own.Ignore("ana", is_ignored=False)]


def test_what_one_wants_to_be_called_for_is_set_and_told(stage: Stage) -> None:
    assert "for your name and private words" in types(stage, "/notify")
    assert stage.face.asked == []
    assert types(stage, "/notify bell all") == "* You are called with a bell for everything that is said.\n"
    assert stage.face.asked == [own.SetNotifying(Notifying(has_desktop=False, of_all=True))]
    assert "It is written: /notify on|off" in types(stage, "/notify maybe")


@pytest.mark.parametrize(
    ("line", "pace_s"), [("/slow 30", 30), ("/slow OFF", 0), ("/slow 0", 0), ("/slow 21600", 21600)]
)
def test_a_room_is_made_slow(stage: Stage, line: str, pace_s: int) -> None:
    assert types(stage, line) == ""
    assert stage.face.asked == [do.SetSlow(10, pace_s)]


def test_a_pace_that_is_none_is_refused(stage: Stage) -> None:
    assert "from 1 to 21,600 seconds" in types(stage, "/slow 21601")
    for line in ("/slow -1", "/slow soon", "/slow 12345678901", "/slow ²"):
        with pytest.raises(InvalidInput, match="number of seconds"):
            types(stage, line)
    assert stage.face.asked == []


def test_how_slow_a_room_is_is_told(stage: Stage) -> None:
    assert "#lobby is not slow" in types(stage, "/slow")
    stage.view.add(msgspec.structs.replace(stage.lobby, slow_s=300))
    assert "every 5 min" in types(stage, "/slow")


def test_messages_are_pinned_by_number_or_the_latest(stage: Stage) -> None:
    stage.hears(10, ANA, "first")
    stage.hears(10, ME, "second")
    types(stage, "/pin ^1")
    types(stage, "/pin")
    assert stage.face.asked == [do.SetPinned(10, 1, True), do.SetPinned(10, 2, True)]


def test_pins_are_shown_as_they_are_now_and_taken_off(stage: Stage) -> None:
    first = stage.hears(10, ANA, "frist")
    stage.hears(10, ANA, Edit(first.entry_id, "first"))
    stage.view.add(msgspec.structs.replace(stage.lobby, pins=(1, 9)))
    lines = types(stage, "/pins").splitlines()
    assert lines[0].startswith("^1 ")
    assert lines[0].endswith("ana: first (edited)")
    assert lines[1:] == ["* ^9 cannot be shown on this device."]
    assert "^2 is not pinned" in types(stage, "/unpin ^2")
    types(stage, "/unpin")
    types(stage, "/unpin ^1")
    assert "pinned already" in types(stage, "/pin ^1")
    assert stage.face.asked == [do.SetPinned(10, 9, False), do.SetPinned(10, 1, False)]


@pytest.mark.parametrize("line", ["/pin", "/unpin", "/pins"])
def test_there_are_no_pins_in_a_conversation_of_two(stage: Stage, line: str) -> None:
    types(stage, "/switch ana")
    assert "pinned in rooms" in types(stage, line)


def test_coming_to_a_room_tells_that_it_is_slow_and_what_is_pinned(stage: Stage) -> None:
    stage.view.add(msgspec.structs.replace(stage.lab, slow_s=60, pins=(1,), topic="keys"))
    assert types(stage, "/switch #lab").startswith("── #lab · keys · slow, 1 min · 1 pinned (/pins) ──")
