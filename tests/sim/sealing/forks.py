"""A server that lies: it shows each client as much of the chain as it likes, keeps entries of a room back, shows
statements as it likes, asks those who lag behind for boxes, and forks the chain with keys of who was sent away or
revoked.

Entries, statements and commitments are real. Judged is only what is said by somebody who knows the true chain: who is
shown another one is deceived as long as that lasts. At the end nobody has read such words who was not meant.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from grouphouse.people import DeviceKeys, Person, Story, chance, sign_epoch
from lanline.chain.epochs import Epoch, RecipientKind, account_recipient, is_fresh, judge_epoch
from lanline.chain.reasons import Reason
from lanline.chain.rooms import ChainRoom, replay
from lanline.chain.state import Chain
from lanline.crypto.groups.epochs import commitment_of
from lanline.wire.sealing import entries
from lanline.wire.sealing.entries import Role, RoomRole
from lanline.wire.sealing.said import EpochBody, decode_epoch
from sim.sealing.group import GROUP, ROOM, PromiseBroken
from sim.sealing.knowledge import Key, Knowledge, key_of
from sim.sealing.rulefaults import rules_with

FAULTS = ("help_above", "unopened", "copy", "back_above", "since")

KINDS = ["join", "join", "remove", "adm", "unadm", "turn", "rin", "rin", "rin", "rout", "rout", "rmod"]
KINDS_OF_ROOM = ["join", "join", "remove", "turn", "rin", "rin", "rin", "rin", "rout", "rout", "rout", "rmod"]
IN_ROOM = {"rin", "rout", "rmod"}


class Branch:
    """One line of the chain that the server has, with every state on the way."""

    def __init__(self, story: Story, states: list[Chain]) -> None:
        self.story, self.states = story, states

    @property
    def height(self) -> int:
        return self.story.chain.height

    def write(self, entry: Callable[[], object], *, room_id: bytes = b"") -> bool:
        """Only what holds: nobody sees that the other was tried."""
        before = self.story.chain
        reason = entry()
        if room_id and not isinstance(reason, Reason):
            reason = dict(self.story.room(room_id).broken).get(self.height)
        if isinstance(reason, Reason):
            self.story.rooms.get(room_id, {}).pop(self.height, None)
            self.story.chain = before
            return False
        self.states.append(self.story.chain)
        return True

    def cut(self, height: int) -> Branch:
        rooms = {
            room: {at: content for at, content in contents.items() if at <= height}
            for room, contents in self.story.rooms.items()
        }
        story = Story(self.states[height], rooms=rooms, foundings=self.story.foundings)
        return Branch(story, self.states[: height + 1])

    def goes_through(self, chain: Chain) -> bool:
        return chain.height <= self.height and self.states[chain.height].head == chain.head


@dataclass
class Client:
    person: Person
    branch: Branch
    height: int
    withheld: set[int] = field(default_factory=set)
    ended: set[bytes] = field(default_factory=set)
    """Accounts and devices that it has once seen end."""

    @property
    def chain(self) -> Chain:
        return self.branch.states[self.height]

    def learn(self) -> None:
        chain = self.chain
        self.ended |= {each for each in chain.accounts if not chain.is_member(each)}
        self.ended |= {each for each in chain.devices if chain.live_device(each) is None}


@dataclass
class Secret:
    number: int
    scope: str
    statements: list[bytes]
    """That of who began it; and copies of its commitment that were signed for another height."""


@dataclass
class Said:
    author: bytes
    scope: str
    epoch: int
    chain: Chain
    ended: set[bytes]


@dataclass
class World:
    seed: int
    fault: str = ""
    knowledge: Knowledge = field(default_factory=Knowledge)
    clients: dict[bytes, Client] = field(default_factory=dict)
    secrets: list[Secret] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    evil: set[bytes] = field(default_factory=set)
    """Accounts that are wholly in league with the server."""
    stolen: set[tuple[bytes, int]] = field(default_factory=set)
    """Accounts, and the generation of which a thief had a device."""
    born_on_fork: set[bytes] = field(default_factory=set)
    signed_fork: set[tuple[bytes, int]] = field(default_factory=set)
    figures: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.room_matters = self.seed % 2 == 1
        self.fork: Branch | None = None
        self.people: dict[bytes, Person] = {}
        self.rooms: dict[tuple[bytes, frozenset[int]], ChainRoom | None] = {}

    # -- what a client sees

    def room(self, branch: Branch, chain: Chain, withheld: frozenset[int] = frozenset()) -> ChainRoom | None:
        seen = (chain.head, withheld)
        if seen not in self.rooms:
            here = {at: each for at, each in branch.story.rooms[self.room_id].items() if at not in withheld}
            room = replay(chain, branch.story.foundings[self.room_id], here)
            self.rooms[seen] = room if isinstance(room, ChainRoom) else None
        return self.rooms[seen]

    def room_of(self, client: Client) -> ChainRoom | None:
        return self.room(client.branch, client.chain, frozenset(client.withheld))

    def readers(self, chain: Chain, room: ChainRoom | None, scope: str) -> set[Key]:
        of_room: Iterable[bytes] = () if room is None else room.members
        accounts = of_room if scope == ROOM else chain.names.values()
        return {key_of(account_recipient(chain, each)) for each in accounts}

    def sees(self, client: Client, scope: str) -> set[Key]:
        return self.readers(client.chain, self.room_of(client), scope)

    def reads(self, client: Client, scope: str) -> bool:
        return any(key[1] == client.person.id for key in self.sees(client, scope))

    def may_seal(self, client: Client, scope: str) -> bool:
        """Nothing while an entry of the room is lacking, nor where who has ended reads by the chain that is shown."""
        room = self.room_of(client)
        if scope == ROOM and self.fault != "unopened" and (room is None or room.lacking):
            return False
        if not self.reads(client, scope):
            return False
        return not any(
            key[1] in client.ended or set(client.chain.accounts[key[1]].devices) & client.ended
            for key in self.sees(client, scope)
        )

    def targets(self, client: Client, scope: str) -> set[Key]:
        return {key for key in self.sees(client, scope) if key[1] not in client.ended}

    def scope_id(self, scope: str) -> bytes:
        return self.main.story.chain.group_id if scope == GROUP else self.room_id

    def believed(self, client: Client, secret: Secret) -> Epoch | None:
        """By which statement the client takes this secret, which its box holds, for one of this scope."""
        room, chain = self.room_of(client), client.chain

        def reads_at(account_id: bytes, height: int) -> bool:
            if secret.scope == GROUP:
                return chain.is_member(account_id, height)
            return room is not None and room.reads_at(account_id, height)

        scope = self.scope_id(secret.scope)
        for content in secret.statements:
            epoch = judge_epoch(chain, scope, reads_at, (), content)
            if isinstance(epoch, Epoch) and (
                self.fault == "copy"
                or commitment_of(chance("secret", secret.number), scope, epoch.height, epoch.head) == epoch.commitment
            ):
                return epoch
        return None

    def opened(self, client: Client, scope: str) -> list[Secret]:
        account = client.chain.accounts.get(client.person.id)
        newest = 0 if account is None else len(account.generations)
        keys = {(RecipientKind.ACCOUNT, client.person.id, number) for number in range(1, newest + 1)}
        known = self.knowledge.opened_by(keys)
        return [each for each in self.secrets if each.scope == scope and each.number in known]

    def fresh(self, client: Client, scope: str, epoch: Epoch) -> bool:
        room = self.room_of(client)
        last_loss = client.chain.last_loss if scope == GROUP else room.last_loss if room else 0
        if self.fault == "since":
            then = self.states_of(client)[epoch.height]
            room_then = self.room(
                client.branch, then, frozenset(each for each in client.withheld if each <= then.height)
            )
            return not self.readers(then, room_then, scope) - self.sees(client, scope)
        return is_fresh(epoch.height, last_loss)

    @staticmethod
    def states_of(client: Client) -> list[Chain]:
        return client.branch.states

    # -- what a client does

    def begin(self, client: Client, scope: str) -> Secret:
        number = len(self.secrets)
        earlier = {
            each.number
            for each in self.opened(client, scope)
            if self.fault == "back_above" or self.believed(client, each) is not None
        }
        self.knowledge.begin(number, self.targets(client, scope), earlier)
        chain, scope_id = client.chain, self.scope_id(scope)
        commitment = commitment_of(chance("secret", number), scope_id, chain.height, chain.head)
        body = EpochBody(scope_id, commitment, chain.height, chain.head, ())
        secret = Secret(number, scope, [sign_epoch(self.live_device(client.chain, client.person), body)])
        self.secrets.append(secret)
        self.figures["epochs"] += 1
        return secret

    @staticmethod
    def live_device(chain: Chain, person: Person) -> DeviceKeys:
        return next(each for each in person.devices if chain.live_device(each.id))

    def usable(self, client: Client, scope: str) -> list[Secret]:
        found = []
        for secret in self.opened(client, scope):
            epoch = self.believed(client, secret)
            if epoch is not None and self.fresh(client, scope, epoch):
                found.append(secret)
        return found

    def say(self, client: Client, scope: str) -> None:
        if not self.may_seal(client, scope):
            return
        usable = self.usable(client, scope)
        secret = self.random.choice(usable) if usable else self.begin(client, scope)
        self.said.append(Said(client.person.id, scope, secret.number, client.chain, set(client.ended)))
        self.figures["messages"] += 1

    def help(self, client: Client, scope: str) -> None:
        if not self.may_seal(client, scope):
            return
        has = [
            each
            for each in self.opened(client, scope)
            if self.fault == "help_above" or self.believed(client, each) is not None
        ]
        wanted = sorted(self.targets(client, scope))
        if has and wanted:
            self.knowledge.boxes[self.random.choice(has).number].add(self.random.choice(wanted))
            self.figures["helped"] += 1

    # -- the true chain

    def honest(self) -> list[Client]:
        return [each for key, each in sorted(self.clients.items()) if key not in self.evil]

    def act(self) -> None:
        """Somebody honest who was shown nothing but the true chain writes an entry, at its head."""
        main = self.main
        able = [
            each
            for each in self.honest()
            if main.story.chain.is_member(each.person.id) and main.goes_through(each.chain)
        ]
        if not able:
            return
        founder = self.clients[self.founder.id]
        client = founder if founder in able and self.random.random() < 0.7 else self.random.choice(able)
        kinds = KINDS_OF_ROOM if self.room_matters else KINDS
        for kind in self.random.sample(kinds, 3):
            if not (kind in IN_ROOM and client.withheld) and self.act_by(client, kind):
                return

    def act_by(self, client: Client, kind: str) -> bool:
        main, before = self.main, self.main.story.chain
        other = self.people[self.random.choice(sorted(before.names.values()))]
        person = self.new_person() if kind == "join" else client.person if kind == "turn" else other
        if not self.write(main, kind, client.person, person):
            return False
        self.figures["entries"] += 1
        if kind == "turn":
            self.stolen.add((person.id, len(before.accounts[person.id].generations)))
        if person is not client.person and (kind == "remove" or (kind == "rout" and self.room_matters)):
            self.evil.add(person.id)
        if kind == "join":
            self.join(person)
        client.branch, client.height = main, main.height
        client.learn()
        if kind in {"join", "rin"}:
            self.give_newest(client, GROUP if kind == "join" else ROOM, person)
        return True

    def join(self, person: Person) -> None:
        """With a second device, which may be stolen."""
        second = person.new_device()
        self.main.write(lambda: self.main.story.add_device(person, second))
        self.clients[person.id] = Client(person, self.main, self.main.height)
        self.clients[person.id].learn()

    def give_newest(self, client: Client, scope: str, person: Person) -> None:
        usable = self.usable(client, scope)
        if usable:
            key = key_of(account_recipient(self.main.story.chain, person.id))
            self.knowledge.boxes[usable[-1].number].add(key)

    def write(self, branch: Branch, kind: str, by: Person, person: Person, device: DeviceKeys | None = None) -> bool:
        chain = branch.story.chain
        if not chain.is_member(by.id):
            return False
        first, by.device = by.device, device or self.live_device(chain, by)
        try:
            return branch.write(
                lambda: self._entry(branch.story, kind, by, person), room_id=self.room_id if kind in IN_ROOM else b""
            )
        finally:
            by.device = first

    def _entry(self, story: Story, kind: str, by: Person, person: Person) -> object:
        if kind == "turn":
            live = story.chain.accounts[by.id].devices
            gone = [each for each in by.devices if each.id in live and each is not by.device]
            return story.turn(by, *gone) if gone else Reason.DEVICE
        accounts = (person.id,)
        return {
            "join": lambda: story.admit(by, person),
            "remove": lambda: story.remove(by, person) if person is not by else Reason.RIGHTS,
            "adm": lambda: story.role(by, person, Role.ADMIN),
            "unadm": lambda: story.role(by, person, Role.MEMBER),
            "rin": lambda: story.write_in_room(self.room_id, entries.LetIn, by, accounts=accounts),
            "rout": lambda: story.write_in_room(self.room_id, entries.RemoveFromRoom, by, accounts=accounts),
            "rmod": lambda: story.write_in_room(
                self.room_id, entries.SetRoomRole, by, account=person.id, role=RoomRole.OWNER
            ),
        }[kind]()

    def new_person(self) -> Person:
        person = Person(f"person {len(self.people)}", self.seed)
        self.people[person.id] = person
        return person

    # -- what the server does

    def show_more(self) -> None:
        room = self.room(self.main, self.main.story.chain)
        inside = [each for each in self.honest() if room is not None and each.person.id in room.members]
        client = self.random.choice(inside if inside and self.room_matters else self.honest())
        if self.main.goes_through(client.chain):
            old = client.height
            client.branch = self.main
            client.height = self.main.height if self.room_matters else self.random.randint(old, self.main.height)
            for height in self.main.story.rooms[self.room_id]:
                if old < height <= client.height and self.random.random() < (0.5 if self.room_matters else 0.25):
                    client.withheld.add(height)
        client.learn()
        if self.room_matters and self.random.random() < 0.5:
            self.say(client, ROOM)
        if self.random.random() < (0.15 if self.room_matters else 0.5):
            client.withheld.clear()

    def make_fork(self) -> None:
        if self.fork is None:
            places = [height for height in range(6, self.main.height) if self.liars(self.main.states[height])]
            behind = {each.height for each in self.honest() if self.main.goes_through(each.chain)}
            places = [each for each in places if each in behind] or places
            if not places:
                return
            self.fork = self.main.cut(self.random.choice(places))
        fork, chain = self.fork, self.fork.story.chain
        liars = self.liars(chain)
        if not liars:
            return
        person, device = self.random.choice(liars)
        kind = self.random.choice(["join", "rin", "remove", "rout"])
        other = self.people[self.random.choice(sorted(chain.names.values()))]
        target = self.new_person() if kind == "join" else other
        generation = len(chain.accounts[person.id].generations)
        if not self.write(fork, kind, person, target, device):
            return
        self.signed_fork.add((person.id, generation))
        if kind == "join":
            self.born_on_fork.add(target.id)
            self.evil.add(target.id)
        for client in self.honest():
            if fork.goes_through(client.chain) and self.random.random() < 0.6:
                client.branch, client.height = fork, fork.height
                client.learn()
                self.figures["shown the fork"] += 1

    def liars(self, chain: Chain) -> list[tuple[Person, DeviceKeys]]:
        """Who signs for the server, where the chain still has them."""
        found = []
        for person in self.people.values():
            if not chain.is_member(person.id):
                continue
            if person.id in self.evil:
                found.append((person, self.live_device(chain, person)))
            elif (person.id, len(chain.accounts[person.id].generations)) in self.stolen:
                device = person.devices[1] if len(person.devices) > 1 else None
                if device is not None and chain.live_device(device.id):
                    found.append((person, device))
        return found

    def copy_commitment(self) -> None:
        """Who was sent away signs a later epoch's commitment for the height at which somebody is kept behind, who then
        is asked for a box.
        """
        last_loss = self.main.story.chain.last_loss
        later = [each for each in self.secrets if decode_epoch(each.statements[0])[1].height >= last_loss]
        behind = [each for each in self.honest() if each.height < last_loss and self.main.goes_through(each.chain)]
        if not (later and behind):
            return
        client, secret = self.random.choice(behind), self.random.choice(later)
        liars = [each for each in self.liars(client.chain) if each[0].id in self.evil]
        if liars:
            _, body = decode_epoch(secret.statements[0])
            copied = EpochBody(body.scope, body.commitment, client.height, client.chain.head, ())
            secret.statements.append(sign_epoch(self.random.choice(liars)[1], copied))
            self.help(client, secret.scope)
            self.figures["copied"] += 1

    def accept_main(self) -> None:
        client = self.random.choice(self.honest())
        if not self.main.goes_through(client.chain):
            client.branch, client.height = self.main, self.main.height
            client.withheld.clear()
            client.learn()
            self.figures["accepted"] += 1

    # -- the whole

    def run(self) -> World:
        with rules_with(self.fault):
            self._live()
            self._check()
        return self

    def _live(self) -> None:
        self.founder = self.new_person()
        story = Story()
        assert story.found(self.founder) is None
        self.main = Branch(story, [Chain(), story.chain])
        self.main.write(lambda: story.add_device(self.founder, self.founder.new_device()))
        self.room_id = story.found_room(self.founder, "lab")
        self.main.states.append(story.chain)
        self.clients[self.founder.id] = Client(self.founder, self.main, self.main.height)
        scopes = [GROUP, ROOM, ROOM, ROOM] if self.room_matters else [GROUP, ROOM]
        for _ in range(self.random.randint(30, 110)):
            honest = self.honest()
            if not honest:
                return
            chosen = self.random.random()
            if chosen < 0.30:
                self.act()
            elif chosen < 0.45:
                self.show_more()
            elif chosen < 0.53:
                self.make_fork()
            elif chosen < 0.57:
                self.copy_commitment()
            elif chosen < 0.62:
                self.accept_main()
            elif chosen < 0.78:
                self.help(self.random.choice(honest), self.random.choice(scopes))
            else:
                self.say(self.random.choice(honest), self.random.choice(scopes))

    def _check(self) -> None:
        for said in self.said:
            if not self.main.goes_through(said.chain):
                continue
            opened = self.knowledge.opened_by(self._keys_of_enemies(said))
            if said.epoch in opened:
                raise PromiseBroken(
                    f"the server reads what was said in the {said.scope} at height {said.chain.height}"
                    f" under epoch {said.epoch}"
                )

    def _keys_of_enemies(self, said: Said) -> set[Key]:
        """Those of who was not a reader then, nor later came to be one by a chain that the author could not refute."""
        later = self._read_later(said)
        accounts = said.chain.accounts
        refuted = all(
            len(accounts[each].generations) > generation or not said.chain.is_member(each)
            for each, generation in self.signed_fork
            if each in accounts
        )
        keys: set[Key] = set()
        for each in self.evil - {said.author}:
            if (refuted or each not in self.born_on_fork) and (each not in later or each in said.ended):
                keys |= {(RecipientKind.ACCOUNT, each, number) for number in range(1, 20)}
        for each, generation in self.stolen:
            if generation not in later.get(each, set()) and each not in self.evil:
                keys.add((RecipientKind.ACCOUNT, each, generation))
        return keys

    def _read_later(self, said: Said) -> dict[bytes, set[int]]:
        later: dict[bytes, set[int]] = {}
        for branch in (self.main, self.fork):
            if branch is None or not branch.goes_through(said.chain):
                continue
            for chain in branch.states[said.chain.height :]:
                for _, account_id, generation in self.readers(chain, self.room(branch, chain), said.scope):
                    later.setdefault(account_id, set()).add(generation)
        return later
