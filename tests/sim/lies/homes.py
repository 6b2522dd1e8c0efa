"""What may become of homes on a bad day: put back, copied, and new ones.

Not the day itself: `world`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanline.client.sealing.groupcopy import LAST_NOT_SHOWN
from lanline.client.sealing.keystore import Keystore
from lanline.client.sealing.ownentries import INVITE_SECRET_BYTES, InviteKeys
from lanline.client.view.values import NodeState

if TYPE_CHECKING:
    from sim.lies.world import SimHome, World

_LINK_USES = 3
_LINK_MS = 10**9


def back_up(world: World, home: SimHome) -> None:
    world.go_away(home)
    if home.path.exists():
        home.backup = home.path.read_bytes()


def put_back(world: World, home: SimHome) -> None:
    """The database alone: the file of its keys remembers the head that was seen last."""
    if home.backup is not None:
        world.go_away(home)
        home.path.write_bytes(home.backup)
        home.delivered.clear()
        home.was_put_back = True
        world.figures["homes restored"] += 1


def copy(world: World, home: SimHome) -> None:
    """Both are used from now on: two folders, one device."""
    if any(each.is_copy for each in world.homes) or home.keys is None or not home.path.exists():
        return
    world.go_away(home)
    twin = world.new_home(home.name, _copied(home.keys.store), "copy of ")
    twin.path.write_bytes(home.path.read_bytes())
    twin.backup = home.backup
    twin.was_put_back = home.was_put_back
    world.homes.append(twin)
    world.figures["homes copied"] += 1


def _copied(store: Keystore) -> Keystore:
    kept = Keystore.in_memory(store.device_secret)
    kept.height, kept.head, kept.group_id, kept.ended = store.height, store.head, store.group_id, set(store.ended)
    kept.invite = store.invite
    return kept


def make_link(world: World, _home: SimHome) -> None:
    ann = world.alive(world.homes[0])
    ticket = ann.member.changes.make_invite(_LINK_USES, _LINK_MS)
    for _ in range(4):
        world.rest()
    if ticket.is_settled and ticket.problem is None:
        world.link = ticket.result()
        world.link_until_ms = world.house.clock.now_ms() + _LINK_MS


def come_in(world: World, _home: SimHome) -> None:
    """By the newest link, which may be newer than what the server is put back to later, or by then older."""
    if world.link is None or any(each.name == "fay" for each in world.homes):
        return
    store = Keystore.in_memory(world.chance.randbytes(32))
    store.invite = world.link
    home = world.new_home("fay", store)
    home.has_joined = False
    home.token = InviteKeys.of(world.link[:INVITE_SECRET_BYTES]).shown
    world.homes.append(home)
    world.figures["came in"] += 1


def let_in(world: World) -> None:
    """By ann: who has come by a link that the restored server does not know asks her."""
    changes = world.alive(world.homes[0]).member.changes
    changes.look_who_asks()
    for _ in range(4):
        world.rest()
    for account in list(changes.requests):
        changes.admit(account)
        world.figures["let in"] += 1
        for _ in range(12):
            world.rest()


def decide(world: World) -> None:
    """By the person of a home that was put back, and whose keys remember what an honest server has lost since: where
    nobody who comes in has it, it cannot come back. Who has it brings it, and nobody decides anything.
    """
    if world.lies:
        return
    come_in = [home for home in world.homes if world.alive(home).node.state is NodeState.SYNCHRONIZED]
    chains = [world.alive(home).member.copy.chain for home in come_in]
    for home in come_in:
        member = world.alive(home).member
        if not (world.was_restored and home.was_put_back and member.problem == LAST_NOT_SHOWN):
            continue
        assert home.keys is not None
        last = home.keys.store.height, home.keys.store.head
        if not any(chain.holds(*last) for chain in chains):
            member.decisions.accept()
            world.figures["decided"] += 1
