"""What sending costs the publisher for each viewer and frame: python bench/videofanout.py --viewers 300

Two processes, each on a core of its own: the publisher with all its links, and the viewers, which read what they are
sent, drop it, and report as viewers do. The CPU time is that of the publisher's process, the reports included.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import Hashable, Sequence
from statistics import median

from child import ChildFailed, child
from lanline.client.video.publisher import VideoPublisher
from lanline.crypto.identity import Identity
from lanline.errors import LinkError
from lanline.media.api import Codec, EncodedFrame
from lanline.proto.channels import Channel
from lanline.proto.events import LinkEvent, MessageReceived
from lanline.proto.media.outgoingstream import StreamPlan
from lanline.proto.media.publisher import Publisher
from lanline.transport.connection import Connection
from lanline.transport.linkhost import LinkHost
from lanline.transport.udp import UdpSocket
from lanline.wire.video import Offer, Report, StreamCodec, Subscribe, decode_answer, encode_video
from parent import commands, say
from process import cpu_s, pin_to

PACKETS = 9
FRAME_BYTES = PACKETS * 1144
"""What nine packets of 1200 bytes hold."""
FRAMES_A_REPORT = 15
"""Two reports a second at thirty frames: what a viewer says while nothing is lost."""
REPORTS_AN_ECHO = 10
"""It asks each five seconds what a round trip takes."""
LONGEST_SILENCE_S = 1.2
ROUNDS = 5
LIMIT_S = 60.0


class Watcher:
    """Reports as a viewer on a good link does."""

    def __init__(self, connection: Connection, report_every_s: float) -> None:
        self._connection = connection
        self._report_every_s = report_every_s
        self._reports = 0
        connection.set_handler(self._on_event)
        connection.send_nowait(Channel.CONTROL, encode_video(Subscribe()))

    def _on_event(self, event: LinkEvent) -> None:
        if isinstance(event, MessageReceived):
            answer = decode_answer(event.payload)
            if isinstance(answer, Offer):
                for rung in answer.rungs:
                    self._connection.receive_stream(rung.stream_id, _drop)
                self._report()

    def _report(self) -> None:
        packets = PACKETS * FRAMES_A_REPORT
        at_us = 0 if self._reports % REPORTS_AN_ECHO else time.monotonic_ns() // 1000
        self._reports += 1
        report = Report(500_000, packets * 1200, packets, 0, 0, 0, 0, at_us)
        try:
            self._connection.send_nowait(Channel.MEDIA, encode_video(report))
        except LinkError:
            return
        asyncio.get_running_loop().call_later(self._report_every_s, self._report)


def _drop(_packet: bytes) -> None:
    """The publisher is what is measured."""


async def watch(port: int, viewers: int) -> None:
    pin_to(1)
    report_every_s = min(LONGEST_SILENCE_S, FRAMES_A_REPORT / pace_for(viewers)[1])
    hosts = []
    watchers = []
    for _ in range(viewers):
        host = LinkHost(await UdpSocket.bind("127.0.0.1", 0), Identity.generate())
        hosts.append(host)
        watchers.append(Watcher(await host.connect(("127.0.0.1", port)), report_every_s))
    say(event="watching")
    await (await commands()).read()
    for host in hosts:
        host.close()


async def publish(viewers: int, frames: int, fps: float) -> list[float]:
    """µs of CPU for each viewer and frame, of each round."""
    pin_to(0)
    plan = StreamPlan(StreamCodec.JPEG, 1280, 720, FRAME_BYTES * 8 * 30)
    core = Publisher([plan], fps=30.0, entropy=os.urandom)
    all_there = asyncio.Event()
    publisher = VideoPublisher(core, on_viewers=lambda count: all_there.set() if count == viewers else None)
    host = LinkHost(await UdpSocket.bind("127.0.0.1", 0), Identity.generate(), on_accept=publisher.accept)
    arguments = ["--watch", str(host.address[1]), "--viewers", str(viewers)]
    async with child("videofanout.py", arguments) as watching:
        await watching.expect("watching", LIMIT_S)
        await asyncio.wait_for(all_there.wait(), LIMIT_S)
        await _send(publisher, frames // 4, fps)
        rounds = [await _send(publisher, frames, fps) for _ in range(ROUNDS)]
        if silent := sum(_is_silent(core, viewer) for viewer in core.viewers):
            raise ChildFailed(f"{silent} viewers could not keep up, and were sent nothing")
    publisher.close()
    host.close()
    return [spent * 1e6 / viewers / frames for spent in rounds]


def _is_silent(core: Publisher, viewer: Hashable) -> bool:
    subscription = core.subscription(viewer)
    return subscription is None or subscription.is_silent


async def _send(publisher: VideoPublisher, frames: int, fps: float) -> float:
    loop = asyncio.get_running_loop()
    next_at = loop.time()
    began = cpu_s()
    for _ in range(frames):
        payload = os.urandom(FRAME_BYTES)
        publisher.publish(0, EncodedFrame(Codec.JPEG, True, time.monotonic_ns() // 1000, payload, 0, 0))
        next_at += 1 / fps
        await asyncio.sleep(max(0.0, next_at - loop.time()))
    return cpu_s() - began


def pace_for(viewers: int) -> tuple[int, float]:
    """Frames of a round and their rate: as many packets a second as the other core can read."""
    fps = min(30.0, 9000 / viewers)
    return max(4, min(60, 6000 // viewers)), fps


async def cost_of(viewers: int) -> float:
    """In a process of its own, whose CPU time is nobody else's."""
    async with child("videofanout.py", ["--viewers", str(viewers)]) as publishing:
        return float((await publishing.expect("published", LIMIT_S))["us"])


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="What a publisher spends on each viewer and frame.")
    parser.add_argument("--viewers", type=int, default=300)
    parser.add_argument("--watch", type=int, metavar="PORT", help="be the viewers of the publisher at this port")
    wanted = parser.parse_args(argv)
    if wanted.watch:
        asyncio.run(watch(wanted.watch, wanted.viewers))
        return
    frames, fps = pace_for(wanted.viewers)
    rounds = asyncio.run(publish(wanted.viewers, frames, fps))
    say(event="published", us=median(rounds), rounds=rounds)


if __name__ == "__main__":
    main()
