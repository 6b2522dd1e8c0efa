"""Part (e): how many full handshakes a server on one core completes in a second.

As a script it is the other side: it opens links and closes them again, as fast as they come, for as long as it is told.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass

import uvloop

from child import ChildFailed, Line, child
from lanline.crypto.identity import Identity
from lanline.transport.linkhost import LinkHost
from lanline.transport.udp import UdpSocket
from linkserver import link_server
from parent import commands, say
from process import cpu_s, pin_to
from section import Options, Section, table

NAME = "handshakes"
SECONDS = 5.0
QUICK_SECONDS = 1.0
WARM_UP_S = 0.5
AT_ONCE = 16
SERVER_CORE = 0
CALLER_LIMIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Rate:
    a_second: float
    server_cpu_ms: float
    caller_cpu_ms: float

    @property
    def a_second_of_core(self) -> float:
        return 1e3 / self.server_cpu_ms


async def measure(options: Options) -> Section:
    seconds = QUICK_SECONDS if options.quick else SECONDS
    try:
        rate = await _measure(seconds)
    except ChildFailed as failure:
        tables, figures = [f"failed: {failure}"], {"failure": str(failure)}
    else:
        tables, figures = [_table(rate)], {**asdict(rate), "a_second_of_core": rate.a_second_of_core}
    return Section(
        name=NAME,
        title="Handshakes",
        setting=(
            f"Full handshakes over loopback for {seconds:g} s, {AT_ONCE} at a time: proof of the address, DTLS with a "
            "certificate on both sides, keys of the link, and the close, which is in the figures too. The server's "
            "process is bound to one core and the caller's to another. CPU is user and system time for one handshake."
        ),
        tables=tables,
        figures=figures,
    )


async def _measure(seconds: float) -> Rate:
    async with link_server(core=SERVER_CORE) as server:
        await _call(server.port, WARM_UP_S)
        before = await server.report()
        called = await _call(server.port, seconds)
        after = await server.report()
    accepted = after["accepted"] - before["accepted"]
    if accepted != called["handshakes"]:
        raise ChildFailed(f"{called['handshakes']} links were opened and {accepted} accepted")
    return Rate(
        a_second=accepted / called["elapsed_s"],
        server_cpu_ms=(after["cpu_s"] - before["cpu_s"]) * 1e3 / accepted,
        caller_cpu_ms=called["cpu_s"] * 1e3 / accepted,
    )


async def _call(port: int, seconds: float) -> Line:
    async with child("handshakes.py", [json.dumps({"port": port, "seconds": seconds})]) as caller:
        return await caller.expect("result", seconds + CALLER_LIMIT_S)


def _table(rate: Rate) -> str:
    rows = [
        ["handshakes a second, measured", f"{rate.a_second:.0f}"],
        ["handshakes a second of the server's CPU", f"{rate.a_second_of_core:.0f}"],
        ["server CPU ms for one", f"{rate.server_cpu_ms:.2f}"],
        ["caller CPU ms for one", f"{rate.caller_cpu_ms:.2f}"],
        ["both, ms", f"{rate.server_cpu_ms + rate.caller_cpu_ms:.2f}"],
    ]
    return table(["", ""], rows)


async def _open_and_close(host: LinkHost, port: int, until: float) -> int:
    count = 0
    while time.monotonic() < until:
        connection = await host.connect(("127.0.0.1", port))
        connection.close()
        count += 1
    return count


async def _run(port: int, seconds: float) -> None:
    lines = await commands()
    identity = Identity.generate()
    hosts = [LinkHost(await UdpSocket.bind("127.0.0.1", 0), identity) for _ in range(AT_ONCE)]
    cpu_before_s, started = cpu_s(), time.monotonic()
    counts = await asyncio.gather(*(_open_and_close(host, port, started + seconds) for host in hosts))
    elapsed_s, used_s = time.monotonic() - started, cpu_s() - cpu_before_s
    say(event="result", handshakes=sum(counts), elapsed_s=elapsed_s, cpu_s=used_s)
    await lines.read()
    for host in hosts:
        host.close()


def main() -> None:
    pin_to(SERVER_CORE + 1)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(**json.loads(sys.argv[1])))


if __name__ == "__main__":
    main()
