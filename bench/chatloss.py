"""How soon a message said in a room is with the others, while the network between them and the server loses packets."""

from __future__ import annotations

import tempfile
from pathlib import Path

from chatcrowd import gathered
from chatservers import SERVERS, ChatServer, Place, load_server
from child import ChildFailed
from impairment import Impairment
from network import ip_network, why_no_ip_network
from section import Options, Section, table

NAME = "chatloss"
MEMBERS = 10
INTERVAL_S = 0.05
SECONDS = 20.0
QUICK_SECONDS = 4.0
DELAY_S = 0.01
RUN_LIMIT_S = 90.0
CONDITIONS = {
    "no loss": Impairment(DELAY_S),
    "1 %": Impairment(DELAY_S, 0.01),
    "5 %": Impairment(DELAY_S, 0.05),
    "10 %": Impairment(DELAY_S, 0.10),
}
QUICK_CONDITIONS = ("no loss", "5 %")

Latencies = dict[str, float]


async def measure(options: Options) -> Section:
    conditions = QUICK_CONDITIONS if options.quick else tuple(CONDITIONS)
    seconds = QUICK_SECONDS if options.quick else SECONDS
    results = {
        load_server(name).TITLE: {
            title: await _latencies(load_server(name), CONDITIONS[title], seconds, options.seed) for title in conditions
        }
        for name in SERVERS
    }
    rows = [[title, *map(_text, cells.values())] for title, cells in results.items()]
    return Section(
        name=NAME,
        title="Chat: delivery latency under loss",
        setting=(
            f"{MEMBERS} members of a room in one network namespace, the server in another, {DELAY_S * 2e3:.0f} ms "
            f"round trip between them. One member says 200-byte messages, {1 / INTERVAL_S:.0f} a second for "
            f"{seconds:g} s. The given share of packets is lost each way, acknowledgements too. A message crosses the "
            "bad network twice: to the server, and to each of the others. Time counts from handing it to the speaker's "
            "link to the listener's callback, and holds the server's commit to the disk where it makes one."
        ),
        tables=(table(["ms: p50 / p99 / max", *conditions], rows),),
        figures=results,
    )


async def _latencies(server: ChatServer, impairment: Impairment, seconds: float, seed: int) -> Latencies | str:
    """The figures, or why there are none."""
    if missing := server.why_not() or why_no_ip_network():
        return missing
    try:
        with tempfile.TemporaryDirectory() as folder:
            async with ip_network(impairment, seed) as way:
                place = Place(*way.listen_at, way.receiver_prefix)
                with server.serving(Path(folder), MEMBERS, place) as serving:
                    async with gathered(server, serving, MEMBERS, folder, way.sender_prefix) as crowd:
                        way.begin_loss()
                        crowd.tell(f"pace {INTERVAL_S} {seconds}")
                        return await crowd.expect("ran", RUN_LIMIT_S)
    except (ChildFailed, OSError) as failure:
        return f"failed: {failure}"


def _text(cell: Latencies | str) -> str:
    return cell if isinstance(cell, str) else f"{cell['p50_ms']:.1f} / {cell['p99_ms']:.1f} / {cell['max_ms']:.0f}"
