"""One run: a receiver and a sender of one contender over one network, from start to figures."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from certificate import Certificate
from child import Child, Line, child
from network import Network, WireCount
from workload import Workload

START_LIMIT_S = 20.0
RESULT_LIMIT_S = 10.0
AFTER_FAILURE_S = 1.0
"""What was on its way when the sender's link failed may still arrive."""

Purpose = Literal["latency", "bulk"]
Side = Literal["receiver", "sender"]


@dataclass(frozen=True, slots=True)
class RunResult:
    received: int
    out_of_order: int
    damaged: int
    elapsed_s: float
    """From `go` at the sender to the last message at the receiver."""
    sender_cpu_s: float
    receiver_cpu_s: float
    latency_ns: Sequence[int | None]
    wire: WireCount
    failure: str


async def run_pair(
    contender: str, purpose: Purpose, network: Network, workload: Workload, certificate: Certificate, grace_s: float
) -> RunResult:
    """Wait for what is late until `grace_s` after the end. Raises ChildFailed where the two never connected."""

    def arguments(side: Side, at: tuple[str, int]) -> list[str]:
        return endpoint_arguments(side, contender, purpose, at, workload, certificate)

    receiving = child("endpoint.py", arguments("receiver", network.listen_at), network.receiver_prefix)
    async with receiving as receiver:
        await receiver.expect("listening", START_LIMIT_S)
        sending = child("endpoint.py", arguments("sender", network.connect_to), network.sender_prefix)
        async with sending as sender:
            await sender.expect("connected", START_LIMIT_S)
            return await _measure(receiver, sender, network, workload.duration_s + grace_s)


def endpoint_arguments(
    side: Side, contender: str, purpose: Purpose, at: tuple[str, int], workload: Workload, certificate: Certificate
) -> list[str]:
    place = {"host": at[0], "port": at[1], "purpose": purpose}
    files = {"certificate": str(certificate.certificate), "key": str(certificate.key)}
    described = {"side": side, "contender": contender, "place": place, "workload": asdict(workload), **files}
    return [json.dumps(described)]


async def _measure(receiver: Child, sender: Child, network: Network, limit_s: float) -> RunResult:
    network.begin_loss()
    wire_before = await network.wire_count()
    sender.tell("go")
    failure, received = await _until_received(receiver, sender, limit_s)
    wire_after = await network.wire_count()
    sender.tell("stop")
    sent = await _sender_result(sender)
    return RunResult(
        received=received["received"],
        out_of_order=received["out_of_order"],
        damaged=received["damaged"],
        elapsed_s=(received["last_ns"] - sent["started_ns"]) / 1e9,
        sender_cpu_s=sent["cpu_s"],
        receiver_cpu_s=received["cpu_s"],
        latency_ns=received["latency_ns"],
        wire=wire_after.since(wire_before),
        failure=failure or sent["failure"],
    )


async def _until_received(receiver: Child, sender: Child, limit_s: float) -> tuple[str, Line]:
    """Wait for the receiver to have everything, for the sender to give up, or for the limit."""
    result = asyncio.ensure_future(receiver.expect("result", limit_s + RESULT_LIMIT_S))
    sent = asyncio.ensure_future(sender.expect("sent", limit_s))
    failure = ""
    try:
        async with asyncio.timeout(limit_s):
            await asyncio.wait((result, sent), return_when=asyncio.FIRST_COMPLETED)
            if sent.done() and sent.exception() is not None:
                failure = str(sent.exception())
                await asyncio.wait((result,), timeout=AFTER_FAILURE_S)
            else:
                await asyncio.wait((result,))
    except TimeoutError:
        pass
    if not result.done():
        receiver.tell("stop")
    sent.cancel()
    await asyncio.gather(sent, return_exceptions=True)
    return failure, await result


async def _sender_result(sender: Child) -> Line:
    """Its word that all is sent may still stand in front."""
    while (line := await sender.next_line(RESULT_LIMIT_S))["event"] != "result":
        pass
    return line
