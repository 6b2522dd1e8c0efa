"""Owns that whom a person has verified, or accepted, on one device is known on their others: by the notes to oneself.

Only what came sealed counts, in the talk of the account with itself, where nobody else can say anything; and of another
device only as long as that is one of the account's.
"""

from __future__ import annotations

from lanline.client.chat.conversations import Conversations
from lanline.client.chat.outbox import Outbox
from lanline.client.chat.sealed.groupnews import GroupNews
from lanline.client.sealing.member import GroupMember
from lanline.client.view.events import EarlierReceived, EntriesOpened, EntriesReceived, NodeEvent
from lanline.client.view.values import NoWords
from lanline.ids import Entropy
from lanline.model.content import KnownPerson
from lanline.model.logs import ENTRY_ID_BYTES


class SharedTrust:
    def __init__(
        self, member: GroupMember, news: GroupNews, conversations: Conversations, outbox: Outbox, entropy: Entropy
    ) -> None:
        self._member = member
        self._news = news
        self._conversations = conversations
        self._outbox = outbox
        self._entropy = entropy

    def verify(self, name: str, words: bytes) -> None:
        """The person has compared these. Raises RecordMissing where it is somebody else's by now."""
        account_id = self._news.account_named(name)
        self._news.verify(name, words)
        self._tell(KnownPerson(account_id, words))

    def accept(self, name: str) -> None:
        """That another account has this name now."""
        account_id = self._news.account_named(name)
        self._news.accept(name)
        self._tell(KnownPerson(account_id))

    def _tell(self, known: KnownPerson) -> None:
        self._outbox.say(self._conversations.directory.own.name, known, self._entropy(ENTRY_ID_BYTES))

    def note(self, event: NodeEvent) -> None:
        if not isinstance(event, EntriesReceived | EntriesOpened | EarlierReceived):
            return
        shown, own = self._conversations.shown(event.log), self._conversations.account
        if shown is None or shown.is_room or shown.other != own:
            return
        found = [
            each.content.known
            for each in event.messages
            if each.account == own and isinstance(each.content, NoWords) and each.content.known is not None
        ]
        if found:
            self._learn(found)

    def _learn(self, found: list[KnownPerson]) -> None:
        """What a device has said that was taken out counts for nothing: nobody knows since when it was not theirs."""
        copy = self._member.copy
        for each in found:
            by = None if each.by in {b"", copy.device_id} else each.by
            if by is not None and not copy.people.is_own_device(copy.chain, by):
                continue
            if each.words and not copy.people.has_verified(copy.chain, each.account_id, each.words):
                copy.people.verify(each.account_id, each.words, by)
            elif not copy.people.has_accepted_account(copy.chain, each.account_id):
                copy.people.accept(each.account_id, by)
        self._news.note()
