"""Part (d): what a link costs a server in memory while nothing happens on it."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass

from child import ChildFailed
from linkpeers import link_peers
from linkserver import Server, link_server
from section import Options, Section, table

NAME = "idle"
LINKS = 2_000
QUICK_LINKS = 200
SOCKETS = 200
QUIET_S = 2.0
"""Every acknowledgement has come by then."""
HEARD_LIMIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Memory:
    empty_bytes: int
    connected_bytes: int
    spoken_bytes: int
    links: int

    def per_link(self, with_links_bytes: int) -> float:
        return (with_links_bytes - self.empty_bytes) / self.links


async def measure(options: Options) -> Section:
    links = QUICK_LINKS if options.quick else LINKS
    try:
        memory = await _measure(links)
    except ChildFailed as failure:
        tables, figures = [f"failed: {failure}"], {"failure": str(failure)}
    else:
        tables, figures = [_table(memory)], asdict(memory)
    return Section(
        name=NAME,
        title="Memory of an idle link",
        setting=(
            f"A server accepts {links:,} links over loopback from {SOCKETS} sockets of another process, 32 handshakes "
            "at a time. Resident memory of the server's process before the first, when all are confirmed and quiet "
            "(each link has its keys, timers, and connection object; OpenSSL's objects are let go), and after one "
            "message to each and one back. What the first handshakes load once is in the figure; Python's garbage "
            "collector has run, and nothing is given back to the system by hand."
        ),
        tables=tables,
        figures=figures,
    )


async def _measure(links: int) -> Memory:
    async with link_server() as server:
        empty = await server.report()
        async with link_peers(server.port, links, sockets=SOCKETS, answers=True) as peers:
            connected = await _settled(server, links)
            server.speak()
            await peers.expect("heard", HEARD_LIMIT_S)
            spoken = await _settled(server, links)
    return Memory(empty["resident_bytes"], connected["resident_bytes"], spoken["resident_bytes"], links=links)


async def _settled(server: Server, links: int) -> dict[str, int]:
    await asyncio.sleep(QUIET_S)
    report = await server.report()
    if report["links"] != links or report["unconfirmed"]:
        raise ChildFailed(f"{report['links']} of {links} links, {report['unconfirmed']} of them not confirmed")
    return report


def _table(memory: Memory) -> str:
    rows = [
        ["the server alone", f"{memory.empty_bytes / 1e6:.1f}", ""],
        *(
            [name, f"{size / 1e6:.1f}", f"{memory.per_link(size) / 1e3:.1f}"]
            for name, size in (
                (f"{memory.links:,} links, confirmed and quiet", memory.connected_bytes),
                ("after a message each way on every one", memory.spoken_bytes),
            )
        ),
    ]
    return table(["", "resident MB", "kB a link"], rows)
