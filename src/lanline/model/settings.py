"""What whoever runs a server may set, and what holds when nothing is set."""

from __future__ import annotations

import msgspec


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    server_name: str = "Lanline"
    is_open: bool = False
    """Anybody may join, without an invite."""
    lobby: str = "#lobby"
    """The room that every new account is put into."""
    members_may_invite: bool = False
    """Not only admins make invites to the server; none of theirs makes an admin."""
    members_may_upload: bool = False
    """Not only admins upload films."""
    tells_addresses: str = "private"
    """Where others are: `private`, members on private networks are told each other's addresses there; `all`; `none`."""

    journal_days: int = 90
    """So long is kept who did what."""
    names_held_days: int = 30
    """So long nobody takes the name of an account or a room that was deleted."""
    silent_days: int | None = None
    """Accounts that were made without an invite are deleted when nobody signed in for so long. None: they stay."""

    messages_per_s: float = 100.0
    messages_burst: int = 1000
    requests_per_s: float = 50.0
    requests_burst: int = 500
    """Of one account: what changes something and is no message."""
    message_quota_bytes: int = 1024**3
    """For all that one account ever writes."""
    least_free_bytes: int = 256 * 1024**2
    """Of the server's disk: with less, only admins add anything."""
    warn_free_bytes: int = 1024**3
    """Of the same: with less, admins are warned."""
    blob_quota_bytes: int = 1024**3
    """For all files of one account."""
    most_plays_of_account: int = 16
    """Films that one account plays at the same time."""
    most_rooms_created: int = 100
    most_accounts: int = 10_000
    open_accounts_per_address: int = 50
    """Made without an invite, where `is_open`: so many from one address, then one a minute."""
    most_devices: int = 64
    """Of one account."""
    most_links: int = 10_000
    most_links_of_account: int = 64
    most_strangers: int = 512
    """Links on which nobody has signed in yet; those of known devices are not counted."""
    most_strangers_of_network: int = 256
    """The same, from one address; this machine's own is not counted."""

    passwords_per_account: int = 10
    """So many wrong ones in a row, then one more each `password_wait_s`."""
    passwords_per_address: int = 50
    password_wait_s: float = 10.0
    sign_in_timeout_s: float = 15.0
    presence_interval_s: float = 0.1
    """Changes of the table of clients within so short a time are told together."""
