"""What may happen to a server's data on a bad day: put back once or twice, while half of its members are away, changed.

Not the day itself: `world`.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING

from grouphouse.people import DeviceKeys, Story
from lanline.chain.state import Chain
from lanline.core.chaingathering import WAIT_S
from lanline.core.groupstate import ChainMember
from lanline.core.history import end_history
from lanline.errors import RequestRefused
from lanline.storage.api import Transaction
from lanline.wire.sealing.entries import Remove
from sim.lies import homes
from sim.lies.promise import PromiseBroken

if TYPE_CHECKING:
    from sim.lies.world import SimHome, World

A_YEAR_MS = 365 * 86_400_000


def put_server_back(world: World, _home: SimHome) -> None:
    """Honestly: with a history of its own. A liar may do it without saying so, or change what it holds."""
    if world.backup is None:
        return
    chance = world.chance
    away = world.homes[::2] if chance.random() < 0.3 else []
    for home in away:
        world.go_away(home)
    for _ in range(chance.choice([1, 1, 1, 2])):
        _put_back(world)
        if world.changes_past_only:  # somebody reads anew what was changed
            homes.put_back(world, chance.choice(world.homes))
        for _ in range(chance.choice([0, 2])):
            world.rest(but=away)
    knew_better, is_forged = _on_the_longest(world, away), world.lies and not world.changes_past_only and forge(world)
    if is_forged or chance.random() < 0.5:
        for _ in range(6):
            world.rest(but=away)
        world.house.clock.pass_time(WAIT_S)
        if is_forged and knew_better >= 2 and world.forged in _heads(world.house.server.core.gathering._own):
            raise PromiseBroken("what one has forged was taken, and two knew better")
    if away:
        world.figures["half away"] += 1
        world.was_parted = True


def _heads(chain: Chain) -> set[bytes]:
    return {each for height in range(chain.height + 1) if (each := chain.head_at(height)) is not None}


def _on_the_longest(world: World, away: Sequence[SimHome]) -> int:
    """How many members that are there, and hear the truth, are on the branch that most are on."""
    own, known = world.house.server.core.gathering._own, dict[str, Chain]()
    for home in world.homes:
        if home in away or home.process is None or home.liar.hides or home.liar.plans or home.name == "eve":
            continue
        chain = home.process.member.copy.chain
        if chain.height > own.height and chain.holds(own.height, own.head):
            known[home.name] = chain
    return max((sum(one.holds(each.height, each.head) for each in known.values()) for one in known.values()), default=0)


def _put_back(world: World) -> None:
    assert world.backup is not None
    world.stop_server()
    shutil.rmtree(world.folder / "server")
    shutil.copytree(world.backup, world.folder / "server")
    world.house.start()
    is_silent = world.lies and not world.changes_past_only and world.chance.random() < 0.3
    if not is_silent:
        world.house.engine.transact([end_history])
        if world.lies and (world.changes_past_only or world.chance.random() < 0.5):
            change_the_past(world)
        world.house.stop()
        world.house.start()
        for home in world.homes:
            home.liar.forget()
    world.was_restored = True
    world.figures["silent restores" if is_silent else "restores"] += 1


def change_the_past(world: World) -> None:
    """What was said once in each room, for whoever reads it from now on."""

    def change(transaction: Transaction) -> None:
        connection = transaction.groups._connection  # type: ignore[attr-defined]
        said = connection.execute(
            "SELECT log, max(sequence) FROM entries WHERE suite = 'said/1' GROUP BY log"
        ).fetchall()
        for log, last in said:
            place = world.chance.randrange(1, last + 1)
            changed = "UPDATE entries SET time_ms = time_ms - 1 WHERE suite = 'said/1' AND log = ? AND sequence = ?"
            world.figures["lies: change_the_past"] += connection.execute(changed, (log, place)).rowcount

    world.house.engine.transact([change])


def forge(world: World) -> bool:
    """Eve, whatever she is by the backup, brings a past of her own before all others."""
    gathering = world.house.server.core.gathering
    if not gathering.is_on or world.chance.random() < 0.5:
        return False
    home = next(each for each in world.homes if each.name == "eve")
    assert home.keys is not None
    own, device = gathering._own, DeviceKeys(home.keys.store.device_secret)
    member = ChainMember(own.devices[device.id].account, device.id) if device.id in own.devices else None
    if member is None or not own.is_member(member.account_id):
        return False
    story = Story(own, time_ms=world.house.clock.now_ms())
    others = [each for each in own.names.values() if each != member.account_id]
    accounts = tuple(sorted(others)) if member.account_id in own.admins else (member.account_id,)
    story.write(Remove, device, accounts=accounts)
    with contextlib.suppress(RequestRefused):
        gathering.offer(member, own.height, story.log, is_last=True)
        world.forged = story.chain.head
        world.figures["lies: forge"] += 1
        return True
    return False


def turn_clock(world: World, _home: SimHome) -> None:
    """The server's, by a year, at a restart: no client keeps what it was told of it."""
    world.stop_server()
    world.house.clock.offset_ms += world.chance.choice([-A_YEAR_MS, A_YEAR_MS])
    world.house.start()
    world.figures["clocks turned"] += 1
