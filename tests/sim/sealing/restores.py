"""A server put back to an older head. Clients come one by one and tell theirs; who was removed since may be quick, and
offers another line of the chain. At the end nobody seals to an account that he has once seen end, and the true line
wins where two more accounts than that one came in time.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

from grouphouse.people import Person, Story
from lanline.chain.branches import longest_shared
from lanline.chain.state import Chain
from lanline.wire.sealing.entries import Role
from sim.sealing.group import PromiseBroken
from sim.sealing.rulefaults import rules_with

FAULTS = ("first", "forget")
WAIT_MINUTES = 10.0


@dataclass
class World:
    """Faults: the server takes what is offered first; a client that accepts another line forgets who ended."""

    seed: int
    fault: str = ""
    people: dict[bytes, Person] = field(default_factory=dict)
    heads: dict[bytes, Chain] = field(default_factory=dict)
    figures: Counter[str] = field(default_factory=Counter)

    def run(self) -> World:
        self.random = random.Random(self.seed)
        with rules_with(self.fault):
            states = self._life_before()
            true = states[-1]
            backups = [each for each in states[2:] if any(not true.is_member(admin) for admin in each.admins)]
            if backups:
                self.figures["cases"] += 1
                self.server = self.random.choice(backups)
                liars = [each for each in sorted(self.server.admins) if not true.is_member(each)]
                self._come_back(true, self.random.choice(liars))
        return self

    def _life_before(self) -> list[Chain]:
        founder = self._new_person()
        story = Story()
        story.found(founder)
        states = [Chain(), story.chain]
        for _ in range(self.random.randint(6, 25)):
            members = [self.people[each] for each in story.chain.names.values()]
            admin = self.people[self.random.choice(sorted(story.chain.admins))]
            other, chosen = self.random.choice(members), self.random.random()
            before = story.chain
            if chosen < 0.5:
                reason = story.admit(admin, self._new_person())
            elif chosen < 0.75:
                reason = story.role(admin, other, Role.ADMIN)
            elif other is not admin:
                reason = story.remove(admin, other)
            else:
                continue
            if reason is not None:
                story.chain = before
                continue
            states.append(story.chain)
            for each in story.chain.names.values():
                if each not in self.heads or self.random.random() < 0.6:
                    self.heads[each] = story.chain
        self.figures["entries"] += len(states) - 1
        return states

    def _new_person(self) -> Person:
        person = Person(f"person {len(self.people)}", self.seed)
        self.people[person.id] = person
        return person

    def _come_back(self, true: Chain, liar: bytes) -> None:
        honest = sorted(true.names.values())
        minutes = self.random.choice([3, 6, 30])
        arrivals = sorted(
            (self.random.expovariate(1 / (3 if each == liar else minutes)), each) for each in (*honest, liar)
        )
        told: dict[bytes, Chain] = {}
        own, decided = self.server, False
        for minute, account_id in arrivals:
            if not decided and minute > WAIT_MINUTES:
                decided = self._decide(own, told)
            chain = self._forged(own, liar) if account_id == liar else self.heads[account_id]
            longer = chain.height > self.server.height and chain.holds(self.server.height, self.server.head)
            if (decided or self.fault == "first") and longer:
                self.server, decided = chain, True
            told[account_id] = chain
        if not decided:
            decided = self._decide(own, told)
        if not decided:
            self.figures["waits for the operator"] += 1
            return
        self._check_server(own, [each for minute, each in arrivals if minute <= WAIT_MINUTES], told, liar)
        for account_id in honest:
            self._check_client(account_id)

    def _decide(self, own: Chain, told: dict[bytes, Chain]) -> bool:
        taken = longest_shared(own, told)
        self.server = taken or self.server
        return taken is not None

    def _forged(self, own: Chain, liar: bytes) -> Chain:
        """The liar, an admin of what the server has, removes the others, and lets in somebody of its kind."""
        story, person = Story(own), self.people[liar]
        others = [self.people[each] for each in sorted(own.admins - {liar})]
        if others:
            story.remove(person, *others[:3])
        story.admit(person, self._new_person())
        return story.chain

    def _check_server(self, own: Chain, in_time: list[bytes], told: dict[bytes, Chain], liar: bytes) -> None:
        forged = told[liar]
        if forged.height == own.height or not self.server.holds(forged.height, forged.head):
            return
        self.figures["the liar's line is taken"] += 1
        counted = [each for each in in_time if own.is_member(each)]
        true = sum(self._offers_more(own, told[each]) for each in counted if each != liar)
        if len(counted) >= min(3, (len(own.names) + 1) // 2) and true >= 2:
            raise PromiseBroken("the line of one who was removed is taken against that of two others")

    def _offers_more(self, own: Chain, chain: Chain) -> bool:
        return chain.height > own.height and chain.holds(own.height, own.head)

    def _check_client(self, account_id: bytes) -> None:
        mine = self.heads[account_id]
        ended = {each for each in mine.accounts if not mine.is_member(each)}
        follows = self.server.holds(mine.height, mine.head)
        if not follows and self.random.random() < 0.2:
            return
        if not self.server.is_member(account_id):
            return
        if not follows and self.fault == "forget":
            seen_end: set[bytes] = set()
        else:
            seen_end = ended
        readers = set(self.server.names.values())
        if readers & seen_end:
            self.figures["says nothing"] += 1
        elif readers & ended:
            raise PromiseBroken("somebody seals to an account that he has seen end")
