"""A program of the client on somebody's device, and what it needs of the world around it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from lanline.client.chat.history import History
from lanline.client.chat.node import ChatNode
from lanline.client.view.values import Message
from lanline.testing.world import SimWorld
from sim.system.connector import SimConnector
from sim.system.disk import Disk
from sim.system.ledger import Ledger, Marks, Stands
from sim.system.machine import ServerMachine
from sim.system.process import SimProcess


@dataclass(slots=True)
class Place:
    """What a home needs of the world around it."""

    world: SimWorld
    server: ServerMachine
    disk: Disk
    rng: random.Random

    @property
    def ledger(self) -> Ledger:
        return self.server.ledger

    def where(self, log: int) -> str:
        return self.server.auditor.wheres[log]

    def log(self, log: int) -> list[Stands]:
        """As it stands on the server's disk."""
        return self.ledger.logs[self.where(log)]

    def stands(self, message: Message) -> Stands:
        return Stands(message.sequence, self.server.auditor.names[message.account], text_of(message))


@dataclass(slots=True, eq=False)
class Program:
    process: SimProcess
    history: History
    node: ChatNode
    connector: SimConnector
    reported: dict[int, int] = field(default_factory=dict)
    """By log, the last sequence number that it was told of."""
    unanswered: int = 0
    is_disk_full: bool = False
    marks: Marks = field(default_factory=Marks)


def text_of(message: Message) -> str:
    return getattr(message.content, "text", "")
