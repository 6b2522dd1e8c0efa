"""A hostile server or member at the epochs, the words and the private rooms of real devices: defeated, or told."""

from __future__ import annotations

from pathlib import Path

from lanline.chain.epochs import RecipientKind
from lanline.chain.reasons import Reason
from lanline.client.chat.history import History, OutboxRow
from lanline.client.sealing.words import Body, Lacks
from lanline.crypto.groups.said import CHANCE_BYTES, RunKeys, Where, seal_words
from lanline.errors import RefusalCode, RequestRefused
from lanline.wire.chat import groups
from lanline.wire.chat.messages import ClientMessage
from lanline.wire.sealing.said import Header, Words, decode_epoch
from lanline.wire.sealing.strict import ZEROS, encode_strictly
from unit.client.sealing.devices import Device, Town
from unit.client.sealing.test_private_rooms import found, ids, let_in, room, send_away


def boxes_of(device: Device) -> list[groups.PutBoxes]:
    """What it gives from now on."""
    given: list[groups.PutBoxes] = []

    def note(message: ClientMessage) -> None:
        if isinstance(message, groups.PutBoxes):
            given.append(message)

    device.refuses = note
    return given


def test_helper_kept_behind_boxes_no_later_epoch(town: Town, people: tuple[Device, Device, Device]) -> None:
    """Ben does not know that eve has gone. Asked for a box of what was begun since, he has none to give."""
    ana, ben, eve = people
    gone = ids(eve)
    ben.disconnect()
    town.done(ana.member.changes.remove(gone))
    town.pass_time(0.2)
    assert ana.epoch_id is not None
    given = boxes_of(ben)
    group = ben.member.copy
    for epoch_id in (ana.epoch_id, *group.epochs):
        ben.member.secrets.help(groups.BoxWanted(group.log, group.chain.group_id, (epoch_id,), 1, gone[0]))
    assert given == []


def test_a_member_gives_nothing_of_a_pair_or_a_room_to_who_is_not_in_it(
    town: Town, people: tuple[Device, Device, Device]
) -> None:
    ana, ben, eve = people
    pair, board = ana.pair(ben), found(town, ana)
    let_in(town, ana, board, ben)
    ana.say("for two", pair)
    ana.say("for those in it", board)
    given = boxes_of(ana)
    for who, place in ((eve, pair), (eve, board), (ben, pair), (ben, board)):
        assert given == []
        copy = ana.scopes.sealings(place)[0].copy
        wanted = groups.BoxWanted(copy.log, copy.scope.id, tuple(copy.epochs), RecipientKind.ACCOUNT, ids(who)[0])
        ana.member.on_box_wanted(wanted)
        town.settle()
        if who is ben:  # who reads it gets one
            assert len(given) == 1
            given.clear()


def test_lagging_author_links_no_newer_epoch(town: Town, people: tuple[Device, Device, Device]) -> None:
    ana, _, eve = people
    copy, before = ana.member.copy, ana.member.copy.chain
    town.done(ana.member.changes.remove(ids(eve)))
    town.pass_time(0.2)
    newer = {epoch.epoch_id for epoch, _ in copy.newest() if epoch.height > before.height}
    assert newer
    copy.chain = before
    statement, _ = ana.member._context.own.epoch(copy, bytes(32))
    _, body = decode_epoch(statement)
    assert body.height == before.height
    assert not newer & {each.epoch_id for each in body.back}


def test_epoch_refused_for_a_removal_is_never_used_again(town: Town, people: tuple[Device, Device, Device]) -> None:
    """Its boxes are in the server's hands, those for the removed too."""
    ana, _, eve = people
    boxed: list[bytes] = []
    refused: list[bytes] = []

    def refuse(message: ClientMessage) -> RequestRefused | None:
        if isinstance(message, groups.PutBoxes):
            boxed.append(message.epoch_id)
        if isinstance(message, groups.BeginEpoch) and not refused:
            refused.append(boxed[-1])
            return RequestRefused(RefusalCode.STALE_KEYS, "Somebody has gone.")
        return None

    ana.refuses = refuse
    town.done(ana.member.changes.remove(ids(eve)))
    town.pass_time(0.3)
    assert refused
    assert ana.epoch_id is not None
    assert ana.epoch_id not in refused
    assert ana.epoch_id in boxed
    assert not [key for key in ana.member.copy.secrets if key[1] in refused]


def test_let_in_then_out_while_epoch_lives(town: Town, people: tuple[Device, Device, Device]) -> None:
    """The same people are in before and after; somebody had the secret in between."""
    ana, ben, eve = people
    board = found(town, ana)
    let_in(town, ana, board, ben)
    ana.say("before", board)
    first = room(ana, board).sealing_epoch()
    let_in(town, ana, board, eve)
    assert eve.texts(board) == ["before"]
    assert room(eve, board).sealing_epoch() == first
    send_away(town, ana, board, eve)
    ana.say("after", board)
    assert room(ana, board).sealing_epoch() != first
    assert ben.texts(board) == ["before", "after"]
    copy = ben.scopes.room(board)
    assert copy is not None
    assert first is not None
    assert (copy.scope.id, first.epoch_id) in eve.member.copy.secrets
    newest = copy.sealing_epoch()
    assert newest is not None
    assert (copy.scope.id, newest.epoch_id) not in eve.member.copy.secrets


def lying(town: Town, eve: Device, height: int, head: bytes) -> bytes:
    """Words of a member that name a chain which nobody has."""
    copy, place = eve.member.copy, eve.lobby
    sealing, epoch = eve.scopes.sealing(place), copy.sealing_epoch()
    assert sealing is not None
    assert epoch is not None
    header = Header(epoch.epoch_id, copy.device_id, bytes(16), b"")
    words = Words(0, ZEROS, town.house.clock.now_ms(), height, head, bytes(8), 0, ZEROS, (), b"a lie")
    keys = eve.words._run_keys(epoch, sealing.room_id, header)
    assert isinstance(keys, RunKeys)
    where = Where(sealing.room_id, copy.account_id, bytes(16))
    return seal_words(keys, copy.signer, header, where, encode_strictly(words), bytes(CHANCE_BYTES))[0]


def test_lie_about_height_or_H_strikes_out_and_stops_nobody(  # noqa: N802 -- as the protocol calls it
    town: Town, people: tuple[Device, Device, Device]
) -> None:
    ana, ben, eve = people
    ana.say("before")
    height = ben.member.copy.chain.height
    [said] = ben.heard()
    ahead = said._replace(place=2, entry_id=bytes(16), author="eve", content=lying(town, eve, height + 9, ZEROS))
    aside = ahead._replace(content=lying(town, eve, height, b"x" * 32))
    assert ben.words.open(ben.lobby, [ahead]) == [Lacks.CHAIN]
    assert isinstance(ben.words.open(ben.lobby, [aside])[0], Body)
    assert ben.member.problem == ""
    ben.say("on we talk")
    assert ana.texts() == ["before", "on we talk"]


def test_swapped_words_of_one_run_are_told(people: tuple[Device, Device, Device]) -> None:
    ana, ben, _ = people
    ana.say("do not")
    ana.say("shoot")
    first, second = ben.heard()
    swapped = [second._replace(place=first.place), first._replace(place=second.place)]
    outcomes = ben.words.open(ben.lobby, swapped)
    assert isinstance(outcomes[0], Body)
    assert outcomes[1] is Reason.TURNED_AROUND


def test_two_programs_of_one_home_seal_a_row_once() -> None:
    history = History.in_memory()
    history.outbox.add(OutboxRow(0, b"i" * 16, 1, "#lobby", "plain", b"words", 0))
    first = history.outbox.put_sealed(b"i" * 16, b"sealed by the one")
    second = history.outbox.put_sealed(b"i" * 16, b"sealed by the other")
    assert first is not None
    assert second is not None
    assert first.sealed == second.sealed == b"sealed by the one"
    history.close()


def test_a_stolen_disk_tells_nothing_of_pairs_and_private_rooms(
    town: Town, people: tuple[Device, Device, Device], tmp_path: Path
) -> None:
    ana, ben, _ = people
    board = found(town, ana)
    let_in(town, ana, board, ben)
    ana.say("the harbour at midnight", board)
    ana.say("alone, by the lighthouse", ana.pair(ben))
    ana.say("buy a lantern", ana.pair(ana))
    assert ben.texts(board) == ["the harbour at midnight"]
    stolen = b"".join(path.read_bytes() for path in (tmp_path / "data").glob("lanline.sqlite*"))
    assert len(stolen) > 10_000
    secrets = [b"harbour", b"lighthouse", b"lantern", *ana.member.copy.secrets.values()]
    assert not [each for each in secrets if each in stolen]
