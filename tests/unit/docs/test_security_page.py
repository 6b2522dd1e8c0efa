"""The page about strangers names bounds that hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from lanline.core import boxes, films, rooms
from lanline.gateways.lanline import groups, session
from lanline.model.settings import ServerSettings
from lanline.proto.link import endpoint, frames, handshakelimits, incoming
from lanline.proto.link.profile import LinkProfile
from lanline.proto.websocket import callers, stack, upgrade

PAGE = " ".join((Path(__file__).parents[3] / "docs/security.md").read_text(encoding="utf-8").split())
PROFILE, SETTINGS = LinkProfile(), ServerSettings()


@pytest.mark.parametrize(
    "bound",
    [
        f"{endpoint._ANSWERS_PER_S:,} answers a second to all strangers",
        f"{endpoint._RESETS_AT_ONCE} answers in 10 ms",
        f"over {endpoint._MAX_PREAMBLE_BYTES:,} bytes",
        f"{PROFILE.handshakes_of_network_per_s:g} a second of one network and {PROFILE.handshakes_per_s:g} of all",
        f"{handshakelimits.BURST_S:g} s of that at once",
        f"{handshakelimits.MAX_UNFINISHED_OF_NETWORK} unfinished of one network",
        f"{handshakelimits.MAX_UNFINISHED} of all",
        f"{incoming._STRANGER_FRAMES:,} packets and frames before signing in",
        f"{frames.MAX_OTHER_FRAMES} frames beside streams",
        f"{callers.MAX_CALLERS} in all, {callers.MAX_CALLERS_OF_NETWORK} of one network",
        f"{callers.HANDSHAKES_PER_S} begun in a second, {callers.HANDSHAKES_AT_ONCE} at once",
        f"{upgrade.MAX_UPGRADE_BYTES:,} bytes",
        f"{stack.MAX_STRANGER_PIECES} frames and records of TLS before signing in",
        f"{session._MAX_MESSAGES_BEFORE_SIGN_IN} messages, {SETTINGS.sign_in_timeout_s:g} s to sign in",
        f"{SETTINGS.most_strangers:,} links of strangers, {SETTINGS.most_strangers_of_network} of one network",
        f"{groups._KEYS_BURST} at once, then one in 3 s, {groups._KEYS_OF_A_DAY:,} a day",
        f"{groups._MAX_WANTS_OF_ACCOUNT} of one account wait at a time",
        f"its newest {boxes._MAX_SEEDS} keys, and {boxes._MAX_COMING_SEEDS} that are coming",
        f"{groups._REQUESTS_BURST} times, then once a minute",
        f"{films._MOST_UPLOADS} at a time",
        f"{rooms.MAX_INVITATIONS_OF_MEMBER:,} people who have not come",
        f"{SETTINGS.passwords_per_address} wrong ones of one network and {SETTINGS.passwords_per_account} of one name",
    ],
)
def test_a_bound_on_the_page_is_that_of_the_code(bound: str) -> None:
    assert bound in PAGE
