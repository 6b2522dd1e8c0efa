"""A thief of a device, with the server on their side: what is sealed after the revocation does not reach them."""

from __future__ import annotations

import pytest

from lanline.chain.epochs import Epoch, RecipientKind
from lanline.chain.reasons import Reason
from lanline.client.sealing.member import GroupStanding
from lanline.client.sealing.scopes import Place
from lanline.client.sealing.words import Body, Lacks
from lanline.crypto.groups.keys import SealingKey, box_info
from lanline.wire.chat import entries, groups
from unit.client.sealing.devices import Device, Town
from unit.client.sealing.test_private_rooms import found, let_in


@pytest.fixture
def people(town: Town) -> tuple[Device, Device, Device, Device]:
    """Ana, a second device of hers, ben and cai."""
    ana = town.founder()
    ben, cai = (Device(town, name, town.link(ana)) for name in ("ben", "cai"))
    town.pass_time(0.2)
    return ana, further(town, ana), ben, cai


def further(town: Town, old: Device) -> Device:
    new = Device(town, old.name)
    town.pass_time(0.3)
    code = new.keys.code
    assert code is not None
    town.done(old.member.devices.approve(town.done(old.member.devices.find(code)), code))
    town.pass_time(0.3)
    assert new.member.standing is GroupStanding.MEMBER
    return new


def shown_everything(town: Town, thief: Device, to: Device, place: Place) -> list[object]:
    """The thief's program, with all that the server has: the chain, the log, and every box for anybody."""
    copy = thief.member.copy
    copy.add([each for each in chain_log(to) if each.sequence > copy.sequence])
    said = to.heard(place)
    assert to.client is not None
    for each in to.client.entries(place.log):
        if each.suite in {"epoch/1", "key/1"}:
            thief.scopes.add(place.log, each.sequence, each.suite, each.content)
    for sealing in thief.scopes.sealings(place):
        for epoch, _ in sealing.copy.epochs.values():
            for secret in opened_boxes(town, thief, epoch):
                sealing.copy.believe(epoch, secret)
    return list(thief.words.open(place, said))


def chain_log(device: Device) -> list[entries.LogEntry]:
    assert device.client is not None
    rows = device.member._context.tables.items()
    return [entries.LogEntry(place, bytes(16), 1, 1, 0, suite, content) for place, suite, content in rows]


def opened_boxes(town: Town, thief: Device, epoch: Epoch) -> list[bytes]:
    """With every key that the device has ever had."""
    boxes = town.house.engine.transact(
        [lambda t: t.groups._connection.execute("SELECT data FROM boxes WHERE scope = ?", (epoch.scope,)).fetchall()]  # type: ignore[attr-defined]
    )[0]
    account_id = thief.member.copy.account_id
    keys = [(number, SealingKey.of_generation(seed)) for number, seed in thief.member._context.seeds.items()]
    found = []
    for (data,) in boxes:  # type: ignore[union-attr]
        for number, key in keys:
            for named in (number, number + 1):
                info = box_info(epoch.scope, epoch.commitment, RecipientKind.ACCOUNT, account_id, named)
                secret = key.open(data, info)
                found += [] if secret is None else [secret]
    return found


@pytest.mark.parametrize("kind", ["lobby", "pair", "private room"])
def test_what_is_sealed_after_a_revocation_opens_nowhere_on_the_device_that_was_taken_out(
    town: Town, people: tuple[Device, Device, Device, Device], kind: str
) -> None:
    ana, thief, ben, _ = people
    place: Place = ana.lobby if kind == "lobby" else ana.pair(ben) if kind == "pair" else found(town, ana)
    if kind == "private room":
        let_in(town, ana, place, ben)  # type: ignore[arg-type]
    ana.say("before", place)
    town.done(ana.member.devices.revoke([thief.member.copy.device_id]))
    town.pass_time(0.5)
    sealing = ana.scopes.sealing(place)
    assert sealing is not None
    if kind != "lobby":  # nothing has been begun there, and nothing is sealed under what was
        assert ana.words.seal(place, bytes(16), b"under the old key") is None
    ana.say("after", place)
    bens: Place = place if kind != "pair" else ben.pair(ana)
    ben.heard(bens)
    ben.say("after, too", bens)
    outcomes = shown_everything(town, thief, ana, place)
    assert isinstance(outcomes[0], Body), "what it could read it still can"
    assert not [each for each in outcomes[1:] if isinstance(each, Body)]
    assert len(outcomes) == 3
    assert [each.body for each in ana.words.open(place, ana.heard(place)) if isinstance(each, Body)] == [
        b"before",
        b"after",
        b"after, too",
    ]


def test_revoked_device_hidden_from_one_member(town: Town, people: tuple[Device, Device, Device, Device]) -> None:
    """The server keeps the revocation from ben, who goes on as before; and passes on what ben says and would give.

    The thief reads what ben says, and nothing of what anybody says who knows.
    """
    ana, thief, ben, cai = people
    ana.say("before")
    assert ben.texts() == ["before"]
    old, given = ben.epoch_id, []
    hidden = ben.member.copy.sequence
    real = ben.take

    def without_the_chain(message: object) -> None:
        if not (isinstance(message, entries.Entries) and ben.member.takes(message.log)):
            real(message)

    ben.take = without_the_chain  # type: ignore[method-assign]
    ben.refuses = lambda message: given.append(message) if isinstance(message, groups.PutBoxes) else None
    town.done(ana.member.devices.revoke([thief.member.copy.device_id]))
    town.pass_time(0.5)
    ana.say("she is out")
    cai.say("I know")
    assert ben.member.copy.sequence == hidden
    assert ben.epoch_id == old
    # Asked by the server for a box of what was begun since, ben has none: he does not know it.
    thieves = thief.member.copy.account_id
    for epoch_id in ana.member.copy.epochs:
        group = ben.member.copy
        ben.member.on_box_wanted(
            groups.BoxWanted(group.log, group.chain.group_id, (epoch_id,), RecipientKind.ACCOUNT, thieves)
        )
        town.settle()
    assert {each.epoch_id for each in given} <= set(ben.member.copy.epochs)
    outcomes = shown_everything(town, thief, ana, ana.lobby)
    assert isinstance(outcomes[0], Body)
    assert not [each for each in outcomes[1:] if isinstance(each, Body)]
    # What the others say does not stand at ben's before he has the chain; and he learns why by their words.
    assert ben.words.open(ben.lobby, ben.heard())[1:] == [Lacks.EPOCH, Lacks.EPOCH]
    # What ben seals meanwhile the thief can read; an honest server does not take it.
    late = ben.words.seal(ben.lobby, b"l" * 16, b"between us")
    assert late is not None
    said = ben.heard()[0]._replace(place=99, entry_id=b"l" * 16, author="ben", content=late)
    assert isinstance(thief.words.open(ben.lobby, [said])[0], Body)
    ben.take = real  # type: ignore[method-assign]
    ben.member.on_entries(entries.Entries(ben.member._context.log, tuple(chain_log(ana)[hidden:])))
    town.pass_time(0.5)
    assert ben.words.seal(ben.lobby, bytes(16), b"now I know") is not None
    assert ben.epoch_id == ana.epoch_id
    assert ben.texts() == ["before", "she is out", "I know"]


def test_a_statement_below_words_names_the_end_of_their_device(
    town: Town, people: tuple[Device, Device, Device, Device]
) -> None:
    """In a pair the next epoch is what says that the device is gone, though nobody has spoken."""
    ana, thief, ben, _ = people
    pair = ana.pair(ben)
    ana.say("before", pair)
    thief.heard(pair)
    thief.read(pair)
    late = thief.words.seal(pair, b"l" * 16, b"pay the thief")
    assert late is not None
    town.done(ana.member.devices.revoke([thief.member.copy.device_id]))
    town.pass_time(0.5)
    sealing = ana.scopes.sealing(pair)
    assert sealing is not None
    bens = ben.pair(ana)
    assert ben.texts(bens) == ["before"]
    before = ben.heard(bens)[0]._replace(entry_id=b"l" * 16, content=late)
    assert isinstance(ben.words.open(bens, [before._replace(place=before.place + 1)])[0], Body)
    ana.member.want_epoch(sealing.copy)
    town.pass_time(0.3)
    ben.heard(bens)
    assert ben.client is not None
    statement = [each for each in ben.client.entries(bens.log) if each.suite == "epoch/1"][-1]
    above = before._replace(place=statement.sequence + 1)
    ben.words.forget_places()  # a server shows it the first time
    assert ben.words.open(bens, [above]) == [Reason.ENDED]


def test_an_entry_of_a_room_below_words_names_the_end_of_their_device(
    town: Town, people: tuple[Device, Device, Device, Device]
) -> None:
    """In a private room where nobody has spoken, and no epoch was begun, since."""
    ana, thief, ben, cai = people
    board = found(town, ana)
    let_in(town, ana, board, ben)
    ana.say("before", board)
    thief.heard(board)
    thief.read(board)
    late = thief.words.seal(board, b"l" * 16, b"pay the thief")
    assert late is not None
    town.done(ana.member.devices.revoke([thief.member.copy.device_id]))
    town.pass_time(0.5)
    assert ben.texts(board) == ["before"]
    last = ben.heard(board)[-1]
    above = last._replace(place=last.place + 1, entry_id=b"l" * 16, author="ana", content=late)
    assert isinstance(ben.words.open(board, [above])[0], Body)
    let_in(town, ana, board, cai)
    ben.heard(board)
    assert ben.client is not None
    entry = [each for each in ben.client.entries(board.log) if each.suite == "key/1"][-1]
    statements = [each for each in ben.client.entries(board.log) if each.suite == "epoch/1"]
    assert all(each.sequence < entry.sequence for each in statements)
    ben.words.forget_places()  # a server shows it the first time
    assert ben.words.open(board, [above._replace(place=entry.sequence + 1)]) == [Reason.ENDED]
    ben.words.forget_places()
    assert isinstance(ben.words.open(board, [above._replace(place=entry.sequence - 1)])[0], Body)
