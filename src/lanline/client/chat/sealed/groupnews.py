"""Owns what faces are told of the group: what each name is worth, who waits to be let in, and what has happened."""

from __future__ import annotations

from collections.abc import Callable

from lanline.client.chat.directory import Directory
from lanline.client.sealing.adoption import Adoption
from lanline.client.sealing.member import GroupMember, GroupStanding
from lanline.client.sealing.people import How
from lanline.client.view.events import GroupChanged
from lanline.client.view.values import GroupFacts, WaitingPerson
from lanline.crypto.groups import ids
from lanline.crypto.words import words_of
from lanline.errors import RecordMissing
from lanline.model.names import folded_name
from lanline.model.text import display_name

_PLAIN = "What is said on this server is not sealed: whoever runs it can read it."


class GroupNews:
    def __init__(
        self, member: GroupMember, adoption: Adoption, directory: Directory, tell: Callable[[GroupChanged], None]
    ) -> None:
        self._member = member
        self._adoption = adoption
        self._directory = directory
        self._tell = tell
        self.facts = GroupFacts(is_founded=member.knows_group)

    def note(self) -> None:
        """Something may be another now."""
        member = self._member
        if not member.is_current and member.standing is not GroupStanding.NO_GROUP:
            return
        news, member.copy.news = tuple(member.copy.news), []
        before, self.facts = self.facts, self._facts()
        if news or before != self.facts:
            self._tell(GroupChanged(self.facts, news))

    def note_people(self) -> None:
        """The server's table of people is whole, and another than before."""
        self._member.departed.note(self._directory.ended_names())
        self._member.go_on_soon()
        self.note()

    def _facts(self) -> GroupFacts:
        member = self._member
        notes = [member.refusal] if member.standing is GroupStanding.WAITS and member.refusal else []
        notes += [self._plain_note()] if member.standing is GroupStanding.NO_GROUP and not member.knows_group else []
        rooms = self._adoption.plain_rooms() if member.copy.is_member else []
        notes += [f"{', '.join(rooms)}: nothing can be said there before you have it sealed: /seal"] if rooms else []
        askers = [each for each in member.changes.askers if not self._adoption.is_agreed(each.account)]
        return GroupFacts(
            self._trust(),
            tuple(WaitingPerson(display_name(each.name), " ".join(words_of(each.words))) for each in askers),
            tuple(map(str, member.devices.asking)),
            tuple(notes),
            in_rsa=member.caches.in_rsa,
            is_founded=member.knows_group,
            lacks_recovery=member.lacks_recovery,
        )

    def _plain_note(self) -> str:
        if self._directory.own.is_admin:
            return f"{_PLAIN} To seal what is said from now on: /seal"
        return f"{_PLAIN} An admin of the server can change that, with lanline seal."

    def _trust(self) -> dict[int, str]:
        copy = self._member.copy
        if not copy.is_member:
            return {}
        asking = {each.account for each in self._member.changes.askers}
        found: dict[int, str] = {}
        for person in self._directory.people:
            account_id = copy.chain.names.get(person.name.encode())
            if account_id is not None:
                found[person.account] = copy.people.trust(copy.chain, copy.account_id, account_id).text
            else:
                found[person.account] = "asks to be let in" if person.account in asking else "not in the group"
        return found

    # What a person asks and says.

    def is_another(self, name: str) -> bool:
        """Than had this name before, and nobody has said yet that it is right."""
        copy = self._member.copy
        account_id = copy.chain.names.get(name.encode())
        if account_id is None or not copy.is_member:
            return False
        return copy.people.trust(copy.chain, copy.account_id, account_id).how is How.CHANGED

    def trust_of(self, name: str) -> str:
        copy = self._member.copy
        return copy.people.trust(copy.chain, copy.account_id, self.account_named(name)).text

    def account_named(self, name: str) -> bytes:
        """In the group. Raises RecordMissing."""
        chain = self._member.copy.chain
        for known, account_id in chain.names.items():
            if folded_name(known.decode(errors="replace")) == folded_name(name):
                return account_id
        raise RecordMissing(f"{name} is not in the group.")

    def words_with(self, name: str) -> bytes:
        """What both sides compare. Raises RecordMissing."""
        copy, account_id = self._member.copy, self.account_named(name)
        if not copy.is_member or account_id == copy.account_id:
            raise RecordMissing("There is nobody to compare words with: name somebody else who is in the group.")
        return ids.verify_words_of(copy.chain.group_id, copy.account_id, account_id)

    def verify(self, name: str, words: bytes) -> None:
        """The person has compared these. Raises RecordMissing where it is somebody else's by now."""
        if words != self.words_with(name):
            raise RecordMissing(f"The words with {name} are others now. Compare them anew.")
        self._member.copy.people.verify(self.account_named(name), words)
        self.note()

    def accept(self, name: str) -> None:
        self._member.copy.people.accept(self.account_named(name))
        self.note()
