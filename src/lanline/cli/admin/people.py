"""`lanline admin users`, `ban`, `unban`, `promote`, `demote`, `password`, `devices`."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lanline.cli.admin.asking import answer, ask_server, day, say, show_json, show_table, size, way_to_server
from lanline.cli.folders import DataFolderOption, HomeOption, JsonOption
from lanline.cli.running import DEFAULT_HOME
from lanline.errors import InvalidInput, RecordMissing

if TYPE_CHECKING:
    from lanline.client.chat.client import ChatClient
    from lanline.client.sealing.groupchanges import GroupChanges
    from lanline.ticket import Ticket
    from lanline.wire.chat.admin import DeviceInfo, GivenRight, InviteInfo, UserInfo
    from lanline.wire.chat.messages import ClientMessage
    from lanline.wire.sealing.entries import Role

TakeBack = Annotated[bool, typer.Option("--take-back", help="End the rights that they gave others, too.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The account.")]


def users(json: JsonOption = False, data: DataFolderOption = None, home: HomeOption = DEFAULT_HOME) -> None:
    """List everybody who has an account.

    \b
    On the server's machine:  lanline admin users --data ~/.lanline-server
    As an admin, anywhere:    lanline admin users
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    from lanline.cli.admin.objects import user_object

    found = ask_server(way_to_server(data, home), users_of)
    if json:
        show_json(*map(user_object, found))
        return
    header = ("NAME", "STANDING", "ONLINE", "DEVICES", "FILES", "JOINED")
    show_table(header, list(map(_row, found)), "Nobody has joined yet.")


def ban(
    name: Name,
    reason: Annotated[str, typer.Option(help="Told to the one who is banned.")] = "",
    take_back: TakeBack = False,
    data: DataFolderOption = None,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Keep somebody out, from this moment on. What they said stays.

    A member of the group who is banned by an admin of it is out of the group for good:
    what is said from then on is sealed without them, and to come back they need a new
    account. On the server's own machine (--data) it shuts them out of the server alone.

    Whom they made admin, moderator or owner stays so. It is shown, and --take-back ends it.

    \b
    lanline admin ban mallory --reason "We talked about this."
    """  # noqa: D301 -- as above
    from lanline.cli.admin.invites import open_invites
    from lanline.wire.chat.admin import SetBanned

    given = _given_by(data, home, name)
    before = ask_server(way_to_server(data, home), open_invites)
    user = _change(data, home, name, lambda user: SetBanned(1, user.account, is_banned=True, reason=reason))
    _change_group(data, home, name, lambda changes, account_id: changes.remove([account_id]))
    say(f"{user.name} is banned.")
    show_ended_invites(user.name, before, ask_server(way_to_server(data, home), open_invites))
    if take_back:
        _take_back(data, home, user.name, given, None)
    _show_given(user.name, given, f"lanline admin ban {user.name}", was_taken_back=take_back)


def unban(name: Name, data: DataFolderOption = None, home: HomeOption = DEFAULT_HOME) -> None:
    """Let somebody in again.

    \b
    lanline admin unban mallory
    """  # noqa: D301 -- as above
    from lanline.wire.chat.admin import SetBanned

    user = _change(data, home, name, lambda user: SetBanned(1, user.account, is_banned=False))
    say(f"{user.name} may sign in again.")


def promote(name: Name, data: DataFolderOption = None, home: HomeOption = DEFAULT_HOME) -> None:
    """Make somebody an admin.

    Of the group; on the server's own machine, with --data, of the server alone.

    \b
    lanline admin promote ann
    """  # noqa: D301 -- as above
    from lanline.wire.chat.admin import SetAdmin

    _change_group(data, home, name, lambda changes, account_id: changes.set_role(account_id, _role(is_admin=True)))
    user = _change(data, home, name, lambda user: SetAdmin(1, user.account, is_admin=True))
    say(f"{user.name} is an admin.")


def demote(
    name: Name, take_back: TakeBack = False, data: DataFolderOption = None, home: HomeOption = DEFAULT_HOME
) -> None:
    """Make an admin a member like all others.

    Whom they made admin, moderator or owner stays so. It is shown, and --take-back ends it.

    \b
    lanline admin demote ann
    """  # noqa: D301 -- as above
    from lanline.wire.chat.admin import SetAdmin

    given = _given_by(data, home, name)
    user = _change_group(
        data, home, name, lambda changes, account_id: changes.set_role(account_id, _role(is_admin=False))
    ) or _change(data, home, name, lambda user: SetAdmin(1, user.account, is_admin=False))
    say(f"{user.name} is no admin any more.")
    if take_back:
        _take_back(data, home, user.name, given, None)
    _show_given(user.name, given, f"lanline admin demote {user.name}", was_taken_back=take_back)


def password(name: Name, data: DataFolderOption = None, home: HomeOption = DEFAULT_HOME) -> None:
    """Give an account a new password. It is asked for, or read from standard input.

    It is for adding devices; those that are there stay signed in.

    \b
    lanline admin password ann
    pwgen 16 1 | lanline admin password ann
    """  # noqa: D301 -- as above
    from lanline.wire.chat.admin import SetPassword

    secret = _new_password(name)
    user = _change(data, home, name, lambda user: SetPassword(1, user.account, secret))
    say(f"{user.name} has a new password.")


def devices(
    name: Name,
    revoke: Annotated[int | None, typer.Option(metavar="ID", help="End this device's right to sign in.")] = None,
    take_back: Annotated[
        bool, typer.Option("--take-back", help="With --revoke: end the rights that it gave others, too.")
    ] = False,
    json: JsonOption = False,
    data: DataFolderOption = None,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """List somebody's devices, or shut one out that is lost.

    \b
    lanline admin devices ann
    lanline admin devices ann --revoke 7
    """  # noqa: D301 -- as above
    from lanline.cli.admin.objects import device_object
    from lanline.wire.chat.admin import RevokeDevice

    if revoke is not None:
        number = revoke
        given = _given_by(data, home, name, number)
        user = _change(data, home, name, lambda user: RevokeDevice(1, _device_of(user, number)))
        say(f"Device {number} of {name} may not sign in any more.")
        again = f"lanline admin devices {user.name} --revoke {number}"
        if take_back:
            _take_back(data, home, user.name, given, number)
        _show_given(user.name, given, again, was_taken_back=take_back)
        return
    user = named(ask_server(way_to_server(data, home), users_of), name)
    if json:
        show_json(*map(device_object, user.devices))
        return
    header = ("ID", "STATE", "ADDED", "KEY")
    show_table(header, list(map(_device_row, user.devices)), f"{user.name} has no device.")


def lost(name: Name, home: HomeOption = DEFAULT_HOME) -> None:
    """Let a name come in anew whose devices are all lost.

    For somebody who has lost the recovery key too.
    The old account and its devices leave the group for good, which everybody is told.
    Give the name a password and say it to them; they join with it in a new home, and
    you let them in once you have compared the words.

    \b
    lanline admin lost ann
    lanline admin password ann
    lanline admit ann
    """  # noqa: D301 -- as above
    from lanline.cli.admin.invites import open_invites
    from lanline.wire.chat.admin import RevokeDevice, SetBanned

    invites = ask_server(way_to_server(None, home), open_invites)
    before = _change_group(None, home, name, lambda changes, account_id: changes.remove([account_id]))
    if before is None:
        raise RecordMissing(f"{name} is not in a group that this home is in.")
    user = named(ask_server(way_to_server(None, home), users_of), name)
    for device in before.devices:
        if not device.is_revoked:
            _change(None, home, name, lambda _user, number=device.device: RevokeDevice(1, number))  # type: ignore[misc]
    _change(None, home, name, lambda user: SetBanned(1, user.account, is_banned=False))
    show_ended_invites(user.name, invites, ask_server(way_to_server(None, home), open_invites))
    say(f"{user.name} is out of the group, and may come in anew. Next: lanline admin password {user.name}")


def _given_by(data: Path | None, home: Path, name: str, device: int | None = None) -> list[tuple[str, GivenRight]]:
    """Looked up before the giver's own rights end: whoever asks may be that person."""

    async def work(client: ChatClient) -> list[tuple[str, GivenRight]]:
        from lanline.wire.chat.admin import Given, ListGiven

        found = await users_of(client)
        names = {user.account: user.name for user in found}
        given = await answer(client, ListGiven(1, named(found, name).account, device), Given)
        return [(names.get(each.account, "?"), each) for each in given.rights]

    return ask_server(way_to_server(data, home), work)


def _take_back(
    data: Path | None, home: Path, name: str, given: list[tuple[str, GivenRight]], device: int | None
) -> None:
    from lanline.wire.chat.admin import TakeBack

    for each, right in given:
        if right.right == "admin":
            _change_group(data, home, each, lambda changes, member: changes.set_role(member, _role(is_admin=False)))
    _change(data, home, name, lambda user: TakeBack(1, user.account, device))


def _show_given(giver: str, given: list[tuple[str, GivenRight]], again: str, *, was_taken_back: bool) -> None:
    came = sorted({name for name, right in given if right.right == "came"})
    rights = [(name, f"{right.right} of {right.room}" if right.room else right.right) for name, right in given]
    rights = [row for row in rights if row[1] != "came"]
    if rights:
        say(f"{giver} gave others, and it was taken back:" if was_taken_back else f"{giver} gave others, and it stays:")
        show_table(("NAME", "RIGHT"), rights, "")
    if came:
        say(f"By invites of {giver} came: {', '.join(came)}")
    if rights and not was_taken_back:
        say(f"To take it back: {again} --take-back")


def show_ended_invites(gone: str, before: list[InviteInfo], after: list[InviteInfo]) -> None:
    """Those that ended with somebody's place, and those that are open still: whoever came by a link knows it."""
    from lanline.model.invites import shown_id

    left = {each.token_hash for each in after}
    ended = [shown_id(each.token_hash) for each in before if each.token_hash not in left]
    if ended:
        say(f"It ended the invites of {gone}, and those that {gone} knew: {', '.join(ended)}. Others need a new link.")
    if after:
        say(f"Open still: {len(after)}. End those whose link {gone} may have: lanline admin invites")


async def users_of(client: ChatClient) -> list[UserInfo]:
    from lanline.wire.chat.admin import ListUsers, Users

    return sorted((await answer(client, ListUsers(1), Users)).users, key=lambda user: user.name.casefold())


def _change(data: Path | None, home: Path, name: str, message: Callable[[UserInfo], ClientMessage]) -> UserInfo:
    """Ask for a change of the account that is called so; it as it was."""

    async def work(client: ChatClient) -> UserInfo:
        from lanline.wire.chat.answers import Done

        user = named(await users_of(client), name)
        await answer(client, message(user), Done)
        return user

    return ask_server(way_to_server(data, home), work)


def _change_group(
    data: Path | None, home: Path, name: str, change: Callable[[GroupChanges, bytes], Ticket[None]]
) -> UserInfo | None:
    """As a member of the group, whose chain every device follows. None: there is none, or they are not in it."""
    from lanline.cli.admin.asking import ask_group
    from lanline.errors import NotInGroup, NotJoined

    async def work(client: ChatClient) -> UserInfo | None:
        member = client.node.seals.member
        assert member is not None
        user = named(await users_of(client), name)
        account_id = member.copy.chain.names.get(user.name.encode())
        if account_id is None:
            return None
        await change(member.changes, account_id)
        return user

    if data is not None:
        return None
    try:
        return ask_group(home, work)
    except (NotInGroup, NotJoined):
        return None


def change_group(data: Path | None, home: Path, names: list[str]) -> bool:
    """Out of the group with those of these names who are in it, by one entry. Whether there was any."""
    from lanline.cli.admin.asking import ask_group
    from lanline.errors import NotInGroup, NotJoined

    async def work(client: ChatClient) -> bool:
        member = client.node.seals.member
        assert member is not None
        known = member.copy.chain.names
        typed = [name.encode(errors="surrogateescape") for name in names]
        account_ids = [known[name] for name in typed if name in known]
        if account_ids:
            await member.changes.remove(account_ids)
        return bool(account_ids)

    if data is not None:
        return False
    try:
        return ask_group(home, work)
    except (NotInGroup, NotJoined):
        return False


def _role(*, is_admin: bool) -> Role:
    from lanline.wire.sealing.entries import Role

    return Role.ADMIN if is_admin else Role.MEMBER


def named(found: list[UserInfo], name: str) -> UserInfo:
    """Whoever is called so, or so alike that nobody else can be."""
    from lanline.model.names import folded_name

    for user in found:
        if folded_name(user.name) == folded_name(name):
            return user
    alike = difflib.get_close_matches(name, [user.name for user in found], n=1)
    meant = f" Did you mean {alike[0]}?" if alike else " See: lanline admin users"
    raise RecordMissing(f"Nobody here is called {name}.{meant}")


def _device_of(user: UserInfo, number: int) -> int:
    if number not in {device.device for device in user.devices}:
        raise RecordMissing(f"{user.name} has no device {number}. See: lanline admin devices {user.name}")
    return number


def _row(user: UserInfo) -> tuple[str, ...]:
    standing = ", ".join(["admin"] * user.is_admin + ["banned"] * user.is_banned) or "member"
    online = "yes" if any(device.is_online for device in user.devices) else ""
    used = sum(not device.is_revoked for device in user.devices)
    return user.name, standing, online, str(used), size(user.blob_bytes), day(user.created_ms)


def _device_row(device: DeviceInfo) -> tuple[str, ...]:
    state = "revoked" if device.is_revoked else "online" if device.is_online else ""
    return str(device.device), state, day(device.added_ms), device.fingerprint.hex()[:16]


def _new_password(name: str) -> str:
    """Never as an option, where others on this machine would see it."""
    if sys.stdin is None or not sys.stdin.isatty():
        secret = (sys.stdin.readline() if sys.stdin is not None else "").rstrip("\r\n")
    else:
        import getpass

        secret = getpass.getpass(f"New password for {name}: ")
        if getpass.getpass("Once more: ") != secret:
            raise InvalidInput("These are two different passwords. Nothing was changed.")
    if not secret:
        raise InvalidInput("The new password is empty. Nothing was changed.")
    return secret
