"""Invites to the server: the token goes to the guest, and only its hash is kept."""

from __future__ import annotations

from lanline.errors import InviteUnusable, RefusalCode, RequestRefused
from lanline.ids import Entropy
from lanline.model.accounts import AccountId
from lanline.model.invites import TOKEN_BYTES, Invite, invite_token_hash
from lanline.storage.api import Transaction, View

MOST_INVITES_OF_MEMBER = 50
_FIRST_SETTING = "first invite"


def new_token(entropy: Entropy) -> bytes:
    return entropy(TOKEN_BYTES)


def make_invite(transaction: Transaction, invite: Invite, *, is_admin: bool) -> None:
    if not is_admin:
        if invite.grants_admin:
            raise RequestRefused(RefusalCode.NOT_ALLOWED, "Only an admin invites admins.")
        open_ones = visible_invites(transaction, invite.creator, invite.created_ms, is_admin=False)
        if len(open_ones) >= MOST_INVITES_OF_MEMBER:
            raise RequestRefused(
                RefusalCode.QUOTA_EXCEEDED, "You have made many invites. Drop some that are not needed."
            )
    transaction.invites.add(invite)


def make_first_invite(transaction: Transaction, invite: Invite) -> None:
    """The one that a server without accounts shows at its start: in place of what it has shown before."""
    if transaction.settings.get(_FIRST_SETTING) is None:  # earlier versions left each of theirs alive
        for each in transaction.invites.all():
            if each.creator is None and each.grants_admin:
                transaction.invites.drop(each.token_hash)
    end_first_invite(transaction)
    transaction.invites.add(invite)
    transaction.settings.put(_FIRST_SETTING, invite.token_hash)


def end_first_invite(transaction: Transaction) -> None:
    """Somebody has joined, by whatever invite: nobody else takes the server over with that one."""
    token_hash = transaction.settings.get(_FIRST_SETTING)
    if token_hash is not None:
        transaction.invites.drop(token_hash)
        transaction.settings.put(_FIRST_SETTING, None)


def drop_invite(transaction: Transaction, token_hash: bytes, account: AccountId, *, is_admin: bool) -> None:
    invite = transaction.invites.by_token_hash(token_hash)
    if invite is None or not (is_admin or invite.creator == account):
        raise RequestRefused(RefusalCode.NOT_FOUND, "There is no such invite.")
    transaction.invites.drop(token_hash)


def visible_invites(view: View, account: AccountId | None, now_ms: int, *, is_admin: bool) -> list[Invite]:
    """Those that still let somebody in: what is used up or has expired is nobody's concern any more."""
    return [
        invite for invite in view.invites.all() if invite.is_usable(now_ms) and (is_admin or invite.creator == account)
    ]


def is_usable(view: View, token: bytes | None, now_ms: int, *, members_may_invite: bool) -> bool:
    if token is None:
        return False
    invite = view.invites.by_token_hash(invite_token_hash(token))
    return invite is not None and invite.is_usable(now_ms) and _may_invite(view, invite, members_may_invite)


def use_invite(transaction: Transaction, token: bytes, now_ms: int, *, members_may_invite: bool) -> Invite:
    """Take one use. Raises InviteUnusable, also when whoever made it could not make it now."""
    invite = transaction.invites.by_token_hash(invite_token_hash(token))
    if invite is not None and not _may_invite(transaction, invite, members_may_invite):
        raise InviteUnusable("Whoever made the invite may no longer invite people. Ask for a new one.")
    return transaction.invites.use(invite_token_hash(token), now_ms)


def _may_invite(view: View, invite: Invite, members_may_invite: bool) -> bool:
    """An invite is worth what its maker may do when it is used, not when it was made."""
    if invite.creator is None:
        return True
    maker = view.accounts.by_id(invite.creator)
    if maker is None or maker.is_banned:
        return False
    return maker.is_admin or (members_may_invite and not invite.grants_admin)
