"""Owns how this device comes into the group: it founds it, joins by a link, or asks to be let in."""

from __future__ import annotations

from lanline.chain.epochs import RecipientKind
from lanline.chain.state import NEVER
from lanline.client.sealing.context import GroupContext, SignedInPerson
from lanline.client.sealing.ownentries import HEAD_BYTES, INVITE_SECRET_BYTES, InviteKeys, seed_box_place
from lanline.client.sealing.secrets import Secrets
from lanline.crypto.groups import ids
from lanline.crypto.groups.keys import SealingKey, box_info, seal_box
from lanline.errors import InviteUnusable
from lanline.ticket import Steps
from lanline.wire.chat import groups as wire
from lanline.wire.chat.answers import Done
from lanline.wire.sealing.entries import Joins

_EPOCHS_AT_ONCE = 20
_FIRST_MAKER = bytes(16)


class Entering:
    def __init__(self, context: GroupContext, secrets: Secrets) -> None:
        self._context = context
        self._secrets = secrets
        self.wants_recovery = False
        """The group was founded just now, and nobody else is in it."""
        self.recovery_words: bytes | None = None
        """The 16 bytes behind the words of a recovery key that was made just now: the person alone keeps them."""

    def found(self, person: SignedInPerson) -> Steps[wire.KeyTaken]:
        generation_key = yield from self._bring_own()
        joins = Joins.ANYONE if person.is_open else Joins.INVITE
        content = self._context.own.found(
            self._context.own.joiner(person.name, generation_key), joins, self._context.now_ms()
        )
        taken = yield from self._context.server.ask(wire.AppendKey(0, content), wire.KeyTaken)
        self.wants_recovery = not person.adopts  # of who joins just now, and is shown its words
        self._context.keys.founds = False
        self._context.keys.save()
        return taken

    def _bring_own(self) -> Steps[SealingKey]:
        """The keys of this device and of the account's first generation, whose seed goes to this device in a box."""
        seed = self._context.seeds.get(1) or self._context.entropy(32)
        key, device_id = SealingKey.of_generation(seed), self._context.copy.device_id
        publics = (self._context.own.device_key.public_bytes, key.public_bytes)
        yield from self._context.server.ask(wire.PutKeys(0, publics), Done)
        account_id = ids.account_id_of(self._context.copy.signer.public_bytes)
        commitment, place = seed_box_place(key, _FIRST_MAKER)
        box = seal_box(publics[0], box_info(account_id, commitment, RecipientKind.DEVICE, device_id, 1), seed)
        new = wire.NewBox(RecipientKind.DEVICE, device_id, 1, box)
        yield from self._context.server.ask(wire.PutBoxes(0, 0, account_id, place, (new,)), Done)
        self._context.tables.put_seed(1, seed)
        self._context.seeds[1] = seed
        self._context.tables.put_chain_history("keys", self._context.history)
        return key

    def join(self, person: SignedInPerson, token: bytes) -> Steps[None]:
        """By a member's link: the chain up to its entry is exactly the one that its maker had checked."""
        invite = InviteKeys.of(token[:INVITE_SECRET_BYTES])
        chain = self._context.copy.chain
        known = chain.invites.get(invite.id)
        if known is None or (chain.head_at(known.since) or b"")[:HEAD_BYTES] != token[INVITE_SECRET_BYTES:]:
            raise InviteUnusable(
                "The link is not of this group: it was damaged on its way, or the server shows another group than its "
                "maker saw. You are in no group. Ask for the link anew, and join with that."
            )
        if known.until != NEVER or self._context.now_ms() > known.until_ms:
            self._give_invite_up()
            raise InviteUnusable("The invite is used up, has expired, or was taken back. Your admin is asked instead.")
        yield from self.enter(person, invite)
        yield from self._open_by_invite(invite)
        self._give_invite_up()

    def _give_invite_up(self) -> None:
        self._context.keys.invite = None
        self._context.keys.save()

    def enter(self, person: SignedInPerson, invite: InviteKeys | None) -> Steps[None]:
        generation_key = yield from self._bring_own()
        joiner = self._context.own.joiner(person.name, generation_key)
        yield from self._context.append(lambda: self._context.own.join(joiner, invite, self._context.now_ms()))

    def _open_by_invite(self, invite: InviteKeys) -> Steps[None]:
        """The newest epochs that it was sealed to: one opens those before. Then the own account gets a box of it."""
        epochs = [epoch for epoch, _ in self._context.copy.newest()[:_EPOCHS_AT_ONCE]]
        if not epochs:
            return
        named = tuple(each.epoch_id for each in epochs)
        scope = self._context.copy.chain.group_id
        found = yield from self._context.server.ask(wire.GetBoxes(0, scope, named, invite.shown), wire.Boxes)
        for epoch in epochs:
            for box in found.boxes:
                if box.kind == RecipientKind.INVITE and box.epoch_id == epoch.epoch_id:
                    info = box_info(scope, epoch.commitment, RecipientKind.INVITE, invite.id, 0)
                    secret = invite.seal.open(box.data, info)
                    if secret is not None and self._context.copy.believe(epoch, secret):
                        yield from self._secrets.give(self._context.copy, [self._context.me], [epoch])
                        return

    def ask(self, person: SignedInPerson) -> Steps[None]:
        generation_key = yield from self._bring_own()
        joiner = self._context.own.joiner(person.name, generation_key)
        yield from self._context.server.ask(wire.LeaveRequest(0, joiner, self._context.own.request(joiner)), Done)
