"""Gives this person's talks of two and private rooms new keys at once when one of their devices was taken out.

Not that nobody seals under the old ones: that holds without it, here and at the server. It is the entry by which each
log says that the device is gone, so that nothing which a thief of it says above is believed (sealing.md, 5).
"""

from __future__ import annotations

from lanline.client.chat.conversations import Conversations, FollowedConversation, Following
from lanline.client.chat.sealed.seals import Seals
from lanline.client.sealing.member import GroupMember
from lanline.client.sealing.scopes import OpenRoom
from lanline.client.view.events import CaughtUp, NodeEvent

MOST_ON_ONE_LINK = 16
"""What the server takes of one account at once; the others turn at their next word."""


class EpochRenewal:
    def __init__(self, seals: Seals, conversations: Conversations) -> None:
        self._seals = seals
        self._conversations = conversations
        self._looked_at: dict[int, int] = {}
        """By log, at which generation of the account's key."""
        self._left = MOST_ON_ONE_LINK
        seals.when_changed(self.look)

    def note(self, event: NodeEvent) -> None:
        if isinstance(event, CaughtUp):
            self.look()

    def begin_link(self) -> None:
        self._looked_at.clear()
        self._left = MOST_ON_ONE_LINK

    def look(self) -> None:
        """At the logs that are here up to their ends, once for each generation of the account's key."""
        member = self._seals.member
        if member is None or not (member.copy.is_member and member.is_current) or member.problem:
            return
        generation = len(member.copy.chain.accounts[member.copy.account_id].generations)
        if generation == 1:
            return
        for track in list(self._conversations.tracks):
            is_new = self._looked_at.get(track.shown.log, 1) < generation
            if is_new and track.shown.is_open and track.following is Following.LIVE:
                self._looked_at[track.shown.log] = generation
                self._renew(member, track)

    def left(self) -> list[str]:
        """The conversations, of those that are here up to their ends, that have no key which may be used now."""
        return [track.shown.title for track in list(self._conversations.tracks) if self._is_stale(track)]

    def _is_stale(self, track: FollowedConversation) -> bool:
        member, place = self._seals.member, self._seals.place(track.shown)
        if member is None or not track.shown.is_open or track.following is not Following.LIVE:
            return False
        sealing = member.scopes.sealing(place)
        return sealing is not None and bool(sealing.copy.epochs) and sealing.copy.sealing_epoch() is None

    def _renew(self, member: GroupMember, track: FollowedConversation) -> None:
        place = self._seals.place(track.shown)
        sealing = None if isinstance(place, OpenRoom) else member.scopes.sealing(place)
        if sealing is not None and self._left and sealing.copy.epochs and sealing.copy.sealing_epoch() is None:
            self._left -= 1
            member.want_epoch(sealing.copy)
