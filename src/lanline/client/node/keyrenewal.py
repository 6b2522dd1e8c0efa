"""Owns `lanline doctor --keys` in the node: it computes the keys of the group anew, and tells the result."""

from __future__ import annotations

from lanline.client.chat.client import ChatClient
from lanline.client.node.groupcommands import KeysRenewed
from lanline.client.node.sealservice import outside_text
from lanline.client.sealing.caches import KeyCaches, KeyState
from lanline.client.sealing.member import GroupMember
from lanline.client.sealing.scopes import Place
from lanline.errors import NotInGroup

_SAME = "All is as it was before."
_NOT_NOW = "Nothing was thrown away: the server does not have all that this device has seen of the group."
_SLOW = "The server has not shown the group yet. Try again in a moment."
_LEFT = (
    "The server has not given all of it yet. Keys that it did not give, and that fit what the entries name, were put "
    "back; what still lacks comes by itself while this device is connected."
)
_STAYED = "What only this device knows was not touched: its secret, what waits to be sent, and what was said."


async def renew_keys(client: ChatClient, limit_s: float) -> KeysRenewed:
    member = client.node.seals.member
    if member is None or not member.knows_group:
        raise NotInGroup(f"There are no keys to compute anew. {outside_text(client.node.seals)}")
    before = member.caches.named(_places(client))
    if not client.is_signed_in:
        return _checked_here(client, member.caches, before)
    await client.wait_until(lambda: member.is_current or bool(member.hindrance), limit_s)
    if not member.is_current or member.hindrance:
        return KeysRenewed((_NOT_NOW, member.hindrance or _SLOW), is_whole=False)
    client.node.begin_keys_anew()
    client.hurry()
    thrown = (
        f"Thrown away: the group's chain ({before.height} entries), {_keys(before)}, and the sealing keys of others. "
        f"{_STAYED}"
    )
    if not await client.wait_until(lambda: _has_come(client, member, before), limit_s):
        member.caches.put_back(before)
        return KeysRenewed((thrown, _LEFT, *_differences(member.caches, before)), is_whole=False)
    came = f"Fetched and checked anew: {member.copy.chain.height} entries, {_keys(member.caches.state())}."
    return KeysRenewed((thrown, came, _SAME), is_whole=True)


def _has_come(client: ChatClient, member: GroupMember, before: KeyState) -> bool:
    """Asks for the secrets of conversations where nobody has spoken meanwhile."""
    if not member.is_current or member.copy.is_apart or not client.is_signed_in:
        return False
    for copy in member.caches.lacking(_places(client), before):
        member.want_secrets(copy)
    return member.is_settled and member.caches.is_kept(before)


def _checked_here(client: ChatClient, caches: KeyCaches, before: KeyState) -> KeysRenewed:
    dropped = caches.check_again(_places(client))
    away = (
        "The server is not there, and only it can give the group's keys once more: none was thrown away. "
        f"Each of the chain's {before.height} entries was judged anew, with its signatures, and {_keys(before)} "
        "were compared with what the chain names."
    )
    if dropped or not caches.is_kept(before):
        lost = f"{dropped} of them fitted nothing and were dropped. They are fetched again from the server."
        return KeysRenewed((away, lost), is_whole=False)
    return KeysRenewed((away, _SAME), is_whole=True)


def _places(client: ChatClient) -> list[Place]:
    return [client.node.seals.place(each) for each in client.node.conversations.all]


def _differences(caches: KeyCaches, before: KeyState) -> tuple[str, ...]:
    seeds, secrets = before.lost_in(caches.state())
    return (f"Still lacking keys: {seeds} of your account, {secrets} of conversations.",) if seeds or secrets else ()


def _keys(state: KeyState) -> str:
    return f"keys ({len(state.seeds)} of your account, {len(state.secrets)} of conversations)"
