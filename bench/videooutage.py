"""A bad moment, and loss from the first packet on, between real processes: a sender and a receiver with the proxy in
between. What the same comes to in virtual time is beside it in `videorecovery`.
"""

from __future__ import annotations

import asyncio

from child import ChildFailed, child
from impairment import Impairment
from network import udp_network

TOP_LINES = 720
DELAY_S = 0.010
BEGUN_S = 4.0
WATCHED_S = 10.0
SHOWN_S = 12.0
LIMIT_S = 30.0
_FREEZE_S = 0.35
MOMENTS: dict[str, tuple[str, float, str]] = {
    "outage of 0.1 s": ("cut", 0.1, "mend"),
    "outage of 0.5 s": ("cut", 0.5, "mend"),
    "outage of 2 s": ("cut", 2.0, "mend"),
    "outage of 6 s": ("cut", 6.0, "mend"),
    "outage of 60 s": ("cut", 60.0, "mend"),
    "0.3 Mbit/s for 1 s": ("rate=0.3", 1.0, "rate=0"),
    "0.3 Mbit/s for 20 s": ("rate=0.3", 20.0, "rate=0"),
    "from 10 ms to 100 ± 40 ms": ("delay=60+80", 0.0, "delay=60+80"),
}
"""What the proxy is told, for how long, and what then."""


async def back_after(case: str, codec: str, seed: int) -> float | str:
    """Seconds of a good link until the full size is there and stays; the whole time that was watched is not at all."""
    bad, bad_s, good = MOMENTS[case]
    seconds = BEGUN_S + bad_s + WATCHED_S
    try:
        async with udp_network(Impairment(delay_s=DELAY_S), seed) as network:
            assert network.proxy is not None
            arguments = [f"ladder-{codec}", "--port", str(network.listen_at[1]), "--seconds", str(seconds)]
            async with child("videosender.py", [*arguments, "--top", str(TOP_LINES)]) as sending:
                await sending.expect("ready", LIMIT_S)
                async with child("videoreceiver.py", ["ladder", "--port", str(network.connect_to[1])]) as receiving:
                    await receiving.expect("ready", LIMIT_S)
                    sending.tell("begin")
                    await asyncio.sleep(BEGUN_S)
                    network.proxy.tell(bad)
                    await asyncio.sleep(bad_s)
                    network.proxy.tell(good)
                    good_at = asyncio.get_running_loop().time() * 1e6
                    await sending.expect("sent", WATCHED_S + LIMIT_S)
                    receiving.tell("end")
                    return _back((await receiving.expect("received", LIMIT_S))["rungs"], good_at)
    except ChildFailed as failed:
        return f"failed: {failed}"


def _back(rungs: list[tuple[int, int]], good_at: float) -> float:
    top = max(rung for _, rung in rungs)
    last = previous = good_at
    for at, rung in rungs:
        if at < good_at:
            continue
        if rung != top or at - previous > _FREEZE_S * 1e6:
            last = at
        previous = at
    is_there = previous > good_at + (WATCHED_S - 1.5) * 1e6
    return (last - good_at) / 1e6 if is_there else WATCHED_S


async def shown(latency_s: float, loss: float, codec: str, seed: int) -> float | str:
    """The share of the pictures that were captured, but for those of the first half second."""
    try:
        async with udp_network(Impairment(delay_s=latency_s, loss=loss), seed) as network:
            network.begin_loss()
            arguments = [f"ladder-{codec}", "--port", str(network.listen_at[1]), "--seconds", str(SHOWN_S)]
            lines = ["--least", str(TOP_LINES), "--top", str(TOP_LINES)]
            async with child("videosender.py", [*arguments, *lines]) as sending:
                await sending.expect("ready", LIMIT_S)
                async with child("videoreceiver.py", ["ladder", "--port", str(network.connect_to[1])]) as receiving:
                    await receiving.expect("ready", LIMIT_S)
                    sending.tell("begin")
                    captured = list((await sending.expect("sent", SHOWN_S + LIMIT_S))["captured"].values())[15:-6]
                    receiving.tell("end")
                    arrived = set((await receiving.expect("received", LIMIT_S))["captured"])
                    return sum((at & 0xFFFFFFFF) in arrived for at in captured) / len(captured)
    except ChildFailed as failed:
        return f"failed: {failed}"
