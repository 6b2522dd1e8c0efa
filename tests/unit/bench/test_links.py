"""The servers and callers of the parts that count links, small and for a moment."""

import asyncio
import random

import pytest

import goodput
from flood import KINDS, Effect
from handshakes import Rate
from idle import Memory
from lanline.errors import MalformedPacket
from lanline.proto.link.preamble import HELLO_BYTES, ClientRecords, Hello, OtherVersion, decode_preamble
from linkpeers import link_peers
from linkserver import link_server
from process import resident_bytes

LIMIT_S = 60.0


def test_server_counts_links_and_forgets_those_that_leave() -> None:
    async def run() -> None:
        async with link_server() as server:
            async with link_peers(server.port, 6, sockets=2, answers=True) as peers:
                server.speak()
                await peers.expect("heard", LIMIT_S)
                report = await server.report()
                assert (report["accepted"], report["links"], report["unconfirmed"]) == (6, 6, 0)
                assert 0 < report["sent_bytes"] < 60_000
                assert report["resident_bytes"] > 1_000_000
            while (await server.report())["links"]:
                pass

    asyncio.run(asyncio.wait_for(run(), LIMIT_S))


def test_every_kind_of_stranger_sends_what_its_name_says() -> None:
    rng = random.Random(1)
    kinds = {name: make(rng, b"\x81abc") for name, make in KINDS.items()}
    assert isinstance(decode_preamble(kinds["hello"]), Hello)
    assert isinstance(decode_preamble(kinds["records under a forged token"]), ClientRecords)
    other = decode_preamble(kinds["hello of another version"])
    assert isinstance(other, OtherVersion)
    assert other.is_hello
    assert len(kinds["hello"]) == HELLO_BYTES
    assert kinds["sealed for nobody"][0] & 0x80
    assert kinds["sealed for nobody, by one who saw"].startswith(b"\x81abc")
    assert not kinds["noise"][0] & 0x80
    with pytest.raises(MalformedPacket):
        decode_preamble(kinds["noise"])


def test_figures_are_per_link_and_per_second_of_a_core() -> None:
    assert Memory(1_000_000, 21_000_000, 31_000_000, links=2000).per_link(21_000_000) == 10_000
    assert Rate(a_second=900, server_cpu_ms=0.5, caller_cpu_ms=0.4).a_second_of_core == 2000


def test_flood_row_compares_what_went_out_with_what_came_in() -> None:
    effect = Effect("hello", None, 5e5, 1e5, 1_000, 270, 100_000, 0, 1.0, 2.0, 3.0)
    assert effect.row == ["hello", "500,000", "100,000", "0.27", "0.1", "0", "1.0 / 2.0 / 3.0"]


def test_goodput_tells_the_spread_of_several_runs_and_the_reason_of_none() -> None:
    assert goodput._text([40.0]) == "40.0"
    assert goodput._text([40.0, 44.0]) == "42.0 (40.0 to 44.0)"
    assert goodput._text("needs root") == "needs root"


def test_resident_memory_is_that_of_a_python_process() -> None:
    assert 5_000_000 < resident_bytes() < 5_000_000_000
