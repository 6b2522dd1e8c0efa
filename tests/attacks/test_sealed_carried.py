"""What a restored server has lost is brought back by members: words that were said, once, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from lanline.client.chat.restored.bringing import Bringing
from lanline.client.chat.sealed.content import seal
from lanline.client.sealing.ownentries import INVITE_SECRET_BYTES, InviteKeys
from lanline.client.view.values import Message
from lanline.core.carried import BringWords
from lanline.core.chaingathering import WAIT_S
from lanline.core.history import end_history
from lanline.core.rights import Judge
from lanline.crypto.groups.ids import carried_id_of
from lanline.errors import RefusalCode, RequestRefused
from lanline.model.content import Text, Topic
from lanline.proto.events import MessageReceived
from lanline.wire.chat.directory import People, PeopleChanged
from lanline.wire.chat.entries import Append, Entries
from lanline.wire.chat.messages import decode_server_message, encode_message
from lanline.wire.chat.offers import Carry, LostWords
from lanline.wire.sealing.said import CarriedWords
from lanline.wire.sealing.strict import encode_strictly
from unit.client.chat.restored.test_logs_over_a_restore import back_up, put_back, stop
from unit.client.chat.sealed.test_sealed_outbox import said, say
from unit.client.chat.test_against_server import entries_of
from unit.client.chat.village import Home, Process, Village, Wire


def runs(village: Village) -> list[Process]:
    return [home.processes[0] for home in village.homes]


def all_hear(village: Village, place: str, text: str) -> None:
    for each in runs(village):
        village.rest_until(lambda each=each: text in said(each, place))  # type: ignore[misc]


def rest(village: Village, seconds: float) -> None:
    for _ in range(int(seconds * 4)):
        village.rest()


def lose(village: Village, *said_before: tuple[int, str, str]) -> None:
    """Said after the backup, heard by all, and lost."""
    for who, place, text in said_before:
        say(runs(village)[who], place, text)
        if place.startswith("#"):
            all_hear(village, place, text)
    rest(village, 3)


def messages(process: Process, place: str) -> list[Message]:
    track = process.node.conversations.titled(place)
    assert track is not None
    return [each for each in process.node.messages(track.shown.log) if each.is_said]


def name_of(process: Process, account: int) -> str:
    own = process.node.own
    return own.name if account == own.account else process.node.directory.name_of(account)


def shown(process: Process, place: str) -> list[tuple[str, str, str]]:
    """Who said it, what, and who has brought it."""
    return [
        (
            name_of(process, each.account),
            getattr(each.content, "text", ""),
            name_of(process, each.carried_by) if each.carried_by else "",
        )
        for each in messages(process, place)
    ]


def leave(home: Home) -> None:
    for process in home.processes:
        process.crash()
    home.processes = []


def come(home: Home) -> Process:
    home.processes = [Process(home)]
    return home.processes[0]


def test_what_a_restored_server_has_lost_is_brought_back_in_its_order(village: Village) -> None:
    village.make_private_room()
    lose(village, (0, "#lobby", "kept"), (0, "#board", "kept"))
    back_up(village)
    rest(village, 2)
    lose(village, (0, "#lobby", "a"), (1, "#lobby", "b"), (0, "#board", "c"), (0, "ben", "d"), (1, "ann", "e"))
    put_back(village, is_changed=False)
    rest(village, 20)
    for process in runs(village):
        assert said(process, "#lobby") == ["kept", "a", "b"]
        assert said(process, "#board") == ["kept", "c"]
        assert [each[0] for each in shown(process, "#lobby")] == ["ann", "ann", "ben"]
        assert [bool(each[2]) for each in shown(process, "#lobby")] == [False, True, True]
    for process, other in zip(runs(village)[:2], ("ben", "ann"), strict=True):
        assert said(process, other) == ["d", "e"]
        assert process.node.set_aside("#lobby") == process.node.set_aside(other) == []
    assert [home.warnings for home in village.homes] == [[], [], []]


def test_who_was_away_reads_what_was_lost_under_an_epoch_that_was_lost_too(village: Village) -> None:
    """And nothing more is sealed under that."""
    cai = village.homes[2]
    back_up(village)
    rest(village, 2)
    leave(cai)
    ann, ben = (home.processes[0] for home in village.homes[:2])
    gone = ann.member.changes.make_invite(1, 10**9)
    village.rest_until(lambda: gone.is_settled)
    dropped = ann.member.changes.drop_invites([InviteKeys.of(gone.result()[:INVITE_SECRET_BYTES]).id])
    village.rest_until(lambda: dropped.is_settled)
    say(ann, "#lobby", "under the new")
    village.rest_until(lambda: "under the new" in said(ben, "#lobby"))
    lost = ann.member.copy.sealing_epoch()
    assert lost is not None
    put_back(village, is_changed=False)
    come(cai)
    rest(village, 10)
    village.house.clock.pass_time(WAIT_S)
    rest(village, 20)
    for process in runs(village):
        assert said(process, "#lobby") == ["under the new"]
        assert process.member.copy.sealing_epoch() != lost
        assert lost.epoch_id not in process.member.copy.epochs
    say(ann, "#lobby", "and on")
    all_hear(village, "#lobby", "and on")
    assert [home.warnings for home in village.homes] == [[], [], []]


def test_what_somebody_said_who_is_away_is_brought_by_others_and_marked_so(village: Village) -> None:
    back_up(village)
    lose(village, (1, "#lobby", "of ben"))
    leave(village.homes[1])
    leave(village.homes[2])
    put_back(village, is_changed=False)
    come(village.homes[2])
    village.house.clock.pass_time(WAIT_S)
    rest(village, 20)
    assert shown(village.homes[2].processes[0], "#lobby")[0][:2] == ("ben", "of ben")
    assert shown(village.homes[2].processes[0], "#lobby")[0][2] in {"ann", "cai"}
    ben = come(village.homes[1])
    rest(village, 20)
    assert [each[:2] for each in shown(ben, "#lobby")] == [("ben", "of ben")]
    assert messages(ben, "#lobby")[0].is_own
    assert [home.warnings for home in village.homes] == [[], [], []]


def test_what_was_brought_is_lost_once_more_and_brought_again(village: Village) -> None:
    back_up(village)
    lose(village, (0, "#lobby", "a"), (1, "#lobby", "b"))
    for _ in range(2):
        put_back(village, is_changed=False)
        rest(village, 20)
    for process in runs(village):
        assert said(process, "#lobby") == ["a", "b"]
        assert process.node.set_aside("#lobby") == []
    assert [home.warnings for home in village.homes] == [[], [], []]


def test_words_are_shown_once_where_their_author_seals_them_anew(village: Village) -> None:
    """Ben's program never heard that they had come, so that they are in his outbox still; ann has them."""
    ann, ben = village.homes[0].processes[0], village.homes[1]
    back_up(village)
    rest(village, 2)
    say(ben.processes[0], "#lobby", "once")
    for wire in ben.processes[0].open_wires:
        wire.carry_up(10**6)
    leave(ben)
    village.rest_until(lambda: said(ann, "#lobby") == ["once"])
    put_back(village, is_changed=False)
    village.house.clock.pass_time(WAIT_S)
    rest(village, 20)
    assert said(ann, "#lobby") == ["once"]
    come(ben)
    rest(village, 20)
    for process in runs(village):
        assert said(process, "#lobby") == ["once"]
        assert shown(process, "#lobby")[0][0] == "ben"
    assert [home.warnings for home in village.homes] == [[], [], []]


def lost_words(process: Process) -> list[LostWords]:
    """As this device would bring them."""
    track = process.node.conversations.titled("#lobby")
    assert track is not None
    rows = process.history.database.read("SELECT entry_id, said FROM sealed_words WHERE log = ?", (track.shown.log,))
    return [LostWords(*row, b"") for row in rows]


def restored_without_bringing(village: Village, monkeypatch: pytest.MonkeyPatch) -> list[LostWords]:
    """Ann's words are lost, and everybody is there; nobody brings anything by itself yet."""
    monkeypatch.setattr(Bringing, "go_on", lambda _: None)
    back_up(village)
    lose(village, (0, "#lobby", "of ann"))
    words = lost_words(runs(village)[2])
    put_back(village, is_changed=False)
    rest(village, 10)
    assert said(runs(village)[0], "#lobby") == []
    return words


def bring(village: Village, process: Process, *words: LostWords) -> tuple[str, ...]:
    track = process.node.conversations.titled("#lobby")
    assert track is not None
    answers: list[Any] = []
    process.node.line.request(Carry(0, track.shown.log, words), answers.append)
    village.rest_until(lambda: bool(answers))
    rest(village, 4)
    if isinstance(answers[0], Exception):
        raise answers[0]
    refusals: tuple[str, ...] = answers[0].refusals
    return refusals


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_carried_rubbish_does_not_block_the_author(village: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cai brings, before anybody else, something else under ann's id: it is told, and ann's words come all the same."""
    [words] = restored_without_bringing(village, monkeypatch)
    rubbish = structs.replace(words, said=flipped(words.said, 8 * len(words.said) - 1))
    assert bring(village, runs(village)[2], rubbish) == ("",)
    assert said(runs(village)[1], "#lobby") == []
    assert "brought again by cai" in village.homes[1].warnings[0]
    monkeypatch.undo()
    for process in runs(village):
        process.node.reader._tell_lost()
    rest(village, 10)
    for process in runs(village):
        assert said(process, "#lobby") == ["of ann"]


def test_each_bit_of_brought_words_flipped_and_nothing_is_shown(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    [words] = restored_without_bringing(village, monkeypatch)
    changed = [structs.replace(words, said=flipped(words.said, bit)) for bit in range(0, 8 * len(words.said), 29)]
    changed += [structs.replace(words, entry_id=flipped(words.entry_id, bit)) for bit in range(0, 128, 17)]
    for start in range(0, len(changed), 50):
        bring(village, runs(village)[2], *changed[start : start + 50])
    assert said(runs(village)[1], "#lobby") == []
    assert bring(village, runs(village)[2], words) == ("",)
    assert said(runs(village)[1], "#lobby") == ["of ann"]


def test_words_of_another_room_are_not_brought_into_this_one(village: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    village.make_private_room()
    [words] = restored_without_bringing(village, monkeypatch)
    board = runs(village)[2].node.conversations.titled("#board")
    assert board is not None
    answers: list[Any] = []
    runs(village)[2].node.line.request(Carry(0, board.shown.log, (words,)), answers.append)
    village.rest_until(lambda: bool(answers))
    assert answers[0].refusals == ("the key under which it was sealed is lost",)


def test_words_that_were_never_lost_are_not_believed_as_brought(village: Village) -> None:
    """The server keeps words back, to show them later, or elsewhere in their order, as lost and brought back."""
    ann, ben = village.homes[0].processes[0], village.homes[1].processes[0]
    take = ben.node.reader.on_entries

    def lie(message: Entries) -> None:
        wrapped = tuple(
            structs.replace(
                each,
                account=runs(village)[2].node.own.account,
                suite="carried/1",
                content=encode_strictly(CarriedWords(each.entry_id, each.content, b"")),
            )
            if each.suite == "said/1"
            else each
            for each in message.entries
        )
        take(Entries(message.log, wrapped))

    ben.node._takers[Entries] = lambda message: None if ben.node.seals.takes(message) else lie(message)
    say(ann, "#lobby", "never lost")
    rest(village, 5)
    assert said(ben, "#lobby") == []
    assert len(village.homes[1].warnings) == 1
    assert "was never lost" in village.homes[1].warnings[0]


def test_words_of_who_was_sent_away_are_kept_with_the_reason(village: Village) -> None:
    back_up(village)
    lose(village, (2, "#lobby", "of cai"), (1, "#lobby", "of ben"))
    ann, ben, cai = runs(village)
    leave(village.homes[2])
    ann.member.changes.remove([cai.member.copy.account_id])
    village.rest_until(lambda: not ben.member.copy.chain.is_member(cai.member.copy.account_id))
    village.homes.pop()
    put_back(village, is_changed=False)
    village.house.clock.pass_time(WAIT_S)
    rest(village, 20)
    for process in runs(village):
        assert said(process, "#lobby") == ["of ben"]
        [(name, message)] = process.node.set_aside("#lobby")
        assert (name, message.problem) == ("cai", "its author, or the device that said it, is not there any more")
    assert [home.warnings for home in village.homes] == [[], []]


def test_what_is_brought_counts_against_who_brings_it(village: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    [words] = restored_without_bringing(village, monkeypatch)
    core, cai = village.house.server.core, runs(village)[2]
    before = [core.store.read(lambda view: view.accounts.all_message_bytes())]
    village.house.settle()
    bring(village, cai, words)
    before.append(core.store.read(lambda view: view.accounts.all_message_bytes()))
    village.house.settle()
    then, now = (each.result() for each in before)
    grown = {each: now[each] - then.get(each, 0) for each in now if now[each] != then.get(each, 0)}
    assert list(grown) == [cai.node.own.account]
    core.settings = structs.replace(core.settings, message_quota_bytes=now[cai.node.own.account])
    with pytest.raises(RequestRefused) as refused:
        bring(village, cai, structs.replace(words, said=flipped(words.said, 900)))
    assert refused.value.code is RefusalCode.QUOTA_EXCEEDED
    assert bring(village, runs(village)[1], words) == ("",), "it stands"
    assert len(messages(runs(village)[0], "#lobby")) == 1


def test_nothing_is_sealed_under_an_epoch_that_came_with_words(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does the server take any."""
    back_up(village)
    rest(village, 2)
    ann, ben = runs(village)[:2]
    ann.member.copy.sealing_epoch = lambda: None  # type: ignore[method-assign]
    ann.member.want_epoch()
    rest(village, 2)
    del ann.member.copy.sealing_epoch  # type: ignore[method-assign]
    lose(village, (0, "#lobby", "of ann"))
    put_back(village, is_changed=False)
    rest(village, 20)
    assert said(ben, "#lobby") == ["of ann"]
    [lost] = ben.member.copy.carried.values()
    assert ben.member.copy.sealing_epoch() != lost
    ben.member.copy._newest.insert(0, (lost, 1))
    ben.member.copy.epochs[lost.epoch_id] = lost, 1
    monkeypatch.setattr(ben.member.copy, "sealing_epoch", lambda: lost)
    say(ben, "#lobby", "under it")
    rest(village, 5)
    assert said(ann, "#lobby") == ["of ann"]


def test_a_topic_is_not_brought_as_words_by_who_may_not_set_it(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bringing, "go_on", lambda _: None)
    back_up(village)
    rest(village, 2)
    ann, ben, cai = runs(village)
    ann.node.outbox.say("#lobby", Topic("glass and wire"), b"the topic.......")
    rest(village, 3)
    track = cai.node.conversations.titled("#lobby")
    assert track is not None
    [topic] = [each for each in entries_of(village, track.shown.log) if each.suite == "topic/1"]
    put_back(village, is_changed=False)
    rest(village, 10)
    assert bring(village, cai, LostWords(topic.entry_id, topic.content, b"")) == ("",)
    assert said(ben, "#lobby") == []
    shown_to_ben = ben.node.conversations.titled("#lobby")
    assert shown_to_ben is not None
    assert shown_to_ben.shown.topic == ""


def set_aside(process: Process) -> int:
    return len(process.node.set_aside("#lobby"))


def brought_in_the_end(village: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    """All begin to bring only now: what ann has said is shown by all, and it is marked."""
    monkeypatch.undo()
    for process in runs(village):
        process.node.reader._tell_lost()
    rest(village, 10)
    for process in runs(village):
        assert ("ann", "of ann") in [each[:2] for each in shown(process, "#lobby")]
        assert set_aside(process) == 0


@pytest.fixture
def words(village: Village, monkeypatch: pytest.MonkeyPatch) -> list[LostWords]:
    """What ann and ben have said is about to be lost, and nobody brings it yet."""
    monkeypatch.setattr(Bringing, "go_on", lambda _: None)
    back_up(village)
    lose(village, (0, "#lobby", "of ann"), (1, "#lobby", "of ben"))
    return lost_words(runs(village)[2])


def test_words_said_under_the_id_of_lost_ones_put_nobody_elses_away(
    village: Village, words: list[LostWords], monkeypatch: pytest.MonkeyPatch
) -> None:
    put_back(village, is_changed=False)
    rest(village, 10)
    runs(village)[2].node.outbox.say("#lobby", Text("cover"), words[0].entry_id)
    all_hear(village, "#lobby", "cover")
    assert [set_aside(process) for process in runs(village)] == [2, 2, 2]
    brought_in_the_end(village, monkeypatch)


def test_words_carried_under_the_id_of_lost_ones_put_nobody_elses_away(
    village: Village, words: list[LostWords], monkeypatch: pytest.MonkeyPatch
) -> None:
    cai = runs(village)[2]
    track = cai.node.conversations.titled("#lobby")
    assert track is not None
    sealed = cai.node.seals.seal(track.shown, words[0].entry_id, seal(Text("cover"))[1])
    assert sealed is not None
    put_back(village, is_changed=False)
    rest(village, 10)
    assert bring(village, cai, LostWords(words[0].entry_id, sealed, b"")) == ("",)
    all_hear(village, "#lobby", "cover")
    assert [set_aside(process) for process in runs(village)] == [2, 2, 2]
    brought_in_the_end(village, monkeypatch)


def tell_with_others_numbers(home: Home, swapped: dict[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """To this home alone, of people and of what they say."""
    give = Wire.give

    def mean(each: Any) -> Any:
        return structs.replace(each, account=swapped.get(each.account, each.account))

    def lie(wire: Wire, event: Any) -> None:
        if wire.server_end.peer_fingerprint == home.link and isinstance(event, MessageReceived):
            message = decode_server_message(event.payload)
            if isinstance(message, People | PeopleChanged):
                message = structs.replace(message, people=tuple(map(mean, message.people)))
            elif isinstance(message, Entries):
                message = structs.replace(message, entries=tuple(map(mean, message.entries)))
            event = MessageReceived(event.channel, encode_message(message))
        give(wire, event)

    monkeypatch.setattr(Wire, "give", lie)


def test_words_of_who_has_the_number_of_another_for_a_moment_put_none_of_hers_away(
    village: Village, words: list[LostWords], monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, ben, cai = runs(village)
    put_back(village, is_changed=False)
    rest(village, 10)
    numbers = ann.node.own.account, cai.node.own.account
    tell_with_others_numbers(village.homes[1], dict(zip(numbers, reversed(numbers), strict=True)), monkeypatch)
    for wire in ben.open_wires:
        wire.die()
    rest(village, 4)
    cai.node.outbox.say("#lobby", Text("cover"), words[0].entry_id)
    all_hear(village, "#lobby", "cover")
    assert [set_aside(process) for process in runs(village)] == [2, 2, 2]
    for wire in ben.open_wires:
        wire.die()
    brought_in_the_end(village, monkeypatch)


def test_who_takes_the_id_that_carried_words_would_have_keeps_nobody_else_from_bringing_them(
    village: Village, words: list[LostWords], monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, _, cai = runs(village)
    put_back(village, is_changed=False)
    rest(village, 10)
    taken = carried_id_of(ann.member.copy.account_id, words[0].entry_id, words[0].said)
    cai.node.outbox.say("#lobby", Text("cover"), taken)
    all_hear(village, "#lobby", "cover")
    first, second = bring(village, cai, words[0], words[1])
    assert "somebody else may bring it" in first
    assert second == ""
    brought_in_the_end(village, monkeypatch)


def test_what_the_server_only_says_that_it_has_stays_set_aside(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(village)
    lose(village, (0, "#lobby", "of ann"), (1, "#lobby", "of ben"))
    monkeypatch.setattr(BringWords, "decide", lambda self, _, __: (tuple("" for _ in self.words), ()))
    put_back(village, is_changed=False)
    rest(village, 20)
    assert [set_aside(process) for process in runs(village)] == [2, 2, 2]


def test_rubbish_in_the_place_of_words_puts_none_away(village: Village) -> None:
    """With the true place, id, author and time: after a new history all is read anew, and nothing of it is believed."""
    lose(village, *[(who, "#lobby", f"{who} {number}") for number in range(3) for who in (0, 1)])
    stop(village)
    village.house.start()

    def spoil(transaction: Any) -> None:
        transaction.logs._connection.execute(
            "UPDATE entries SET content = randomblob(length(content)) WHERE suite = 'said/1'"
        )

    village.house.engine.transact([end_history, spoil])
    village.house.stop()
    village.house.start()
    rest(village, 30)
    for process in runs(village):
        assert said(process, "#lobby") == [f"{who} {number}" for number in range(3) for who in (0, 1)]
    assert all(home.warnings for home in village.homes)


def test_words_in_no_form_keep_nobody_from_bringing_others(village: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hostile server had shown them before."""
    monkeypatch.setattr(Judge, "_look_at_seal", lambda _, __: None)
    back_up(village)
    lose(village, (0, "#lobby", "of ann"))
    cai = runs(village)[2]
    track, session = cai.node.conversations.titled("#lobby"), cai.node.line.session
    assert track is not None
    assert session is not None
    session.send(Append(session.next_request(), track.shown.log, b"in no form......", "said/1", b"\1" * 40))
    rest(village, 4)
    put_back(village, is_changed=False)
    rest(village, 20)
    for process in runs(village):
        assert "of ann" in said(process, "#lobby")
