"""A sealed video server among people who have no watch link: they see nothing, cost little, and do not stay."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from attacks.lasting import attacked
from attacks.videoattackers import Address, Counts, fill_memory, flood_requests, hold_links, watch_uninvited
from lanline.client.home import Home
from lanline.client.video import admission
from lanline.client.video.sealedserver import SealedServer
from lanline.client.video.sealedwatch import Origin, SealedWatch
from lanline.media.api import Codec, Size
from lanline.media.sources.testpattern import TestPattern
from lanline.model.watchlinks import WatchLink

RATE = 10e6


class Unheard:
    def say(self, line: str) -> None: ...
    def show(self, text: str) -> None: ...


def outcome(folder: Path, attack: Callable[[Address, WatchLink], Counts]) -> Counts:
    """What the attacker counted; a viewer who has the link sees pictures meanwhile and after it."""

    async def main() -> Counts:
        server = SealedServer(Home(folder / "server"), Codec.JPEG, 30, 1200, Unheard())
        link = await server.start(lambda layout: TestPattern(Size(320, 240), 20.0, layout), "127.0.0.1", 0)
        running = asyncio.create_task(server.run())
        watch = SealedWatch(Home(folder / "viewer"), link, Origin.GIVEN, wants_sound=False)
        await watch.start(None, 0)
        try:
            counts = await asyncio.to_thread(attack, (link.host, link.port), link)
            frames = 0
            async with asyncio.timeout(60.0):
                while frames < 5:
                    frames += len(await watch.take(1.0))
        finally:
            watch.close()
            running.cancel()
            await server.close()
        return counts

    return asyncio.run(main())


def test_nobody_watches_without_the_secret(tmp_path: Path) -> None:
    def attack(seconds: float) -> Counts:
        return outcome(tmp_path, lambda address, _: watch_uninvited(address, seconds, RATE))

    counts = attacked(attack, lambda counts: counts["called"] > counts["unanswered"], 0.5)  # they do get a link
    assert counts["picture_bytes"] == 0


def test_a_stranger_is_allowed_a_few_bytes_and_one_message(tmp_path: Path) -> None:
    def attack(seconds: float) -> Counts:
        return outcome(tmp_path, lambda address, _: fill_memory(address, seconds, RATE))

    counts = attacked(attack, lambda counts: counts["closed PROTOCOL_VIOLATION"] > 0, 1.0)
    first_limits = 3 * 256 * 1024  # what a sender reckons with before it has heard anything
    assert counts["allowed_bytes"] <= first_limits
    assert counts["closed PROTOCOL_VIOLATION"] == 1


def test_strangers_are_few_and_their_time_is_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "MAX_STRANGERS", 4)
    monkeypatch.setattr(admission, "SIGN_IN_TIMEOUT_S", 0.5)

    def attack(seconds: float) -> Counts:
        return outcome(tmp_path, lambda address, _: hold_links(address, seconds, RATE))

    def is_enough(counts: Counts) -> bool:
        """More than there is room for, and those that were in had to go."""
        return counts["closed BUSY"] > 0 and counts["closed UNREACHABLE"] >= 4

    assert attacked(attack, is_enough, 1.6)["held"] <= 4


def test_a_viewer_that_lies_without_end_gets_bounded_work_for_it(tmp_path: Path) -> None:
    def attack(seconds: float) -> Counts:
        began = time.monotonic()
        counts = outcome(tmp_path, lambda address, link: flood_requests(address, seconds, RATE, secret=link.secret))
        assert counts["offers"] <= 4 + time.monotonic() - began  # one a second, and four at once
        return counts

    counts = attacked(attack, lambda counts: counts["requests"] > 500, 0.8)
    assert counts["picture_bytes"] * 8 < 20 * counts["requests"] * 700 * 8
