"""What a bad network does to messages, in virtual time: writes the tables of docs/reliability.md.

Two real endpoints over the seeded network of lanline.testing. No socket is opened and nobody waits, so the figures
are the same on every machine: `python bench/reliability.py` prints them, `--write` puts them into the page.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from lanline.errors import LinkNotOpen
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, LinkEstablished, LinkEvent, MessageReceived, MessagesDelivered
from lanline.proto.link.endpoint import Endpoint
from lanline.proto.link.link import Address, Link
from lanline.proto.link.profile import LinkProfile
from lanline.testing.conditions import BernoulliLoss, Conditions, GilbertElliottLoss
from lanline.testing.network import SimNetwork
from lanline.testing.world import SimWorld
from section import percentile, table
from sim.exchange import SeededExchanges
from sim.scenario import FlatEndpoint

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reliability.md"
MESSAGE_BYTES = 200
NUMBER_BYTES = 8
DURATION_S = 60.0
LATENCY_S = 0.010
IP_AND_UDP_BYTES = 28
GRACE_S = 900.0
SENDER: Address = ("sender", 40000)
RECEIVER: Address = ("receiver", 5265)
PARTITION_AT_S = 10.0
PARTITIONS_S = (2.0, 20.0, 60.0)

Loss = BernoulliLoss | GilbertElliottLoss
LOSSES: dict[str, Loss | None] = {
    "none": None,
    "1 %": BernoulliLoss(0.01),
    "2 %": BernoulliLoss(0.02),
    "5 %": BernoulliLoss(0.05),
    "5 % in bursts of 4": GilbertElliottLoss.from_mean(0.05, 4.0),
    "10 %": BernoulliLoss(0.10),
    "20 %": BernoulliLoss(0.20),
    "30 %": BernoulliLoss(0.30),
}


@dataclass(frozen=True, slots=True)
class Setting:
    title: str
    profile: LinkProfile
    interval_s: float = 0.010


SETTINGS = (
    Setting("default", LinkProfile()),
    Setting("default without repeats", LinkProfile(repeats_on_lossy_links=False)),
    Setting("stop-and-wait", LinkProfile.stop_and_wait()),
    Setting("stop-and-wait, 1 message a second", LinkProfile.stop_and_wait(), 1.0),
)
PARTITION_SETTINGS = (
    Setting("default", LinkProfile()),
    Setting("default, `dead_after_s=90`", LinkProfile(dead_after_s=90.0)),
    Setting("stop-and-wait", LinkProfile.stop_and_wait()),
)


class CountingEndpoint(FlatEndpoint):
    """As the world wants an endpoint; counts what it puts on the wire, with IP and UDP headers."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self.packets = 0
        self.size_bytes = 0

    def datagrams_to_send(self, now: float) -> list[tuple[bytes, Address]]:
        datagrams = list(super().datagrams_to_send(now))
        self.packets += len(datagrams)
        self.size_bytes += sum(len(datagram) + IP_AND_UDP_BYTES for datagram, _ in datagrams)
        return datagrams


class Run:
    """One sender, one receiver, one link. The network is quiet until the link stands, and then as bad as asked for."""

    def __init__(self, setting: Setting, seed: int) -> None:
        self.setting = setting
        self.network = SimNetwork(seed, Conditions(latency_s=LATENCY_S))
        self.world = SimWorld(self.network)
        self.due: list[float] = []
        self.arrived: list[float] = []
        self.refused = 0
        self.delivered = 0
        self.closed_at: float | None = None
        entropy = random.Random(f"reliability {seed}")
        self._ends = [self._endpoint(entropy), self._endpoint(entropy)]
        for name, end, address in zip(("sender", "receiver"), self._ends, (SENDER, RECEIVER), strict=True):
            self.world.add(name, end, address, self._on_sender if name == "sender" else self._on_receiver)
        self._link = self._ends[0].endpoint.connect(RECEIVER, self.world.now)
        self.world.run_until(lambda: self._link.is_confirmed, GRACE_S)
        self.world.run_for(1.0)
        self._counted = self._wire()
        self.started_at = self.world.now

    def _endpoint(self, entropy: random.Random) -> CountingEndpoint:
        endpoint = Endpoint(
            exchanges=SeededExchanges(entropy),
            reset_key=entropy.randbytes(32),
            entropy=entropy.randbytes,
            profile=self.setting.profile,
        )
        return CountingEndpoint(endpoint)

    def _wire(self) -> tuple[int, int]:
        return sum(end.packets for end in self._ends), sum(end.size_bytes for end in self._ends)

    def _on_sender(self, item: tuple[Link, LinkEvent], now: float) -> None:
        match item[1]:
            case MessagesDelivered(_, through):
                self.delivered = through
            case LinkClosed():
                self.closed_at = now
            case _:
                pass

    def _on_receiver(self, item: tuple[Link, LinkEvent], now: float) -> None:
        link, event = item
        match event:
            case MessageReceived(channel, payload):
                number = int.from_bytes(payload[:NUMBER_BYTES], "big")
                assert number == len(self.arrived), "a reliable channel is in order and without doubles"
                self.arrived.append(now)
                link.release(channel, len(payload))
            case LinkEstablished() | LinkClosed() | _:
                pass

    def send_for(self, duration_s: float) -> None:
        """A message at every interval; then wait until everything has arrived or the link is given up."""
        count = round(duration_s / self.setting.interval_s)
        for number in range(count):
            self.world.at(self.started_at + number * self.setting.interval_s, self._send)
        self.world.run_for(duration_s)
        self.world.run_until(lambda: self.closed_at is not None or self._link.is_all_delivered, GRACE_S)

    def _send(self) -> None:
        payload = len(self.due).to_bytes(NUMBER_BYTES, "big").ljust(MESSAGE_BYTES, b".")
        try:
            self._link.send_message(Channel.CHAT, payload)
        except LinkNotOpen:
            self.refused += 1
        else:
            self.due.append(self.world.now)

    @property
    def latencies_ms(self) -> list[float]:
        return [1e3 * (arrived - due) for due, arrived in zip(self.due, self.arrived, strict=False)]

    def wire_since_start(self) -> tuple[int, int]:
        packets, size_bytes = self._wire()
        return packets - self._counted[0], size_bytes - self._counted[1]


def loss_row(setting: Setting, name: str, loss: Loss | None, seed: int) -> list[str]:
    run = Run(setting, seed)
    run.network.set_conditions(None, None, Conditions(latency_s=LATENCY_S, loss=loss))
    run.send_for(DURATION_S)
    ordered = sorted(run.latencies_ms)
    packets, size_bytes = run.wire_since_start()
    wanted = len(run.due) + run.refused
    outcome = "all" if len(run.arrived) == wanted else f"{len(run.arrived)} of {wanted}"
    if run.closed_at is not None:
        outcome += f"; given up after {run.closed_at - run.started_at:.1f} s"
    spread = " / ".join(_ms(percentile(ordered, share)) for share in (0.50, 0.99, 1.0))
    return [
        setting.title,
        name,
        spread,
        f"{packets / len(ordered):.2f}",
        f"{size_bytes / len(ordered):.0f}",
        outcome,
    ]


def _ms(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def partition_row(setting: Setting, length_s: float, seed: int) -> list[str]:
    run = Run(setting, seed)
    cut_at = run.started_at + PARTITION_AT_S
    healed_at = cut_at + length_s
    run.network.partition(cut_at, healed_at)
    run.send_for(PARTITION_AT_S + length_s + PARTITION_AT_S)
    after = [arrived for arrived in run.arrived if arrived >= healed_at]
    if run.closed_at is not None:
        learned = f"after {run.closed_at - cut_at:.1f} s: UNREACHABLE"
    else:
        learned = "never; the link goes on"
    # Caught up: from here on a message is again no later than two round trips.
    late = [at for due, at in zip(run.due, run.arrived, strict=False) if at >= healed_at and at - due > 4 * LATENCY_S]
    return [
        setting.title,
        f"{length_s:g} s",
        learned,
        f"{1e3 * (after[0] - healed_at):.0f} ms" if after else "nothing comes",
        f"{1e3 * (late[-1] - healed_at):.0f} ms" if late else "",
        str(len(run.due)),
        str(len(run.arrived)),
        str(run.delivered),
        str(run.refused),
    ]


def loss_table(seed: int) -> str:
    header = ["setting", "loss", "p50 / p99 / max, ms", "datagrams a message", "bytes a message", "arrived"]
    rows = [loss_row(setting, name, loss, seed) for setting in SETTINGS for name, loss in LOSSES.items()]
    return table(header, rows)


def partition_table(seed: int) -> str:
    header = [
        "setting",
        "cut for",
        "the sender learns",
        "first after healing",
        "caught up",
        "accepted",
        "arrived",
        "reported delivered",
        "refused",
    ]
    rows = [partition_row(setting, length, seed) for setting in PARTITION_SETTINGS for length in PARTITIONS_S]
    return table(header, rows)


def replaced(page: str, name: str, text: str) -> str:
    begin, end = f"<!-- {name}: written by bench/reliability.py -->", f"<!-- {name}: end -->"
    before, _, rest = page.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"the page has no place for {name!r}")
    return f"{before}{begin}\n\n{text}\n\n{end}{after}"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Print the tables of docs/reliability.md")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="put them into the page")
    options = parser.parse_args(argv)
    for name, text in (("loss", loss_table(options.seed)), ("partition", partition_table(options.seed))):
        print(text, end="\n\n", flush=True)
        if options.write:
            page = PAGE.read_text(encoding="utf-8")
            PAGE.write_text(replaced(page, name, text), encoding="utf-8")


if __name__ == "__main__":
    main()
