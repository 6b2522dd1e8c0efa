from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanline.errors import InvalidInput
from lanline.model.watchlinks import WatchLink

FINGERPRINT = bytes(range(32))
SECRET = bytes(range(100, 116))
GOOD = str(WatchLink("cam.lan", 6000, FINGERPRINT, SECRET))
KEY = GOOD.partition("#")[2]


@given(
    st.sampled_from(["cam.lan", "192.168.1.20", "fe80::1", "a-b.example", "localhost"]),
    st.integers(1, 65_535),
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=16, max_size=16),
)
def test_what_is_written_is_read_back(host: str, port: int, fingerprint: bytes, secret: bytes) -> None:
    link = WatchLink(host, port, fingerprint, secret)
    assert WatchLink.parse(str(link)) == link


def test_its_form() -> None:
    assert GOOD == (
        "lanline-video://cam.lan:6000/#aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq.mrswmz3infvgw3dnnzxxa4lsom"
    )
    assert str(WatchLink("::1", 7, FINGERPRINT, SECRET)).startswith("lanline-video://[::1]:7/#")


@pytest.mark.parametrize(
    "text",
    [
        f"  {GOOD}\n",
        GOOD.upper().replace("LANLINE-VIDEO", "Lanline-Video"),
        f"lanline-video://cam.lan/#{KEY}",
        f"lanline-video://cam.lan:6000#{KEY}",
    ],
)
def test_what_people_make_of_it_is_understood(text: str) -> None:
    assert WatchLink.parse(text) == WatchLink("cam.lan", 6000, FINGERPRINT, SECRET)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "begins with"),
        (f"lanline://cam.lan:6000/#{KEY}", "begins with"),
        (f"lanline-video:///#{KEY}", "After lanline-video://"),
        (f"lanline-video://cam lan:6000/#{KEY}", "After lanline-video://"),
        (f"lanline-video://me@cam.lan/#{KEY}", "After lanline-video://"),
        (f"lanline-video://cam.lan/path#{KEY}", "After lanline-video://"),
        (f"lanline-video://cam.lan:0/#{KEY}", "number from 1 to 65535"),
        (f"lanline-video://cam.lan:70000/#{KEY}", "host and port"),
        (f"lanline-video://cam.lan:x/#{KEY}", "host and port"),
        (f"lanline-video://[::1/#{KEY}", "host and port"),
        ("lanline-video://cam.lan:6000/", "has no secret"),
        (GOOD.partition(".m")[0], "has no secret"),
        (GOOD.partition(".m")[0] + ".", "The secret in the watch link is 26 letters"),
        (GOOD.replace("aaaqeaye", "aaaqeay"), "The fingerprint in the watch link is 52 letters"),
        (GOOD[:-1], "cut off or mistyped"),
        (GOOD[:-1] + "n", "cut off or mistyped"),
        (GOOD[:-5] + "1" + GOOD[-4:], "cut off or mistyped"),
    ],
)
def test_what_is_no_watch_link_is_said(text: str, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        WatchLink.parse(text)


@given(st.text())
def test_nothing_else_is_raised(text: str) -> None:
    for each in (text, f"lanline-video://{text}", f"lanline-video://cam.lan/#{text}"):
        try:
            WatchLink.parse(each)
        except InvalidInput:
            continue
