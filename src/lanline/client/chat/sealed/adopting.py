"""Joins `sealing.adoption` to what this device knows of the server's accounts and rooms."""

from __future__ import annotations

from collections.abc import Callable

from lanline.client.chat.conversations import Conversations, Following
from lanline.client.chat.database import Database
from lanline.client.sealing.adoption import Adoption, AgreedTable
from lanline.client.sealing.context import GroupContext
from lanline.client.sealing.member import GroupMember
from lanline.model.rooms import Access, Role


class _ServerTables:
    def __init__(self, conversations: Conversations) -> None:
        self._conversations = conversations
        self._directory = conversations.directory

    @property
    def own_account(self) -> int:
        return self._directory.own.account

    def account_named(self, name: str) -> int | None:
        person = self._directory.named(name)
        return None if person is None else person.account

    def log_of_room(self, title: str) -> int | None:
        track = self._conversations.titled(title)
        return track.shown.log if track is not None and track.following is Following.LIVE else None

    def own_private_rooms(self) -> list[tuple[str, int]]:
        live = [track.shown for track in self._conversations.tracks if track.following is Following.LIVE]
        private = [each for each in live if each.is_room and each.delivered and each.access is Access.INVITE_ONLY]
        return [(each.title, each.log) for each in private if each.role is Role.OWNER]


def adoption_of(
    context: GroupContext,
    member: GroupMember,
    database: Database,
    conversations: Conversations,
    on_change: Callable[[], None],
) -> Adoption:
    return Adoption(context, member, AgreedTable(database), _ServerTables(conversations), on_change)
