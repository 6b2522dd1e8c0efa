"""One seed of the system simulation: a server, people with one or two devices each, bad days, and what was promised.

The promises: what is acknowledged is on the server's disk and stays there, once; all see the same in the same order and
without a gap; who says two things is heard to say them in this order; no cursor goes back; nothing that was typed
vanishes; and when the weather clears, all of it arrives by itself.
"""

from __future__ import annotations

import random

from lanline.client.view.values import MessageState
from lanline.core.changes import OPERATOR
from lanline.crypto.dtls import DtlsKeys
from lanline.crypto.identity import Identity
from lanline.model.settings import ServerSettings
from lanline.proto.link.handshake import KeyExchanges
from lanline.proto.link.profile import LinkProfile
from lanline.testing.conditions import Conditions
from lanline.testing.network import SimNetwork
from lanline.testing.world import SimWorld
from sim.exchange import SeededExchanges
from sim.system.disk import Disk
from sim.system.home import Home
from sim.system.inspection import disagreements, history, left, unfinished
from sim.system.ledger import PromiseBroken, check
from sim.system.machine import PORT, ServerMachine
from sim.system.overheard import Overheard
from sim.system.process import Computer
from sim.system.program import Place
from sim.system.squeeze import squeezed
from sim.system.story import Story
from sim.system.stranger import Stranger
from sim.weather import log_uniform, random_conditions, random_events, schedule

_NAMES = ("ann", "bob", "cat", "dan")
_REAL_DTLS_EVERY = 16
_CALM_LIMIT_S = 120.0
_LAST_WORDS_S = 0.5
"""In which a program that was asked to end does."""
_CALM = Conditions(latency_s=0.005)

_identities: list[Identity] = []


class SystemScenario:
    def __init__(self, seed: int, *, keep_records: bool = False) -> None:
        self.seed = seed
        self.rng = rng = random.Random(f"system {seed}")
        self.disk = Disk()
        self.network = SimNetwork(seed, _CALM, keep_records=keep_records, keep_digest=True)
        self.world = SimWorld(self.network)
        self.duration_s = log_uniform(rng, 2.0, 30.0)
        self.profile = self._draw_profile()
        self._computers = 0
        self._next_look = 0.0
        self.server = ServerMachine(self.world, self._computer("server"), self.disk, self._draw_settings(), rng)
        self.place = Place(self.world, self.server, self.disk, rng)
        self.homes = self._draw_homes()
        self.story = Story(self.place, self.homes)
        self.stranger = self._draw_stranger()

    # ---- what is there ----

    def _draw_profile(self) -> LinkProfile:
        rng = self.rng
        return LinkProfile(
            dead_after_s=rng.choice([5.0, 15.0, 30.0]),
            keepalive_s=rng.choice([5.0, 15.0]),
            receive_window_bytes=rng.choice([16, 64, 1024]) * 1024,
            send_buffer_bytes=rng.choice([2, 16, 4096]) * 1024,
        )

    def _draw_settings(self) -> ServerSettings:
        """Limits that are met: nobody types so much."""
        is_tight = self.rng.random() < 0.5
        return ServerSettings(
            is_open=self.rng.random() < 0.5,
            messages_per_s=5.0 if is_tight else 100.0,
            messages_burst=10 if is_tight else 1000,
        )

    def _computer(self, name: str) -> Computer:
        exchanges, fingerprint = self._key()
        return Computer(name, exchanges, fingerprint, self.rng.randbytes(32), self.profile)

    def _key(self) -> tuple[KeyExchanges, bytes]:
        if self.seed % _REAL_DTLS_EVERY:
            seeded = SeededExchanges(self.rng)
            return seeded, seeded.fingerprint
        self._computers += 1
        while len(_identities) < self._computers:
            _identities.append(Identity.generate())
        identity = _identities[self._computers - 1]
        return DtlsKeys(identity), identity.fingerprint

    def _draw_homes(self) -> list[Home]:
        homes = []
        for name in _NAMES[: self.rng.randint(2, len(_NAMES))]:
            is_admin = name == _NAMES[0]
            token = self._invite(is_admin=is_admin) if is_admin or not self.server.settings.is_open else None
            homes += [
                Home(self.place, name, self._computer(f"{name}{number}"), token)
                for number in range(self.rng.choice([1, 1, 2]))
            ]
        return homes

    def _draw_stranger(self) -> Stranger | None:
        if self.rng.random() < 0.7:
            return None
        computer = self._computer("stranger")
        return Stranger(self.world, self.server, computer, self._invite(is_admin=False), self.rng)

    def _invite(self, *, is_admin: bool) -> bytes:
        ticket = self.server.chat.core.make_invite(OPERATOR, 5, grants_admin=is_admin)
        self.world.run_until(lambda: ticket.is_settled, 5.0)
        return ticket.result()

    # ---- the run ----

    def run(self) -> SystemScenario:
        try:
            with Overheard() as overheard, squeezed(random.Random(f"squeeze {self.seed}")):
                self._plan()
                self.world.run_for(self.duration_s)
                self._clear_up()
                self.world.run_until(self._is_settled, _CALM_LIMIT_S)
                overheard.check()
                self._check()
        except PromiseBroken as broken:
            raise PromiseBroken(f"seed {self.seed}, at {self.world.now:.3f} s: {broken}") from broken
        finally:
            self._close()
        return self

    def _plan(self) -> None:
        rng, world = self.rng, self.world
        self.network.set_conditions(None, None, random_conditions(rng))
        addresses = [("server", PORT), *((home.computer.name, 40_001) for home in self.homes)]
        schedule(world, random_events(rng, self.duration_s, addresses[1:]))
        for home in self.homes:
            world.at(world.now + rng.uniform(0.0, 2.0), home.start_again)
        if self.stranger is not None:
            self.stranger.process.at(rng.uniform(0.0, self.duration_s), self.stranger.call)
        for _ in range(int(log_uniform(rng, 8.0, 150.0))):
            world.at(world.now + rng.uniform(0.0, self.duration_s), self.story.next)
        for _ in range(rng.choice([0, 1, 1, 2, 4])):
            world.at(world.now + rng.uniform(0.0, self.duration_s), self.story.crash_server)
        if rng.random() < 0.2:
            world.at(world.now + rng.uniform(0.0, self.duration_s), self.story.fill_disk)

    def _clear_up(self) -> None:
        self.network.heal()
        self.network.set_conditions(None, None, _CALM)
        if self.stranger is not None:
            self.stranger.process.die()
        self.server.process.pardon()
        if self.server.is_stopping:
            self.server.process.die()
        self.server.start_again()
        self.server.store.is_full = False
        for home in self.homes:
            for program in home.programs:
                program.process.pardon()
                program.process.delay_s = 0.0
                program.is_disk_full = False
        self.world.run_for(_LAST_WORDS_S)
        for home in self.homes:
            home.start_again()

    # ---- the end ----

    def _is_settled(self) -> bool:
        """Asked after every step, and looked into four times a second."""
        if self.world.now < self._next_look:
            return False
        self._next_look = self.world.now + 0.25
        return not self._unsettled()

    def _unsettled(self) -> list[str]:
        truth = self.server.truth()
        admitted = [home for home in self.homes if home.is_admitted(truth)]
        there = {home.person for home in admitted}
        found = []
        for home in admitted:
            for program in home.programs:
                found += unfinished(home, program)
                found += disagreements(home, program, truth, there)
            for where in (where for where, names in truth.readers.items() if home.person in names):
                head = len(self.place.ledger.logs[where])
                delivered = truth.delivered.get((home.computer.fingerprint, where), 0)
                if delivered != head:
                    found.append(f"the server knows {home.computer.name} to have {where} to {delivered} of {head}")
        return found

    def _check(self) -> None:
        unsettled = self._unsettled()
        if unsettled:
            raise PromiseBroken(f"{_CALM_LIMIT_S:.0f} s after the weather has cleared: {'; '.join(unsettled[:5])}")
        ledger = self.place.ledger
        self.server.auditor.audit_whole(self.server.store.engine)
        truth = self.server.truth()
        for home in self.homes:
            name = home.computer.name
            ledger.histories |= {(name, where): entries for where, entries in history(home).items()}
            ledger.queued |= left(home, MessageState.QUEUED)
            for text in left(home, MessageState.REFUSED):
                # Said again by a program that was killed over it, it is refused as before.
                ledger.typed[text].was_refused = True
            if not home.is_admitted(truth):
                ledger.blocked.add(name)
            else:
                ledger.current |= {(name, where) for where, names in truth.readers.items() if home.person in names}
        check(ledger)

    def _close(self) -> None:
        for home in self.homes:
            for program in home.programs:
                program.history.close()
        if self.server.is_up:
            self.server.store.engine.close()
        self.disk.remove()

    @property
    def figures(self) -> tuple[int, ...]:
        committed = sum(len(entries) for entries in self.place.ledger.logs.values())
        return committed, self.server.starts, sum(home.starts for home in self.homes)
