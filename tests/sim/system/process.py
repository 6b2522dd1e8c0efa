"""A process of the simulation: its place in the network, its clock, its life, and the moments when it can be killed.

All that happens in a process goes through `run`. One that is to die does so at one of its next steps: before it, after
it, or in it, around a commit. What it had in memory is gone, its timers never ring, and only its folder stays.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from lanline.clock import Timer
from lanline.proto.link.endpoint import Endpoint
from lanline.proto.link.handshake import KeyExchanges
from lanline.proto.link.profile import LinkProfile
from lanline.testing.clock import HandTimer
from lanline.testing.trace import Address
from lanline.testing.world import SimNode, SimWorld
from lanline.transport.connection import AcceptHandler
from sim.scenario import FlatEndpoint
from sim.system.links import SimHost

START_MS = 1_750_000_000_000


class Crash(BaseException):
    """From the midst of a step."""

    def __init__(self, death: Death) -> None:
        super().__init__(death)
        self.death = death


class Death(Enum):
    BEFORE_STEP = auto()
    AFTER_STEP = auto()
    """And before anything that the step wanted to send has left."""
    BEFORE_COMMIT = auto()
    WHILE_WRITING = auto()
    """Any part of the commit may be on the disk."""
    AFTER_COMMIT = auto()
    """And nobody was told."""


@dataclass(frozen=True, slots=True)
class Computer:
    """What outlives the process: the machine's name, its key, and the settings of its links."""

    name: str
    exchanges: KeyExchanges
    fingerprint: bytes
    reset_key: bytes
    profile: LinkProfile


class SimClock:
    """`Clock` of one process. `jump_ms` is what the wall clock was set forward, or back."""

    def __init__(self, process: SimProcess) -> None:
        self._process = process
        self.jump_ms = 0

    def now(self) -> float:
        return self._process.world.now

    def now_ms(self) -> int:
        return START_MS + int(self._process.world.now * 1000) + self.jump_ms

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        timer = HandTimer(callback)
        self._process.at(delay_s, timer.ring)
        return timer


class SimProcess:
    def __init__(
        self,
        world: SimWorld,
        computer: Computer,
        port: int,
        rng: random.Random,
        on_accept: AcceptHandler | None = None,
    ) -> None:
        self.world = world
        self.computer = computer
        self.rng = rng
        self.is_alive = True
        self.clock = SimClock(self)
        self._doom: Death | None = None
        self._steps_to_doom = 0
        self.on_death: list[Callable[[Death], object]] = []
        self.delay_s = 0.0
        """What the process takes for each message that it reads. Not 0: a slow reader."""
        endpoint = Endpoint(
            exchanges=computer.exchanges,
            reset_key=computer.reset_key,
            entropy=rng.randbytes,
            profile=computer.profile,
            accepts=on_accept is not None,
        )
        self.host = SimHost(endpoint, self, on_accept)
        self.node: SimNode = world.add(computer.name, FlatEndpoint(endpoint), (computer.name, port))
        self.node.on_event = lambda item, now: self.run(lambda: self.host.handle_event(item))

    @property
    def address(self) -> Address:
        return self.node.address

    def run(self, work: Callable[[], object]) -> None:
        """One step. What it hands to the link leaves afterwards, unless the process dies first."""
        if not self.is_alive:
            return
        self._steps_to_doom -= 1
        if self.is_due(Death.BEFORE_STEP):
            self.die(Death.BEFORE_STEP)
            return
        try:
            work()
        except Crash as crash:
            self.die(crash.death)
        if self.is_due(Death.AFTER_STEP):
            self.die(Death.AFTER_STEP)

    def is_due(self, death: Death) -> bool:
        return self._doom is death and self._steps_to_doom < 0

    def condemn(self, death: Death, steps: int = 0) -> None:
        """To die at one of its next steps."""
        self._doom = death
        self._steps_to_doom = steps

    def pardon(self) -> None:
        self._doom = None

    def die(self, death: Death = Death.BEFORE_STEP) -> None:
        if not self.is_alive:
            return
        self.is_alive = False
        self.world.remove(self.node)
        for callback in self.on_death:
            callback(death)

    def at(self, delay_s: float, work: Callable[[], object]) -> None:
        """Do this here, later; not when the process has died by then."""
        self.world.at(self.world.now + max(0.0, delay_s), lambda: self.run(work), self.node)
