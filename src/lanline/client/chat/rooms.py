"""What a person asks of rooms and of the account, as calls to `await`. Each raises RequestRefused or LinkNotOpen."""

from __future__ import annotations

from lanline.client.chat.values import MemberListing, RoomListing
from lanline.model.rooms import Access, Role


class RoomRequests:
    async def create(self, name: str, topic: str = "", access: Access = Access.OPEN) -> int:
        """The log of the new room. Its `ConversationOpened` came before."""
        raise NotImplementedError

    async def join(self, name: str) -> int:
        raise NotImplementedError

    async def leave(self, log: int) -> None: ...

    async def open_direct(self, account: int) -> int:
        raise NotImplementedError

    async def set_topic(self, log: int, topic: str) -> None: ...

    async def set_access(self, log: int, access: Access) -> None: ...

    async def invite(self, log: int, account: int) -> None: ...

    async def set_role(self, log: int, account: int, role: Role) -> None: ...

    async def set_muted(self, log: int, account: int, is_muted: bool) -> None: ...

    async def send_away(self, log: int, account: int) -> None: ...

    async def set_banned(self, log: int, account: int, is_banned: bool) -> None: ...

    async def visible(self) -> list[RoomListing]:
        """All rooms that one may see, by name."""
        raise NotImplementedError

    async def members(self, log: int) -> list[MemberListing]:
        raise NotImplementedError

    async def deregister(self) -> None:
        """Go offline on every link of this account; the links end."""

    async def change_password(self, old: str, new: str) -> None: ...
