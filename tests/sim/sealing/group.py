"""Members who lag behind, invites, devices, removals, one private room, and a server that leaks every box it had.

The chain, who reads, what is fresh and which statement holds are the real rules; what a client does with them is
written here, as docs/protocol/sealing.md has it. At the end: whoever may read a message can, and nobody else.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from grouphouse.people import DeviceKeys, InviteKeys, Person, Story, chance
from lanline.chain.epochs import Epoch, RecipientKind, account_recipient, group_readers, is_fresh, judge_epoch
from lanline.chain.reasons import Reason
from lanline.chain.rooms import ChainRoom, catch_up, replay
from lanline.chain.state import NEVER, Chain
from lanline.wire.sealing import entries
from lanline.wire.sealing.entries import Role
from sim.sealing.knowledge import Key, Knowledge, key_of
from sim.sealing.rulefaults import rules_with

CLIENT_FAULTS = ("reuse", "early", "back", "since")
RULES_MADE_WRONG = ("replace", "readmit", "leave", "demote", "turn", "drop")
FAULTS = CLIENT_FAULTS + RULES_MADE_WRONG
GROUP, ROOM = "group", "room"


class PromiseBroken(AssertionError):
    pass


@dataclass
class Prepared:
    """An epoch whose boxes the server has, and whose statement it has not taken yet."""

    number: int
    author: Person
    scope: str
    height: int
    readers: set[Key]


@dataclass
class Said:
    scope: str
    epoch: int
    height: int
    """Of the chain, when the server took it."""


@dataclass
class World:
    seed: int
    fault: str = ""
    story: Story = field(default_factory=Story)
    knowledge: Knowledge = field(default_factory=Knowledge)
    people: dict[bytes, Person] = field(default_factory=dict)
    invites: list[InviteKeys] = field(default_factory=list)
    secret_known_to: dict[bytes, set[bytes]] = field(default_factory=dict)
    """By invite: the accounts that made it or came by it."""
    seed_known_to: dict[tuple[bytes, int], set[bytes]] = field(default_factory=dict)
    """By account and generation: its devices that got the seed."""
    epochs: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: {GROUP: [], ROOM: []})
    """Number and named height of each that the server took."""
    said: list[Said] = field(default_factory=list)
    pending: list[Prepared] = field(default_factory=list)
    view: dict[bytes, int] = field(default_factory=dict)
    figures: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.states: list[Chain] = [self.story.chain]
        self.rooms: list[ChainRoom | None] = [None]
        self.room_id = b""
        self.admitted_again: dict[bytes, int] = {}

    # -- the chain

    def took(self, reason: Reason | None) -> bool:
        """After each entry. Where a rule says no, the chain is a height longer, and nothing else."""
        while len(self.states) <= self.story.chain.height:
            self.states.append(self.story.chain)
            self.rooms.append(self._room_now())
        self.figures["entries"] += 1
        self.figures["refused"] += reason is not None
        return reason is None

    def _room_now(self) -> ChainRoom | None:
        if not self.room_id:
            return None
        before = self.rooms[-1]
        contents = self.story.rooms[self.room_id]
        if before is not None:
            return catch_up(self.story.chain, before, contents)
        room = replay(self.story.chain, self.story.foundings[self.room_id], contents)
        return room if isinstance(room, ChainRoom) else None

    @property
    def height(self) -> int:
        return self.story.chain.height

    def members(self) -> list[Person]:
        return [self.people[each] for each in sorted(self.story.chain.names.values())]

    def admins(self) -> list[Person]:
        return [self.people[each] for each in sorted(self.story.chain.admins)]

    def in_room(self, height: int | None = None) -> set[bytes]:
        room, chain = self.rooms[self.height if height is None else height], self.chain_at(height)
        return set() if room is None else {each for each in room.members if chain.is_member(each)}

    def chain_at(self, height: int | None) -> Chain:
        return self.states[self.height if height is None else height]

    def reads(self, person: Person, scope: str, height: int | None = None) -> bool:
        return self.chain_at(height).is_member(person.id) if scope == GROUP else person.id in self.in_room(height)

    def readers(self, scope: str, height: int) -> set[Key]:
        chain = self.states[height]
        if scope == GROUP:
            return {key_of(each) for each in group_readers(chain, self.story.time_ms)}
        return {key_of(account_recipient(chain, each)) for each in self.in_room(height)}

    def fresh(self, scope: str, named: int, height: int) -> bool:
        room = self.rooms[height]
        last_loss = self.states[height].last_loss if scope == GROUP else room.last_loss if room else 0
        if self.fault == "since" and not is_fresh(named, last_loss):
            return not self._lost_since(scope, named, height)
        return is_fresh(named, last_loss)

    def _lost_since(self, scope: str, named: int, height: int) -> bool:
        """The rule that looks only at who read when the epoch began."""
        return bool(self.readers(scope, named) - self.readers(scope, height))

    # -- keys

    def keys_of(self, person: Person, device: DeviceKeys) -> set[Key]:
        """`prior` opens every generation below the newest that the device was given."""
        known = [
            number for (each, number), have in self.seed_known_to.items() if each == person.id and device.id in have
        ]
        return {(RecipientKind.ACCOUNT, person.id, number) for number in range(1, max(known, default=0) + 1)}

    def opens(self, person: Person) -> set[int]:
        live = self.story.chain.accounts[person.id].devices
        keys = set().union(*(self.keys_of(person, each) for each in person.devices if each.id in live))
        return self.knowledge.opened_by(keys)

    def box(self, epoch: int, key: Key) -> None:
        self.knowledge.boxes[epoch].add(key)

    def newest(self, scope: str, height: int) -> tuple[int, int] | None:
        usable = [each for each in self.epochs[scope] if each[1] <= height and self.fresh(scope, each[1], height)]
        return max(usable, key=lambda each: (each[1], each[0]), default=None)

    # -- epochs

    def prepare(self, author: Person, scope: str, height: int) -> Prepared:
        number = len(self.knowledge.boxes)
        opened = self.opens(author)
        earlier = {
            each for each, named in self.epochs[scope] if each in opened and (self.fault == "back" or named <= height)
        }
        readers = self.readers(scope, height)
        self.knowledge.begin(number, readers, earlier)
        return Prepared(number, author, scope, height, readers)

    def settle(self, prepared: Prepared) -> bool:
        """The server's answer: whether the matter is done, taken or given up."""
        author, scope = prepared.author, prepared.scope
        if not self.reads(author, scope):
            return True
        if not self.fresh(scope, prepared.height, self.height):
            self.view[author.id] = self.height
            self.figures["races lost"] += 1
            if self.fault != "reuse":
                return True
            prepared.height = self.height
            prepared.readers = self.readers(scope, self.height)
            self.knowledge.boxes[prepared.number] |= prepared.readers
            return False
        lacking = self.readers(scope, self.height) - prepared.readers
        if lacking:
            prepared.readers |= lacking
            self.knowledge.boxes[prepared.number] |= lacking
            self.view[author.id] = max(self.view[author.id], self.height)
            return False
        self._take(prepared)
        return True

    def _take(self, prepared: Prepared) -> None:
        scope_id = self.story.chain.group_id if prepared.scope == GROUP else self.room_id
        live = self.states[prepared.height].accounts[prepared.author.id].devices
        device = next((each for each in prepared.author.devices if each.id in live), None)
        if device is None:
            return
        content = self.story.epoch(device, scope_id, chance("epoch", prepared.number), height=prepared.height)

        def reads_at(account_id: bytes, height: int) -> bool:
            return self.reads(self.people[account_id], prepared.scope, height)

        epoch = judge_epoch(self.story.chain, scope_id, reads_at, (), content)
        if not isinstance(epoch, Epoch):
            raise PromiseBroken(f"a statement that should hold does not: {epoch}")
        self.epochs[prepared.scope].append((prepared.number, prepared.height))
        self.figures["epochs"] += 1

    # -- what people do

    def say(self, person: Person, scope: str) -> None:
        for _ in range(10):
            if not self.reads(person, scope):
                return
            newest = self.newest(scope, self.view[person.id])
            if newest is None:
                if not self.reads(person, scope, self.view[person.id]):
                    self.view[person.id] = self.height
                    continue
                prepared = self.prepare(person, scope, self.view[person.id])
                if self.random.random() < 0.5:
                    self.pending.append(prepared)
                    return
                while not self.settle(prepared):
                    pass
                continue
            number, named = newest
            if not self.fresh(scope, named, self.height):
                self.view[person.id] = self.height
                continue
            if number not in self.opens(person) and not self._helped(person, scope, number):
                self.view[person.id] = self.height
                prepared = self.prepare(person, scope, self.height)
                while not self.settle(prepared):
                    pass
                continue
            self.said.append(Said(scope, number, self.height))
            self.figures["messages"] += 1
            return
        raise PromiseBroken("somebody who may speak never got through")

    def _helped(self, person: Person, scope: str, number: int) -> bool:
        """Any member who has the secret gives a box to whoever reads now."""
        if not any(
            number in self.opens(each) for each in self.members() if each is not person and self.reads(each, scope)
        ):
            return False
        self.box(number, key_of(account_recipient(self.story.chain, person.id)))
        return True

    def new_member(self, name: str) -> Person:
        person = Person(name, self.seed)
        self.people[person.id] = person
        return person

    def came(self, person: Person) -> None:
        self.seed_known_to[person.id, 1] = {person.device.id}
        self.view[person.id] = self.height

    def box_of_newest(self, author: Person, scope: str, key: Key) -> None:
        newest = self.newest(scope, self.view[author.id])
        if newest is not None and newest[0] in self.opens(author):
            self.box(newest[0], key)

    def make_invite(self) -> None:
        makers = self.members() if self.random.random() < 0.5 else self.admins()
        maker, invite = self.random.choice(makers), InviteKeys((self.seed, len(self.invites)))
        role = Role.ADMIN if maker in self.admins() and self.random.random() < 0.3 else Role.MEMBER
        device = self._device_of(maker)
        if self.took(self.story.invite(maker, invite, self.random.choice([1, 1, 3]), role, device=device)):
            self.invites.append(invite)
            self.secret_known_to[invite.id] = {maker.id}
            self.view[maker.id] = self.height
            self.box_of_newest(maker, GROUP, (RecipientKind.INVITE, invite.id, 0))

    def _device_of(self, person: Person) -> DeviceKeys:
        live = self.story.chain.accounts[person.id].devices
        return next(each for each in person.devices if each.id in live)

    def open_invites(self) -> list[InviteKeys]:
        return [each for each in self.invites if self.story.chain.invites[each.id].until == NEVER]

    def join(self) -> None:
        if not self.open_invites():
            return
        invite = self.random.choice(self.open_invites())
        person = self.new_member(f"guest {len(self.people)}")
        if not self.took(self.story.join(person, invite)):
            return
        self.secret_known_to[invite.id].add(person.id)
        self.came(person)
        for number, _ in self.epochs[GROUP][-1:]:
            if number in self.knowledge.opened_by({(RecipientKind.INVITE, invite.id, 0)}):
                self.box(number, (RecipientKind.ACCOUNT, person.id, 1))

    def drop(self) -> None:
        if self.open_invites():
            admin = self.random.choice(self.admins())
            self.took(self._by(admin, lambda: self.story.drop(admin, self.random.choice(self.open_invites()))))

    def _by(self, person: Person, write: Callable[[], Reason | None]) -> Reason | None:
        """With a device that is live: the first one may have been revoked."""
        first, person.device = person.device, self._device_of(person)
        try:
            return write()
        finally:
            person.device = first

    def leave(self) -> None:
        if len(self.members()) < 3:
            return
        person = self.random.choice(self.members())
        admin = self.random.choice(self.admins())
        by = person if self.random.random() < 0.5 else admin
        self.took(self._by(by, lambda: self.story.remove(by, person)))

    def replace(self) -> None:
        """A person lost everything: a new account in place of the old one."""
        if len(self.members()) < 3:
            return
        person, admin = self.random.choice(self.members()), self.random.choice(self.admins())
        if person is admin or not self.took(self._by(admin, lambda: self.story.remove(admin, person))):
            return
        again = self.new_member(f"again {len(self.people)}")
        if self.took(self._by(admin, lambda: self.story.admit(admin, again))):
            self.came(again)

    def come_back(self) -> None:
        gone = [each for each in self.people.values() if self._is_gone(each)]
        if gone:
            admin, person = self.random.choice(self.admins()), self.random.choice(gone)
            if self.took(self._by(admin, lambda: self.story.admit(admin, person))):
                self.admitted_again[person.id] = self.height
                self.view[person.id] = self.height

    def _is_gone(self, person: Person) -> bool:
        account = self.story.chain.accounts.get(person.id)
        return account is not None and account.until != NEVER

    def role(self) -> None:
        admin, person = self.random.choice(self.admins()), self.random.choice(self.members())
        role = Role.MEMBER if person in self.admins() else Role.ADMIN
        self.took(self._by(admin, lambda: self.story.role(admin, person, role)))

    def add_device(self) -> None:
        person = self.random.choice(self.members())
        new = person.new_device()
        if self.took(self.story.add_device(person, new, by=self._device_of(person))):
            generation = len(self.story.chain.accounts[person.id].generations)
            self.seed_known_to[person.id, generation].add(new.id)

    def turn(self) -> None:
        person = self.random.choice(self.members())
        live = self.story.chain.accounts[person.id].devices
        if len(live) > 1:
            gone = self.random.choice([each for each in person.devices if each.id in live])
            by = next(each for each in person.devices if each.id in live and each is not gone)
            if self.took(self.story.turn(person, gone, by=by)):
                stay = self.story.chain.accounts[person.id].devices
                self.seed_known_to[person.id, len(person.seeds)] = set(stay)

    def let_in(self) -> None:
        inside = [each for each in self.members() if each.id in self.in_room()]
        room = self.rooms[self.height]
        if room is None or not inside:
            return
        rulers = [each for each in inside if room.members[each.id]]
        outside = [each for each in self.members() if each.id not in self.in_room()]
        if not outside or not rulers:
            return
        ruler, guest = self.random.choice(rulers), self.random.choice(outside)
        key = key_of(account_recipient(self.story.chain, guest.id))
        if self.fault == "early" and self.random.random() < 0.4:
            self.box_of_newest(ruler, ROOM, key)
            return
        if guest.id in room.members:
            return
        if self._wrote_in_room(entries.LetIn, ruler, guest):
            self.view[ruler.id] = self.height
            self.box_of_newest(ruler, ROOM, key)

    def send_away(self) -> None:
        room = self.rooms[self.height]
        inside = [each for each in self.members() if each.id in self.in_room()]
        if room is None or len(inside) < 2:
            return
        person = self.random.choice(inside)
        owners = [each for each in inside if room.members[each.id] == 2 and each is not person]
        by = person if not owners or room.members[person.id] == 2 else self.random.choice(owners)
        self._wrote_in_room(entries.RemoveFromRoom, by, person)

    def _wrote_in_room(self, kind: type[entries.Body], by: Person, person: Person) -> bool:
        return self.took(self._by(by, lambda: self.story.write_in_room(self.room_id, kind, by, accounts=(person.id,))))

    def leak(self) -> None:
        """The server asks a member who lags behind for a box for whomever that one takes for a reader."""
        helper, scope = self.random.choice(self.members()), self.random.choice([GROUP, ROOM])
        height = self.view[helper.id]
        if not self.reads(helper, scope, height):
            return
        opened = self.opens(helper)
        held = [number for number, named in self.epochs[scope] if named <= height and number in opened]
        wanted = sorted(each for each in self.readers(scope, height) if each[0] == RecipientKind.ACCOUNT)
        if held and wanted:
            self.box(self.random.choice(held), self.random.choice(wanted))

    # -- the whole

    def run(self) -> World:
        with rules_with(self.fault):
            self._live()
            self._check_nobody_else_reads()
            self._check_all_who_may_read()
        return self

    def _live(self) -> None:
        founder = self.new_member("founder")
        assert self.took(self.story.found(founder))
        self.came(founder)
        self.room_id = self.story.found_room(founder, "lab")
        assert self.took(None)
        does = [
            (self.make_invite, 10), (self.join, 14), (self.drop, 4), (self.leave, 6), (self.replace, 3), (self.role, 4),
            (self.add_device, 5), (self.turn, 6), (self.let_in, 8), (self.send_away, 4),
            (self.come_back, 3 if self.fault == "readmit" else 0),
        ]  # fmt: skip
        for _ in range(self.random.randint(20, 100)):
            if not self.members():
                return
            self._catch_up()
            if self.pending and self.random.random() < 0.4:
                prepared = self.pending.pop(self.random.randrange(len(self.pending)))
                if not self.settle(prepared):
                    self.pending.append(prepared)
            if self.random.random() < 0.25:
                self.leak()
            if self.random.random() < 0.35:
                self.say(self.random.choice(self.members()), self.random.choice([GROUP, GROUP, ROOM]))
            else:
                [act] = self.random.choices([each for each, _ in does], [weight for _, weight in does])
                act()

    def _catch_up(self) -> None:
        for person in self.members():
            chosen = self.random.random()
            if chosen < 0.4:
                self.view[person.id] = self.height
            elif chosen < 0.6:
                self.view[person.id] = self.random.randint(self.view[person.id], self.height)

    def _check_nobody_else_reads(self) -> None:
        for said in self.said:
            for person in self.people.values():
                for device in person.devices:
                    keys = self.keys_of(person, device)
                    if said.epoch in self.knowledge.opened_by(keys) and not self._may(person, device, said):
                        raise PromiseBroken(f"{person.name} reads {said}, and may not")
            if said.scope == GROUP:
                self._check_ended_invites(said)

    def _may(self, person: Person, device: DeviceKeys, said: Said) -> bool:
        known = self.story.chain.devices.get(device.id)
        until = NEVER if known is None else known.until
        again = self.admitted_again.get(person.id)
        if again is not None and said.scope == ROOM and not self.reads(person, ROOM, said.height):
            return False
        return any(self.reads(person, said.scope, height) for height in range(said.height, min(until, self.height + 1)))

    def _check_ended_invites(self, said: Said) -> None:
        """Who made an invite, or came by it, and is gone, still has its secret; so has whoever saw the link."""
        for invite in self.invites:
            ended = self.story.chain.invites[invite.id]
            used_up = ended.uses_left == 0
            opens = said.epoch in self.knowledge.opened_by({(RecipientKind.INVITE, invite.id, 0)})
            if opens and not used_up and ended.until <= said.height:
                raise PromiseBroken(f"an invite that had ended at {ended.until} opens {said}")
            if opens and not used_up:
                for account_id in self.secret_known_to[invite.id]:
                    account = self.story.chain.accounts[account_id]
                    if account.until <= said.height:
                        raise PromiseBroken(f"somebody who had left at {account.until} reads {said} by an invite")

    def _check_all_who_may_read(self) -> None:
        """Whoever reads now gets from the others what is lacking; what one reader has opened, none goes without."""
        for scope in (GROUP, ROOM):
            readers = [each for each in self.members() if self.reads(each, scope)]
            opened = {each.id: self.opens(each) for each in readers}
            together = set().union(*opened.values())
            for said in (each for each in self.said if each.scope == scope):
                stayed = [each for each in readers if self.reads(each, scope, said.height)]
                if stayed and said.epoch not in together and self._was_opened(said, stayed):
                    raise PromiseBroken(f"nobody can read {said} any more")

    def _was_opened(self, said: Said, stayed: list[Person]) -> bool:
        """Whether one who is still there ever had a box of it: then it may not be lost."""
        ids = {each.id for each in stayed}
        return any(key[1] in ids for key in self.knowledge.boxes[said.epoch])
