"""Owns what the devices of a person tell each other in the notes to oneself: whom the person has verified or accepted,
and what the devices are called. Which labels count: `devicelabels`.

Only what came sealed counts, in the talk of the account with itself, where nobody else can say anything; and of another
device only as long as that is one of the account's.
"""

from __future__ import annotations

from lanline.client.chat.conversations import Conversations
from lanline.client.chat.outbox import Outbox
from lanline.client.chat.sealed.groupnews import GroupNews
from lanline.client.sealing.context import GroupContext
from lanline.client.sealing.member import GroupMember
from lanline.client.view.events import EarlierReceived, EntriesOpened, EntriesReceived, NodeEvent
from lanline.client.view.values import NoWords
from lanline.crypto.groups.ids import digest_of
from lanline.errors import LanlineError, RecordMissing
from lanline.ids import Entropy
from lanline.model.content import DeviceLabel, KnownDevices, KnownPerson, Note
from lanline.model.devices import MAX_DEVICES_NAMED
from lanline.model.logs import ENTRY_ID_BYTES
from lanline.ticket import Ticket, follow


def notes_in(conversations: Conversations, event: NodeEvent) -> list[Note]:
    """What came of them, in the talk of the person with themselves."""
    if not isinstance(event, EntriesReceived | EntriesOpened | EarlierReceived):
        return []
    shown, own = conversations.shown(event.log), conversations.account
    if shown is None or shown.is_room or shown.other != own:
        return []
    contents = (each.content for each in event.messages if each.account == own)
    return [each.known for each in contents if isinstance(each, NoWords) and each.known is not None]


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
        found = [each for each in notes_in(self._conversations, event) if isinstance(each, KnownPerson)]
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


class SharedLabels:
    """Says the labels that this device may pass on, whenever a device comes or goes: so who comes later knows them."""

    def __init__(
        self, member: GroupMember, context: GroupContext, conversations: Conversations, outbox: Outbox
    ) -> None:
        self._member = member
        self._context = context
        self._conversations = conversations
        self._outbox = outbox
        self._asked_of: object = None
        """The link on which the server was asked for what it knows of before."""

    def may_rename(self, device_id: bytes) -> bool:
        return device_id in self._member.devices.labels.live

    def rename(self, device_id: bytes, label: str) -> None:
        """Raises RecordMissing."""
        if not self.may_rename(device_id):
            raise RecordMissing("This device is not in the group: let it in first, and then name it.")
        self._say((self._member.devices.labels.rename(device_id, label),))

    def note(self, event: NodeEvent) -> None:
        for each in notes_in(self._conversations, event):
            if isinstance(each, KnownDevices) and self._member.devices.labels.learn(each.by, each.labels):
                self.go_on()

    def go_on(self) -> None:
        copy, context, labels = self._member.copy, self._context, self._member.devices.labels
        if not (context.label and copy.is_member and self._member.is_current) or self._member.problem:
            return
        if context.keys.labels_taken != context.history.hex():
            self._take_plain()
            return
        is_new = not labels.stands(copy.device_id)
        if is_new:
            labels.rename(copy.device_id, context.label)
        said = digest_of(*labels.live).hex()
        if len(labels.live) > 1 and (is_new or said != context.keys.labels_said):
            context.keys.labels_said = said
            self._say(labels.told())
            context.keys.save()

    def _say(self, labels: tuple[DeviceLabel, ...]) -> None:
        name, entropy = self._conversations.directory.own.name, self._context.entropy
        for start in range(0, len(labels), MAX_DEVICES_NAMED):
            known = KnownDevices(labels[start : start + MAX_DEVICES_NAMED])
            self._outbox.say(name, known, entropy(ENTRY_ID_BYTES))

    def _take_plain(self) -> None:
        if self._asked_of is not self._context.person and self._context.person is not None:
            self._asked_of = self._context.person
            history = self._context.history.hex()
            taken: Ticket[None] = follow(self._member.devices.labels.take_plain())
            taken.when_settled(lambda done: self._on_taken(history, done.problem))

    def _on_taken(self, history: str, problem: BaseException | None) -> None:
        """What was not done is done on another link."""
        if problem is None:
            self._context.keys.labels_taken = history
            self._context.keys.save()
            self.go_on()
        elif not isinstance(problem, LanlineError):
            raise problem
