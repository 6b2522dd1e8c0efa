from __future__ import annotations

from typing import Any

import msgspec
import pytest

from lanline.client.moments import clock_text
from lanline.client.view.events import (
    CallFailed,
    CaughtUp,
    ConnectionLost,
    ConversationChanged,
    ConversationClosed,
    ConversationOpened,
    CopyParted,
    EntriesOpened,
    EntriesReceived,
    GroupChanged,
    HistoryFailed,
    InvitedToRoom,
    MemberChanged,
    MessageStateChanged,
    PeopleChanged,
    ServerRestored,
    ServerSaid,
    SignedIn,
    Synchronized,
)
from lanline.client.view.incoming import Incoming
from lanline.client.view.places import Places
from lanline.client.view.transcript import Transcript
from lanline.client.view.values import (
    NO_RECOVERY,
    Conversation,
    GroupFacts,
    Message,
    MessageState,
    NodeState,
    Unreadable,
)
from lanline.client.view.view import Change, Snapshot, View, recent_of
from lanline.model.content import Delete, Edit, FileReference, Notice, Reaction, Reply, Text
from lanline.model.rooms import Access, Role, Standing
from unit.faces.chat.standin import ANA, BO, ME, NOON_MS, Stage, person, room

NOON = clock_text(NOON_MS, NOON_MS)
JOINED, INVITED, BANNED = Standing.JOINED, Standing.INVITED, Standing.BANNED
RECEIVED = MessageState.RECEIVED
SIGNED_IN = SignedIn(ME, "me", 1, is_admin=False, is_new=False, server_name="ship")


class News:
    def __init__(self) -> None:
        self.stage = Stage()
        stage = self.stage
        self.calls: list[str] = []
        self.incoming = Incoming(
            stage.view, stage.places, stage.transcript, stage.screen, stage.face.said_here, self.calls.append
        )

    def tell(self, *changes: Change) -> str:
        for change in changes:
            self.incoming.on_change(change)
        return self.stage.taken_screen()

    def comes_in(self, *logs: int) -> str:
        return self.tell(SIGNED_IN, Synchronized(), *(CaughtUp(log) for log in logs or (10, 11, 20)))

    def live(self, *messages: Message) -> str:
        assert messages[0].log is not None
        return self.tell(EntriesReceived(messages[0].log, messages, is_live=True))


@pytest.fixture(name="news")
def _news() -> News:
    return News()


def test_moving_to_the_other_link_is_not_told(news: News) -> None:
    assert "Connected to ship as me." in news.tell(SIGNED_IN)
    assert "Connected" not in news.tell(SIGNED_IN)
    assert "Connection lost" in news.tell(ConnectionLost("No answer."))
    assert "Connected again." in news.tell(SIGNED_IN)


def test_a_link_that_is_ended_for_fresh_keys_is_told_as_that_and_not_as_lost(news: News) -> None:
    news.tell(SIGNED_IN)
    screen = news.tell(ConnectionLost("The keys are fetched anew. Nothing is lost.", is_own_doing=True), SIGNED_IN)
    assert screen == "* The keys are fetched anew. Nothing is lost.\n"


def test_who_comes_back_is_told_how_much_waits_and_then_shown_it(news: News) -> None:
    for number in range(3):
        news.stage.hears(10, ANA, f"lobby {number}")
    news.stage.hears(11, BO, "in the lab")
    news.stage.hears(20, ANA, "private")
    news.tell(SIGNED_IN, Synchronized())
    assert not news.tell(CaughtUp(10), CaughtUp(20), EntriesReceived(10, tuple(news.stage.view.kept[10]), is_live=True))
    screen = news.tell(CaughtUp(11))
    assert screen.startswith("* You have 5 messages from ana, bo (2 rooms).\n")
    lines = screen.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["ana", "#lobby", "#lab"], "people first"
    assert all("sent " in line for line in lines[1:4])
    assert [line[6:] for line in lines[4:]] == [
        "ana: lobby 0",
        "ana: lobby 1",
        "ana: lobby 2",
        "(private) ana: private",
    ]
    assert news.stage.view.read == {10: 3, 20: 1}, "the other room stays unread"


def test_nothing_waiting_is_no_notice(news: News) -> None:
    news.stage.hears(10, ME, "mine")
    assert "You have" not in news.comes_in()


def test_what_was_shown_is_not_shown_again_after_a_broken_link(news: News) -> None:
    news.comes_in()
    assert "ana: one" in news.live(news.stage.hears(10, ANA, "one"))
    news.tell(ConnectionLost("no answer"))
    news.stage.hears(10, ANA, "two")
    screen = news.comes_in()
    assert "ana: two" in screen
    assert "ana: one" not in screen


def test_words_here_are_shown_and_elsewhere_counted(news: News) -> None:
    news.comes_in()
    assert news.live(news.stage.hears(10, ANA, "here"))[6:] == "ana: here\n"
    assert not news.live(news.stage.hears(11, ANA, "there"))
    assert news.stage.view.conversation(11).unread == 1
    assert news.live(news.stage.hears(20, ANA, "psst"))[6:] == "(private) ana: psst\n"


def test_private_words_shown_elsewhere_stand_again_where_they_belong(news: News) -> None:
    news.comes_in()
    news.live(news.stage.hears(20, ANA, "psst"))
    conversation = news.stage.view.conversation(20)
    news.stage.transcript.show_first(conversation)
    assert news.stage.taken_screen()[6:] == "ana: psst\n"
    news.stage.transcript.show_first(conversation)
    assert not news.stage.taken_screen()


def test_being_named_elsewhere_is_told(news: News) -> None:
    news.comes_in()
    assert "ana names you in #lab: Me, come" in news.live(news.stage.hears(11, ANA, "Me, come"))
    assert not news.live(news.stage.hears(11, ANA, "some meadow"))


def test_ones_own_words_show_where_they_went(news: News) -> None:
    news.comes_in()
    here, there, private = (news.stage.hears(log, ME, "mine") for log in (10, 11, 20))
    assert news.live(here)[6:] == "me: mine ✓\n"
    assert not news.live(there), "from another device"
    news.stage.face.said_here.add(there.entry_id)
    assert news.live(there)[6:] == "(to #lab) me: mine ✓\n"
    assert news.live(private)[6:] == "(to ana) me: mine ✓\n"


def test_a_room_just_joined_shows_what_was_said_there(news: News) -> None:
    news.comes_in()
    news.stage.view.add(room(12, "#new"))
    news.stage.places.go("#new")
    for number in range(50):
        news.stage.hears(12, ANA, f"old {number}")
    screen = news.tell(CaughtUp(12))
    assert "old 49" in screen
    assert "old 10" not in screen, "a newcomer does not want all of it"


def test_a_newcomer_is_told_once_how_much_was_said_before(news: News) -> None:
    news.comes_in()
    new = news.stage.view.add(room(12, "#new"))
    news.stage.places.go("#new")
    news.tell(ConversationOpened(new))
    for number in range(50):
        news.stage.hears(12, ANA, f"old {number}")
    news.stage.view.mark_read(12, 50)
    screen = news.tell(CaughtUp(12))
    assert screen.startswith("* 40 earlier lines: /history N shows them.\n")
    assert "You have" not in screen
    assert "earlier" not in news.tell(ConnectionLost("gone"), Synchronized(), CaughtUp(12))


def test_words_between_many_reactions_are_shown_on_coming_back() -> None:
    kept = [Message(10, n, b"%16d" % n, ANA, 0, Reaction(b"%16d" % 1, "+1"), RECEIVED) for n in range(3, 103)]
    first, last = (Message(10, n, b"%16d" % n, ANA, 0, Text(f"words {n}"), RECEIVED) for n in (1, 2))
    lobby = msgspec.structs.replace(room(10, "#lobby"), head=102, delivered=102, read=1, unread=1)
    recent = recent_of(lobby, lambda wanted: [first, last, *kept][-wanted:])
    view, stage = View(), Stage()
    view.apply(msgspec.structs.replace(snapshot(lobby), recent=(recent,)))
    Transcript(view, stage.screen).show_first(lobby)
    screen = stage.taken_screen()
    assert "words 2" in screen
    assert "were said before these" not in screen
    assert view.conversation(10).unread == 0


def test_many_thousand_unread_are_not_poured_out(news: News) -> None:
    for number in range(1000):
        news.stage.hears(20, ANA, f"old {number}")
    screen = news.comes_in()
    assert "You have 1,000 messages" in screen
    assert "800 messages came before these" in screen
    assert len(screen.splitlines()) < 210


def test_of_hundreds_of_rooms_with_something_new_a_few_are_listed_and_people_before_them(news: News) -> None:
    for number in range(100, 250):
        news.stage.view.add(room(number, f"#room{number}"))
        news.stage.hears(number, BO, "here too")
    news.stage.hears(20, ANA, "private")
    lines = news.comes_in(10, 11, 20, *range(100, 250)).splitlines()[1:]
    assert lines[0] == "* You have 151 messages from ana, bo (150 rooms)."
    assert lines[1].split()[0] == "ana"
    assert lines[13] == "    and 139 more: /unread shows all"
    assert len(lines) == 15, "and what ana said"


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (Reply(b"\x0a\x02" * 8, "yes"), "ana: (to ana: “hers”) yes"),
        (Edit(b"\x0a\x02" * 8, "better"), f"ana: (instead of “hers”, {NOON}) better"),
        (Edit(b"\x0a\x01" * 8, "better"), "ana: (instead of words of somebody else, which stay) better"),
        (Delete(b"\x0a\x02" * 8), f"* ana takes back the message of {NOON}"),
        (Delete(b"\x0a\x01" * 8), "* ana takes back words of somebody else, which stay"),
        (Delete(b"x" * 16), "* ana takes back an earlier message"),
        (Reaction(b"\x0a\x01" * 8, "👍"), f"* ana 👍 me: “mine”, {NOON}"),
        (Reaction(b"\x0a\x01" * 8, "👍", is_withdrawn=True), f"* ana takes 👍 off me: “mine”, {NOON}"),
        (Reply(b"x" * 16, "yes"), "ana: (to something earlier) yes"),
        (Notice("built"), "ana: (program) built"),
        (Text("/me waves"), "* ana waves"),
        (FileReference("plan\x1b.pdf", 12_345, "", b"", ()), "ana: (file) plan\ufffd.pdf, 12 kB"),
    ],
)
def test_every_kind_of_message_has_its_words(news: News, content: object, shown: str) -> None:
    news.stage.hears(10, ME, "mine")
    news.stage.hears(10, ANA, "hers")
    news.comes_in()
    assert shown in news.live(news.stage.hears(10, ANA, content))  # type: ignore[arg-type]


def test_what_was_taken_back_is_repeated_by_nothing(news: News) -> None:
    news.comes_in()
    hers = news.stage.hears(10, ANA, "secret")
    assert "secret" in news.live(hers)
    taken_back = news.live(news.stage.hears(10, ANA, Delete(hers.entry_id)))
    assert taken_back[6:] == f"* ana takes back the message of {NOON}\n"
    assert news.live(news.stage.hears(10, BO, Reply(hers.entry_id, "why")))[6:] == "bo: (to ana: “(taken back)”) why\n"
    news.stage.transcript.show_history(10, [hers])
    assert "secret" not in news.stage.taken_screen()


def test_who_comes_back_does_not_see_what_was_taken_back_meanwhile(news: News) -> None:
    hers = news.stage.hears(10, ANA, "secret")
    news.stage.hears(10, ANA, Delete(hers.entry_id))
    screen = news.comes_in()
    assert "ana: (taken back)" in screen
    assert "secret" not in screen


def test_a_hostile_reaction_reaches_no_terminal(news: News) -> None:
    news.comes_in()
    screen = news.live(news.stage.hears(10, ANA, Reaction(b"x" * 16, "\x1b[2J\n1")))
    assert "\x1b" not in screen
    assert screen.count("\n") == 1


def test_the_connection_is_told_once_per_change(news: News) -> None:
    screen = news.tell(CallFailed("No answer.", 1.0), CallFailed("No answer.", 2.0))
    assert screen == "* Not connected: No answer. Your words are kept and sent when it is back.\n"
    assert news.tell(SIGNED_IN) == "* Connected to ship as me.\n"
    screen = news.tell(ConnectionLost("The server is silent"), CallFailed("No answer.", 1.0))
    assert screen == "* Connection lost: The server is silent. Your words are kept and sent when it is back.\n"
    assert news.tell(SIGNED_IN) == "* Connected again.\n"


def test_who_comes_and_goes_is_told_but_not_oneself_and_not_a_crowd_by_name(news: News) -> None:
    crowd = tuple(person(number, f"p{number}") for number in range(10, 50))
    me, ana, bo = person(ME, "me"), person(ANA, "ana"), person(BO, "bo")
    assert news.tell(PeopleChanged((), came=(me, ana), went=(bo,))) == "* ana is here\n* bo has left\n"
    screen = news.tell(PeopleChanged((), came=crowd))
    assert screen.count("\n") == 1
    assert "p17 and 32 more are here" in screen


def member(account: int, name: str, by: int, **more: object) -> MemberChanged:
    made = MemberChanged(10, account, name, Role.MEMBER, False, JOINED, JOINED, by, "ana")
    return msgspec.structs.replace(made, **more)


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (member(BO, "bo", BO, was=None), ""),
        (member(BO, "bo", BO, role=None, standing=None), "* bo has left #lobby.\n"),
        (member(BO, "bo", BO, standing=INVITED, is_muted=True), "* bo has left #lobby.\n"),
        (member(BO, "bo", ANA, role=None, standing=None), "* ana has sent bo out of #lobby.\n"),
        (member(BO, "bo", ANA, standing=BANNED), "* ana has banned bo from #lobby.\n"),
        (member(BO, "bo", ANA, role=None, standing=None, was=BANNED), "* ana lets bo come back to #lobby.\n"),
        (member(BO, "bo", ANA, standing=INVITED, was=None), "* ana asks bo into #lobby.\n"),
        (member(BO, "bo", ANA, role=None, standing=None, was=INVITED), "* bo is not asked into #lobby any more.\n"),
        (member(BO, "bo", ME, standing=BANNED), ""),
        (member(BO, "bo", ME, role=None, standing=None), ""),
        (ConversationChanged(room(11, "#lab", access=Access.INVITE_ONLY)), "* #lab is for the invited only now.\n"),
        (member(BO, "bo", ANA, is_muted=True), "* ana has muted bo in #lobby.\n"),
        (member(BO, "bo", ANA, role=Role.MODERATOR), "* bo is a moderator of #lobby now, and may speak (by ana).\n"),
        (member(BO, "bo", BO, log=11), ""),
        (member(BO, "bo", ME, is_muted=True), ""),
        (member(ME, "me", ANA, log=11, is_muted=True), ""),
        (ConversationChanged(room(11, "#lab", is_muted=True)), "* You are muted in #lab.\n"),
        (ConversationChanged(room(11, "#lab", role=Role.MODERATOR)), "* You are a moderator of #lab now.\n"),
        (ConversationChanged(room(11, "#lab", topic="Keys")), "* The topic of #lab is: Keys\n"),
        (ConversationChanged(room(11, "#lab", topic="Keys", topic_from=9)), ""),
        (ConversationChanged(room(11, "#lab", unread=5)), ""),
        (ConversationOpened(room(30, "#new", is_muted=True)), ""),
        (ConversationClosed(11, "#lab", "Sent away by ana."), "* You are no longer in #lab: Sent away by ana.\n"),
        (InvitedToRoom("#x", "", ANA, "ana"), "* ana asks you into #x. /join #x goes there.\n"),
        (ServerSaid("\x1b[31mstop\nnow"), "* The server says: \ufffd[31mstop now\n"),
    ],
)
def test_what_happens_in_rooms_is_told(news: News, event: Change, told: str) -> None:
    assert news.tell(event) == told


def test_each_change_of_ones_own_standing_is_told_once(news: News) -> None:
    muted = ConversationChanged(room(11, "#lab", is_muted=True))
    assert news.tell(muted, muted).count("muted") == 1
    assert news.tell(ConversationChanged(room(11, "#lab"))) == "* You may speak in #lab again.\n"


def test_who_joins_the_room_one_is_in_is_told(news: News) -> None:
    news.stage.places.go("#lab")
    assert news.tell(member(BO, "bo", BO, log=11, was=None)) == "* bo has joined #lab.\n"


def test_a_refusal_names_the_words(news: News) -> None:
    said = msgspec.structs.replace(news.stage.view.say("#lobby", Text("too loud")), state=MessageState.REFUSED)
    news.stage.view.outbox = [said]
    change = MessageStateChanged(10, said.entry_id, MessageState.REFUSED, problem="You are muted.")
    [told] = news.incoming.refusals(change)
    assert told == "Not taken by the server: “too loud” You are muted."


def test_after_a_restore_what_has_the_numbers_of_lost_words_is_shown(news: News) -> None:
    news.comes_in()
    first, second = news.stage.hears(10, ANA, "kept"), news.stage.hears(10, ANA, "lost")
    assert "lost" in news.live(first, second)
    again = msgspec.structs.replace(second, content=Text("said after"), entry_id=b"another")
    assert not news.live(again), "as a repeat it would be nothing new"
    news.tell(CopyParted(10, first.sequence))
    assert news.live(again)[6:] == "ana: said after\n"
    assert "1 message is lost" in news.tell(ServerRestored("1 message is lost.", 1))


def test_what_can_be_read_now_is_shown_and_nothing_that_came_after_it_again(news: News) -> None:
    news.comes_in()
    hello, later = news.stage.hears(10, ANA, "hello"), news.stage.hears(10, ANA, "and later")
    sealed = msgspec.structs.replace(hello, content=Unreadable("said/1"))
    assert "and later" in news.live(sealed, later)
    assert news.tell(EntriesOpened(10, (hello,)))[6:] == "ana: hello\n"


# After another node, or for a face that was too slow: all of the view in place of what was missed.


def snapshot(*conversations: Conversation, outbox: tuple[Message, ...] = (), history: str = "a") -> Snapshot:
    link: tuple[Any, ...]
    me, link = (ME, "me", "ship", "ship:5265", False), (NodeState.SYNCHRONIZED, "", 0, None, (), ())
    return Snapshot(*me, *link, (), conversations, ((),) * len(conversations), outbox, history)


def test_a_refusal_that_only_a_snapshot_tells_is_told_once(news: News) -> None:
    said = news.stage.view.say("#lobby", Text("hello"))
    news.stage.face.said_here.add(said.entry_id)
    refused = msgspec.structs.replace(said, state=MessageState.REFUSED, problem="You are muted.")
    [told] = news.incoming.refusals(snapshot(outbox=(refused,)))
    assert "“hello” You are muted." in told
    assert news.incoming.refusals(snapshot(outbox=(refused,))) == []


def test_a_room_that_was_closed_meanwhile_is_told_once(news: News) -> None:
    news.comes_in()
    news.stage.view.drop(11)
    assert "You are no longer in #lab." in news.tell(snapshot(*news.stage.view.conversations))
    assert "no longer" not in news.tell(snapshot(*news.stage.view.conversations))


def test_what_has_the_number_of_something_lost_is_shown(news: News) -> None:
    """A restored server has less, and nobody told of it: the node has ended."""
    for number in range(3):
        news.live(news.stage.hears(10, ANA, f"old {number}"))
    news.comes_in()
    del news.stage.view.kept[10][1:]
    news.stage.view.read = {}
    news.tell(snapshot(*news.stage.view.conversations))
    assert "new" in news.live(news.stage.hears(10, ANA, "new"))


def test_after_a_restore_what_is_unread_is_shown_though_its_numbers_are_old() -> None:
    """The node has ended, and there is more in the log by now than there was before."""
    view, stage = View(), Stage()
    transcript = Transcript(view, stage.screen)
    incoming = Incoming(view, Places(view, "#lobby"), transcript, stage.screen, set())
    for history, kept, read in (("a", ["old 1", "old 2"], 0), ("a", ["old 1", "old 2"], 1), ("b", list("1234"), 1)):
        lobby = msgspec.structs.replace(room(10, "#lobby"), head=len(kept), delivered=len(kept), read=read)
        messages = [Message(10, n, text.encode(), ANA, 0, Text(text), RECEIVED) for n, text in enumerate(kept, 1)]
        told = snapshot(msgspec.structs.replace(lobby, unread=len(kept) - read), history=history)
        told = msgspec.structs.replace(told, recent=(tuple(messages),))
        view.apply(told)
        incoming.on_change(told)
    shown = [line.rpartition(": ")[2] for line in stage.taken_screen().splitlines() if " (" not in line]
    assert [each for each in shown if each in {"old 1", "old 2", *"1234"}] == ["old 1", "old 2", *"234"]


def test_a_full_disk_is_told_once_however_often_it_is_tried_again(news: News) -> None:
    news.comes_in()
    full = "The disk is full: there is no room for the history in chat.db. Make some."
    told = news.tell(HistoryFailed(full), ConnectionLost(full), CallFailed(full, 1.0), HistoryFailed(full))
    assert told.count("disk is full") == 1
    assert "waits at the server" in told
    assert "Your words are kept" not in told
    assert "Connected again." in news.comes_in()


def test_who_comes_and_goes_is_no_news_among_many_or_to_who_does_not_want_it(news: News) -> None:
    came = PeopleChanged((), came=(person(ANA, "ana"),))
    places = news.stage.places
    news.stage.view.add(room(10, "#lobby", members=30))
    assert "ana is here" in news.tell(came)
    news.stage.view.add(room(10, "#lobby", members=31))
    assert news.tell(came) == ""
    places.wants_comings = True
    assert "ana is here" in news.tell(came)
    news.stage.view.add(room(10, "#lobby", members=2))
    places.wants_comings = False
    assert news.tell(came) == ""


# Whose words are not shown, what one is called for, and what is pinned.


def test_words_of_who_is_ignored_show_and_call_nowhere(news: News) -> None:
    news.comes_in()
    stage = news.stage
    hidden = [stage.ignores(stage.hears(log, ANA, "me! me!")) for log in (10, 11, 20)]
    assert [news.live(each) for each in hidden] == ["", "", ""]
    assert news.calls == []
    assert news.live(stage.hears(10, BO, Reply(hidden[0].entry_id, "quiet")))[6:] == (
        "bo: (to somebody whom you ignore) quiet\n"
    )
    assert news.tell(PeopleChanged((), (person(ANA, "ana"),))) == ""
    assert news.tell(InvitedToRoom("#x", "", ANA, "ana", 30)) == ""


def test_one_is_called_where_words_are_shown_and_where_they_are_only_counted(news: News) -> None:
    news.comes_in()
    stage = news.stage
    for log, words in ((10, "hello"), (10, "hello me"), (11, "me too"), (20, "psst")):
        news.live(stage.hears(log, ANA, words))
    assert news.calls == ["ana in #lobby: hello me", "ana in #lab: me too", "ana: psst"]


def test_who_comes_back_is_called_for_what_waits(news: News) -> None:
    news.stage.hears(20, ANA, "one")
    news.stage.hears(20, ANA, "two")
    news.stage.hears(11, ANA, "me!")
    news.stage.hears(11, ANA, "of no concern")
    news.comes_in()
    assert news.calls == ["ana in #lab: me!", "ana: two"]


def test_pins_and_a_slow_room_are_told_to_all(news: News) -> None:
    stage = news.stage
    meant = stage.hears(10, ANA, "the key is under the mat")
    stage.hears(10, ANA, Delete(meant.entry_id))
    stage.hears(10, BO, "lunch at noon")
    lobby = stage.lobby
    news.tell(ConversationChanged(lobby))
    pinned = msgspec.structs.replace(lobby, pins=(3, 1, 99))
    assert news.tell(ConversationChanged(pinned)) == (
        "* Pinned in #lobby, ^3: bo: “lunch at noon”\n"
        "* Pinned in #lobby, ^1: ana: “(taken back)”\n"
        "* Pinned in #lobby, ^99.\n"
    )
    slow = msgspec.structs.replace(lobby, slow_s=30)
    told = news.tell(ConversationChanged(slow))
    assert "* #lobby is slow: a member says one message every 30 s." in told
    assert "* ^1 is not pinned in #lobby any more." in told
    assert news.tell(ConversationChanged(lobby)) == "* #lobby is not slow any more.\n"


def test_an_invitation_that_waited_for_somebody_to_hear_it_is_told_and_noted(news: News) -> None:
    snapshot = Snapshot(
        *(ME, "me", "ship", "ship:5265", False, NodeState.SYNCHRONIZED, "", 0, None, (), (), (), (), (), ()),
        invitations=(InvitedToRoom("#x", "", ANA, "ana", 30),),
    )
    assert "* ana asks you into #x. /join #x goes there.\n" in news.tell(snapshot)
    assert news.stage.view.told_invitations == [30]


def test_that_there_is_no_recovery_key_is_told_where_that_is_due_and_not_again(news: News) -> None:
    view, lacking = news.stage.view, GroupChanged(GroupFacts(lacks_recovery=True), ())
    view.is_reminder_due = True
    assert "recovery" not in news.comes_in()
    view.group = lacking.group
    assert news.tell(lacking) == f"* {NO_RECOVERY}\n"
    assert not view.is_reminder_due
    assert news.tell(lacking) == ""
    assert "recovery" not in news.comes_in()


# Where a message stands.


def test_a_message_is_changed_where_it_stands(news: News) -> None:
    news.comes_in()
    news.stage.rows_above = 20
    meant = news.stage.hears(10, ANA, "frist")
    news.live(meant)
    news.live(news.stage.hears(10, BO, "other"))
    stamp = clock_text(NOON_MS, NOON_MS)
    for content, line in (
        (Edit(meant.entry_id, "first"), "ana: first (edited)"),
        (Reaction(meant.entry_id, "+1"), "ana: first (edited)  [+1 ana]"),
        (Delete(meant.entry_id), "ana: (taken back)"),
    ):
        written = news.live(news.stage.hears(10, ANA, content))
        assert written == f"\x1b[2A\r\x1b[J{stamp} {line}\n{stamp} bo: other\n"


def test_nobody_changes_what_another_one_has_said(news: News) -> None:
    news.comes_in()
    news.stage.rows_above = 20
    meant = news.stage.hears(10, ANA, "mine")
    news.live(meant)
    assert "mine\n" in news.live(news.stage.hears(10, BO, Edit(meant.entry_id, "his")))


def test_a_quote_has_the_words_that_stood_then(news: News) -> None:
    news.comes_in()
    meant = news.stage.hears(10, ANA, "one")
    news.live(meant)
    assert f"(instead of “one”, {NOON}) two" in news.live(news.stage.hears(10, ANA, Edit(meant.entry_id, "two")))
    assert "(to ana: “two”) yes" in news.live(news.stage.hears(10, BO, Reply(meant.entry_id, "yes")))
    assert f"(instead of “two”, {NOON}) three" in news.live(news.stage.hears(10, ANA, Edit(meant.entry_id, "three")))
