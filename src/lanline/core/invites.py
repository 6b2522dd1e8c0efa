"""Owns the rules of invites to the server: the token goes to the guest, and only its hash is kept."""

from __future__ import annotations

from lanline.core.commands import Authority, Command, Context, Decision
from lanline.core.journal import note
from lanline.errors import InviteUnusable, RefusalCode, RequestRefused
from lanline.ids import Entropy
from lanline.model.accounts import AccountId, DeviceId
from lanline.model.invites import TOKEN_BYTES, Invite, invite_token_hash, shown_id
from lanline.model.journal import Deed, NewJournalEntry
from lanline.storage.api import Transaction, View

MAX_INVITES_OF_MEMBER = 50
_FIRST_SETTING = "first invite"


def new_token(entropy: Entropy) -> bytes:
    return entropy(TOKEN_BYTES)


class MakeInvite(Command[None], frozen=True):
    token_hash: bytes
    uses: int
    expires_in_s: float | None
    grants_admin: bool

    def decide(self, transaction: Transaction, by: Authority) -> Decision[None]:
        _check_may(by)
        if not by.is_admin:
            if self.grants_admin:
                raise RequestRefused(RefusalCode.NOT_ALLOWED, "Only an admin invites admins.")
            if len(_visible_invites(transaction, by)) >= MAX_INVITES_OF_MEMBER:
                text = "You have made many invites. Drop some that are not needed."
                raise RequestRefused(RefusalCode.QUOTA_EXCEEDED, text)
        _drop_spent(transaction, by)
        made = self.made(None if by.actor.is_operator else by.account, by.context.now_ms, by.device)
        transaction.invites.add(made)
        note_made(transaction, by, made)
        return None, ()

    def made(self, creator: AccountId | None, now_ms: int, made_from: DeviceId | None = None) -> Invite:
        expires_ms = None if self.expires_in_s is None else now_ms + round(self.expires_in_s * 1000)
        return Invite(self.token_hash, self.uses, expires_ms, self.grants_admin, creator, now_ms, made_from=made_from)


def note_made(transaction: Transaction, by: Authority, made: Invite) -> None:
    uses = f"{made.uses_left} uses" if made.uses_left > 1 else "one use"
    admin = ", makes an admin" if made.grants_admin else ""
    note(transaction, by, Deed.INVITE_MADE, detail=f"{shown_id(made.token_hash)}, {uses}{admin}")


def _drop_spent(transaction: Transaction, by: Authority) -> None:
    """What lets nobody in is kept for a while, to tell guests why; who makes many fills no disk with it."""
    mine = [invite for invite in transaction.invites.all() if invite.creator == by.account]
    if len(mine) >= MAX_INVITES_OF_MEMBER:
        for invite in mine:
            if not invite.is_usable(by.context.now_ms):
                transaction.invites.drop(invite.token_hash)


class DropInvite(Command[None], frozen=True):
    token_hash: bytes

    def decide(self, transaction: Transaction, by: Authority) -> Decision[None]:
        _check_may(by)
        invite = transaction.invites.by_token_hash(self.token_hash)
        if invite is None or not (by.is_admin or invite.creator == by.account):
            raise RequestRefused(RefusalCode.NOT_FOUND, "There is no such invite.")
        transaction.invites.drop(self.token_hash)
        note(transaction, by, Deed.INVITE_DROPPED, detail=shown_id(self.token_hash))
        return None, ()


def _check_may(by: Authority) -> None:
    if not by.context.settings.members_may_invite:
        by.check_admin()


def list_invites(view: View, by: Authority) -> list[Invite]:
    _check_may(by)
    return _visible_invites(view, by)


def _visible_invites(view: View, by: Authority) -> list[Invite]:
    """Those that still let somebody in: what is used up or has expired is nobody's concern any more."""
    return [
        invite
        for invite in view.invites.all()
        if invite.is_usable(by.context.now_ms) and (by.is_admin or invite.creator == by.account)
    ]


# The first one, for whoever sets the server up.


def make_first_invite(transaction: Transaction, invite: Invite) -> None:
    """The one that a server without accounts shows at its start: in place of what it has shown before."""
    if transaction.settings.get(_FIRST_SETTING) is None:  # earlier versions left each of theirs alive
        for each in transaction.invites.all():
            if each.creator is None and each.grants_admin:
                transaction.invites.drop(each.token_hash)
    end_first_invite(transaction)
    transaction.invites.add(invite)
    transaction.settings.put(_FIRST_SETTING, invite.token_hash)
    detail = f"{shown_id(invite.token_hash)}, the first, makes an admin"
    transaction.journal.add(NewJournalEntry(invite.created_ms, Deed.INVITE_MADE, detail=detail))


def end_first_invite(transaction: Transaction) -> None:
    """Somebody has joined, by whatever invite: nobody else takes the server over with that one."""
    token_hash = transaction.settings.get(_FIRST_SETTING)
    if token_hash is not None:
        transaction.invites.drop(token_hash)
        transaction.settings.put(_FIRST_SETTING, None)


# Using one.


def is_usable(view: View, token: bytes | None, context: Context) -> bool:
    if token is None:
        return False
    invite = view.invites.by_token_hash(invite_token_hash(token))
    return invite is not None and invite.is_usable(context.now_ms) and _may_invite(view, invite, context)


def use_invite(transaction: Transaction, token: bytes, context: Context) -> Invite:
    """Take one use. Raises InviteUnusable, also when whoever made it could not make it now."""
    invite = transaction.invites.by_token_hash(invite_token_hash(token))
    if invite is not None and not _may_invite(transaction, invite, context):
        raise InviteUnusable("Whoever made the invite may no longer invite people. Ask for a new one.")
    return transaction.invites.use(invite_token_hash(token), context.now_ms)


def _may_invite(view: View, invite: Invite, context: Context) -> bool:
    """An invite is worth what its maker may do when it is used, not when it was made."""
    if invite.creator is None:
        return True
    maker = view.accounts.by_id(invite.creator)
    if maker is None or maker.is_banned:
        return False
    if invite.invite_id is not None:  # the chain says whether: what ended there is dropped here
        return True
    return maker.is_admin or (context.settings.members_may_invite and not invite.grants_admin)
