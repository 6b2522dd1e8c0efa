"""The link that lets somebody in: what is written is read again, and every damage has its sentence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanline.errors import InvalidInput
from lanline.model.accounts import AccountId
from lanline.model.invites import DEFAULT_PORT, Invite, InviteLink, invite_token_hash

FINGERPRINT, TOKEN = bytes(range(32)), b"0123456789abcdef"
LINK = InviteLink("box.local", 5265, FINGERPRINT, TOKEN)
F, T = "aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq", "gaytemzugu3doobzmfrggzdfmy"


def test_link_reads_as_documented() -> None:
    assert str(LINK) == f"lanline://box.local:5265/#{F}.{T}"


@given(
    st.sampled_from(["box", "box.local", "a-b.example", "192.168.0.7", "::1", "fe80::1", "2001:db8::7"]),
    st.integers(1, 65535),
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=16, max_size=16),
)
def test_link_survives_writing_and_reading(host: str, port: int, fingerprint: bytes, token: bytes) -> None:
    link = InviteLink(host, port, fingerprint, token)
    assert InviteLink.parse(str(link)) == link
    assert InviteLink.parse(f"  {str(link).upper()}\n") == link


def test_ipv6_stands_in_brackets() -> None:
    assert str(InviteLink("::1", 7, FINGERPRINT, TOKEN)).startswith("lanline://[::1]:7/#")
    assert InviteLink.parse(f"lanline://[0:0::1]/#{F}.{T}") == InviteLink("::1", DEFAULT_PORT, FINGERPRINT, TOKEN)


def test_port_and_slash_may_be_left_out() -> None:
    assert InviteLink.parse(f"lanline://box.local#{F}.{T}") == LINK


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "begins with lanline://"),
        (f"https://box:1/#{F}.{T}", "begins with lanline://"),
        ("lanline://box:5265/", "cut off"),
        (f"lanline://box:5265/#{F}", "cut off"),
        (f"lanline://box:5265/#{F}.{T[:-1]}", "token in the invite is 26"),
        (f"lanline://box:5265/#{F}.{T[:-1]}1", "token in the invite is 26"),
        (f"lanline://box:5265/#{F}.{T[:-1]}z", "mistyped at its end"),
        (f"lanline://box:5265/#{F[1:]}.{T}", "fingerprint in the invite is 52"),
        (f"lanline://box:5265/#{F}.{T}.x", "token in the invite"),
        (f"lanline://box:0/#{F}.{T}", "1 to 65535"),
        (f"lanline://box:65536/#{F}.{T}", "1 to 65535"),
        (f"lanline://box:٣/#{F}.{T}", "1 to 65535"),
        (f"lanline://box:/#{F}.{T}", "1 to 65535"),
        (f"lanline://:5265/#{F}.{T}", "names no server"),
        (f"lanline://a b:5265/#{F}.{T}", "names no server"),
        (f"lanline://ann@box:5265/#{F}.{T}", "names no server"),
        (f"lanline://-box:5265/#{F}.{T}", "names no server"),
        (f"lanline://box/x:5265/#{F}.{T}", "names no server"),
        (f"lanline://::1:5265/#{F}.{T}", "in brackets"),
        (f"lanline://[::1:5265/#{F}.{T}", "in brackets"),
        (f"lanline://[::1]5265/#{F}.{T}", "in brackets"),
        (f"lanline://[1.2.3.4]:5265/#{F}.{T}", "not an IPv6 address"),
        (f"lanline://[fe80::1%eth0]:5265/#{F}.{T}", "network card"),
    ],
)
def test_damaged_link_is_refused_without_telling_the_token(text: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says) as refusal:
        InviteLink.parse(text)
    assert T[:10] not in str(refusal.value)


@given(st.text(max_size=100))
def test_any_text_is_a_link_or_refused(text: str) -> None:
    for link in (text, f"lanline://{text}#{F}.{T}", f"lanline://box/#{text}"):
        try:
            InviteLink.parse(link)
        except InvalidInput:
            continue


def test_invite_ends_with_its_uses_or_its_time() -> None:
    invite = Invite(invite_token_hash(TOKEN), 1, 1000, grants_admin=False, creator=AccountId(1), created_ms=0)
    assert invite.is_usable(999)
    assert not invite.is_usable(1000)
    assert not Invite(b"", 0, None, grants_admin=False, creator=None, created_ms=0).is_usable(0)
    assert Invite(b"", 1, None, grants_admin=True, creator=None, created_ms=0).is_usable(2**60)
