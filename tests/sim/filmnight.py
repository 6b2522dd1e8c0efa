"""A film played over a whole link in the simulated world: the machines of the player, of the link at both ends, and the
seeded network, whose rate follows a trace. The server is a few lines that answer each request with its bytes.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence
from typing import Any

from lanline.model.films import FilmPlan, FilmQuality, PartInfo
from lanline.proto.channels import Channel
from lanline.proto.events import LinkEstablished, MessageReceived
from lanline.proto.films.playing import Playing, State
from lanline.proto.link.endpoint import Endpoint
from lanline.proto.link.link import Link
from lanline.testing.conditions import BernoulliLoss, Conditions
from lanline.testing.network import SimNetwork
from lanline.testing.trace import Address
from lanline.testing.world import SimWorld
from sim.exchange import SeededExchanges

VIEWER: Address = ("viewer", 5000)
SERVER: Address = ("server", 6000)
KBIT = {240: 420, 720: 2_090, 1440: 6_110}
"""With sound and the boxes of MP4: those of `bench/films.py`."""
PART_S, STEP_S = 2.0, 0.005
_HEAD = struct.Struct(">IIi")
WORD, PIECE = b"w", b"p"


def film(seconds: float = 48.0, seed: int = 1) -> FilmPlan:
    chance = random.Random(f"film {seed}")
    shares = [chance.uniform(0.9, 1.1) for _ in range(round(seconds / PART_S))]
    return FilmPlan("film", "v", tuple(FilmQuality(lines, b"", _parts(kbit, shares)) for lines, kbit in KBIT.items()))


def _parts(kbit: int, shares: Sequence[float]) -> tuple[PartInfo, ...]:
    return tuple(
        PartInfo(number * PART_S, (number + 1) * PART_S, int(kbit * 125 * PART_S * share), True)
        for number, share in enumerate(shares)
    )


class _End:
    """What both nodes have: an endpoint, which the world turns."""

    def __init__(self, chance: random.Random, *, accepts: bool) -> None:
        self.endpoint = Endpoint(
            exchanges=SeededExchanges(chance), reset_key=chance.randbytes(32), entropy=chance.randbytes, accepts=accepts
        )

    def receive_datagram(self, data: bytes, address: Address, now: float) -> None:
        self.endpoint.receive_datagram(data, address, now)

    def handle_timer(self, now: float) -> None:
        self.endpoint.handle_timer(now)

    def datagrams_to_send(self, now: float) -> list[tuple[bytes, Address]]:
        return [(data, address) for address, datagrams in self.endpoint.datagrams_to_send(now) for data in datagrams]

    def next_event(self) -> Any:
        return self.endpoint.next_event()

    def next_deadline(self) -> float | None:
        return self.endpoint.next_deadline()


class ServerNode(_End):
    def on_event(self, told: tuple[Link, Any], _now: float) -> None:
        link, event = told
        if not isinstance(event, MessageReceived):
            return
        link.release(event.channel, len(event.payload))
        if event.payload[:1] == WORD:
            link.send_message(Channel.CHAT, event.payload)
        else:
            number, size, _ = _HEAD.unpack_from(event.payload, 1)
            link.send_message(Channel.BULK, struct.pack(">I", number) + bytes(size))


class ViewerNode(_End):
    """Shows nothing, at the pace of the film, and says a word now and then."""

    def __init__(self, chance: random.Random, playing: Playing, word_every_s: float = 0.05) -> None:
        super().__init__(chance, accepts=False)
        self.playing = playing
        self.started_s: float | None = None
        self.shown: list[tuple[float, int]] = []
        """How long each quality was on the screen, one after the other."""
        self.waited_s: list[float] = []
        """Of each word, until its answer was there."""
        self.got_bytes = 0
        self._link: Link | None = None
        self._asked_at: float | None = None
        self._before = self._step_at = 0.0
        self._word_every_s, self._word_at = word_every_s, 0.0
        self._words: dict[bytes, float] = {}
        self._parts: list[tuple[float, int]] = []

    def call(self, now: float) -> None:
        self.endpoint.connect(SERVER, now)

    def on_event(self, told: tuple[Link, Any], now: float) -> None:
        link, event = told
        if isinstance(event, LinkEstablished):
            self._link = link
            self._asked_at = self._before = now
        if isinstance(event, MessageReceived):
            link.release(event.channel, len(event.payload))
            if event.channel is Channel.CHAT:
                self.waited_s.append(now - self._words.pop(event.payload))
            else:
                (number,) = struct.unpack_from(">I", event.payload)
                self.got_bytes += len(event.payload) - 4
                self.playing.receive(number, event.payload[4:], now, link.queueing_s)
                self._pump(now)

    def _pump(self, now: float) -> None:
        assert self._link is not None
        while (request := self.playing.next_request(now)) is not None:
            self._link.send_message(Channel.CHAT, PIECE + _HEAD.pack(request.number, request.size, 0))

    def handle_timer(self, now: float) -> None:
        super().handle_timer(now)
        if self._link is None or self._asked_at is None or now < self._step_at:
            return
        self._step_at = now + STEP_S
        if now >= self._word_at:
            self._say_word(now)
        if now >= self._asked_at + 0.05:  # the film was opened meanwhile
            self._pump(now)
        self._show(now)

    def _say_word(self, now: float) -> None:
        assert self._link is not None
        self._word_at = now + self._word_every_s
        word = WORD + struct.pack(">d", now) + bytes(40)
        self._words[word] = now
        self._link.send_message(Channel.CHAT, word)

    def _show(self, now: float) -> None:
        playing, passed_s = self.playing, now - self._before
        self._before = now
        while (part := playing.take_part()) is not None:
            self._parts.append((part.from_s, part.lines))
        if not playing.may_run:
            return
        if self.started_s is None:
            assert self._asked_at is not None
            self.started_s = now - self._asked_at
        position_s = min(playing.position_s + passed_s, playing.here_to_s)
        while self._parts and self._parts[0][0] <= position_s + 1e-6:
            lines = self._parts.pop(0)[1]
            if not self.shown or self.shown[-1][1] != lines:
                self.shown.append((0.0, lines))
        lasted_s, lines = self.shown[-1]
        self.shown[-1] = lasted_s + position_s - playing.position_s, lines
        playing.advance(position_s, now)

    def next_deadline(self) -> float | None:
        deadline = super().next_deadline()
        if self._link is None:
            return deadline
        return self._step_at if deadline is None else min(deadline, self._step_at)

    @property
    def mean_lines(self) -> float:
        """Over the whole time since it was asked for: waiting counts as none."""
        assert self.started_s is not None
        total_s = sum(lasted_s for lasted_s, _ in self.shown) + self.playing.stalled_s + self.started_s
        return sum(lasted_s * lines for lasted_s, lines in self.shown) / total_s

    @property
    def changes(self) -> int:
        return len(self.shown) - 1


class FilmNight:
    """`steps`: from when on how many Mbit/s."""

    def __init__(
        self,
        seed: int,
        mbit: float = 8.0,
        steps: Sequence[tuple[float, float]] = (),
        *,
        loss: float = 0.0,
        delay_s: float = 0.02,
        seconds: float = 48.0,
        lines: int | None = None,
    ) -> None:
        chance = random.Random(f"film night {seed}")
        self._seconds = seconds
        self._loss, self._delay_s = loss, delay_s
        self.network = SimNetwork(seed, self._conditions(mbit))
        self.world = SimWorld(self.network)
        self.server = ServerNode(chance, accepts=True)
        self.viewer = ViewerNode(chance, Playing(film(seconds, seed), 0.0, lines))
        self.world.add("server", self.server, SERVER, self.server.on_event)
        self.world.add("viewer", self.viewer, VIEWER, self.viewer.on_event)
        self.world.at(0.0, lambda: self.viewer.call(0.0))
        for at_s, rate in steps:
            self.world.at(at_s + 0.3, lambda rate=rate: self.network.set_conditions(None, None, self._conditions(rate)))  # type: ignore[misc]

    def _conditions(self, mbit: float) -> Conditions:
        return Conditions(
            latency_s=self._delay_s,
            loss=BernoulliLoss(self._loss),
            rate_bytes_per_s=mbit * 125_000,
            queue_bytes=64 * 1024,
            mtu_bytes=1_472,
        )

    def run(self, limit_s: float | None = None) -> ViewerNode:
        viewer = self.viewer
        self.world.run_until(lambda: viewer.playing.state is State.ENDED, limit_s or 4 * self._seconds)
        return viewer
