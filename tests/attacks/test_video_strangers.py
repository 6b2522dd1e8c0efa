"""A sealed video server among people who have no watch link: they see nothing, cost little, and do not stay."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

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


def attacked(folder: Path, attack: Callable[[Address, WatchLink], Counts]) -> tuple[Counts, int]:
    """What the attacker counted, and how many pictures a viewer who has the link saw meanwhile and after it."""

    async def main() -> tuple[Counts, int]:
        server = SealedServer(Home(folder / "server"), Codec.JPEG, 30, 1200, Unheard())
        link = await server.start(lambda layout: TestPattern(Size(320, 240), 20.0, layout), "127.0.0.1", 0)
        running = asyncio.create_task(server.run())
        watch = SealedWatch(Home(folder / "viewer"), link, Origin.GIVEN, wants_sound=False)
        await watch.start(None, 0)
        try:
            counts = await asyncio.to_thread(attack, (link.host, link.port), link)
            frames = 0
            async with asyncio.timeout(20.0):
                while frames < 5:
                    frames += len(await watch.take(1.0))
        finally:
            watch.close()
            running.cancel()
            await server.close()
        return counts, frames

    return asyncio.run(main())


def test_nobody_watches_without_the_secret(tmp_path: Path) -> None:
    counts, _ = attacked(tmp_path, lambda address, _: watch_uninvited(address, 0.8, RATE))
    assert counts["called"] > counts["unanswered"], "they did get a link"
    assert counts["picture_bytes"] == 0


def test_a_stranger_is_allowed_a_few_bytes_and_one_message(tmp_path: Path) -> None:
    counts, _ = attacked(tmp_path, lambda address, _: fill_memory(address, 1.0, RATE))
    first_limits = 3 * 256 * 1024  # what a sender reckons with before it has heard anything
    assert counts["allowed_bytes"] <= first_limits
    assert counts["closed PROTOCOL_VIOLATION"] == 1


def test_strangers_are_few_and_their_time_is_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "MAX_STRANGERS", 4)  # so few that a busy machine answers more in this time
    monkeypatch.setattr(admission, "SIGN_IN_TIMEOUT_S", 1.0)
    counts, _ = attacked(tmp_path, lambda address, _: hold_links(address, 2.4, RATE))
    assert counts["closed BUSY"] > 0, "more than there is room for"
    assert counts["closed UNREACHABLE"] >= 4, "and those that were in had to go"
    assert counts["held"] <= 4


def test_a_viewer_that_lies_without_end_gets_bounded_work_for_it(tmp_path: Path) -> None:
    counts, _ = attacked(tmp_path, lambda address, link: flood_requests(address, 1.5, RATE, secret=link.secret))
    assert counts["requests"] > 500
    assert counts["offers"] <= 10
    assert counts["picture_bytes"] * 8 < 20 * counts["requests"] * 700 * 8
