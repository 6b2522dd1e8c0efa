"""Joining by name and password, with and without an invite."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lanline.core.changes import OPERATOR
from lanline.errors import RefusalCode
from lanline.model.rooms import Role
from lanline.proto.events import PeerMoved
from lanline.wire.chat import admin, answers, directory, signin
from serverhouse.house import PASSWORD, Client, House

OpenHouse = Callable[..., House]


def invite(house: House, uses: int = 1, expires_in_s: float | None = None, grants_admin: bool = False) -> bytes:
    ticket = house.server.core.make_invite(OPERATOR, uses, expires_in_s, grants_admin=grants_admin)
    house.settle()
    return ticket.result()


def join(client: Client, name: str, password: str = PASSWORD, token: bytes | None = None) -> RefusalCode | str:
    message = signin.Join(client.number(), name, password, "laptop", token)
    client.say(message)
    answer = client.answer(message.request)
    return answer.known_code if isinstance(answer, answers.Refused) else answer.name


def said(client: Client) -> str:
    return client.last(answers.Refused).text


def test_a_free_name_on_an_open_server_makes_an_account_in_the_lobby(house: House) -> None:
    ann = house.join("ann")
    assert ann.signed_in.is_new
    assert not ann.signed_in.is_admin
    assert ann.log("#lobby")
    assert house.server.has_accounts


def test_a_closed_server_takes_an_invite_and_uses_it_up(open_house: OpenHouse) -> None:
    house = open_house(is_open=False)
    assert not house.server.has_accounts
    token = invite(house, uses=2, grants_admin=True)
    ann = house.greet("ann")
    assert ann.join("ann", token=token).is_admin
    assert join(house.greet("bob"), "bob", token=token) == "bob"
    assert join(house.greet("cyd"), "cyd", token=token) is RefusalCode.INVITE_UNUSABLE
    assert len(house.server.core.accounts) == 2


def test_an_expired_or_invented_invite_is_refused(open_house: OpenHouse) -> None:
    house = open_house(is_open=False)
    token = invite(house, expires_in_s=60)
    house.pass_time(61)
    assert join(house.greet("ann"), "ann", token=token) is RefusalCode.INVITE_UNUSABLE
    assert join(house.greet("ann"), "ann", token=b"invented") is RefusalCode.INVITE_UNUSABLE


def test_two_who_use_the_last_use_at_once_are_one_too_many(open_house: OpenHouse) -> None:
    house = open_house(is_open=False)
    token = invite(house)
    house.hasher.waits = True
    clients = {name: house.greet(name) for name in ("ann", "bob")}
    for name, client in clients.items():
        client.say(signin.Join(client.number(), name, PASSWORD, "laptop", token))
    house.hasher.answer_all()
    house.settle()
    kinds = sorted(type(client.answer(1)).__name__ for client in clients.values())
    assert kinds == ["Refused", "SignedIn"]
    assert len(house.server.core.accounts) == 1


def test_two_who_take_one_name_at_once_do_not_share_it(house: House) -> None:
    house.hasher.waits = True
    one, other = house.greet("one"), house.greet("other")
    for client in (one, other):
        client.say(signin.Join(client.number(), "ann", PASSWORD, "laptop"))
    house.hasher.answer_all()
    house.settle()
    assert isinstance(one.answer(1), signin.SignedIn)
    assert other.answer(1).known_code is RefusalCode.NAME_TAKEN
    house.hasher.waits = False
    assert join(other, "bob") == "bob", "who was refused may try again"


def test_the_right_password_adds_a_device_and_needs_no_invite(open_house: OpenHouse) -> None:
    house = open_house(is_open=False)
    ann = house.greet("ann")
    ann.join("ann", token=invite(house))
    phone = house.greet("phone")
    signed_in = phone.join("ann")
    assert (signed_in.account, signed_in.is_new) == (ann.account, False)
    assert signed_in.device != ann.signed_in.device


def test_joining_again_with_the_same_key_and_password_signs_in(house: House) -> None:
    ann = house.join("ann")
    again = house.join("ann")
    assert again.signed_in.device == ann.signed_in.device


def test_by_an_invite_the_key_of_a_device_is_enough(open_house: OpenHouse) -> None:
    house = open_house(is_open=False, passwords_per_account=3)
    token = invite(house, uses=3)
    asked = len(house.hasher.asked)
    assert join(house.greet("ann"), "ann", "", token) == "ann"
    assert join(house.greet("bob"), "bob", "", token) == "bob"
    assert join(house.greet("ann"), "ann", "") == "ann", "a device comes back, wherever the server is now"
    for number in range(5):
        thief = house.greet(f"thief {number}")
        assert join(thief, "ann", "", token) is RefusalCode.NAME_TAKEN
        assert join(thief, "ann", "") is RefusalCode.BAD_CREDENTIALS
        assert join(thief, "nobody", "") is RefusalCode.BAD_CREDENTIALS
    assert len(house.hasher.asked) == asked, "no password was looked at, and none was a wrong one"


def test_an_empty_password_opens_no_account_that_has_one(house: House) -> None:
    house.join("ann")
    assert join(house.greet("stranger"), "ann", "") is RefusalCode.NAME_TAKEN


def test_a_taken_name_is_told_where_anybody_may_join(house: House) -> None:
    house.join("ann")
    stranger = house.greet("stranger")
    assert join(stranger, "ann", "") is RefusalCode.NAME_TAKEN
    assert said(stranger) == "The name ann is taken: give its password, or choose another name."
    guesser = house.greet("guesser")
    assert join(guesser, "ann", "a wrong password") is RefusalCode.NAME_TAKEN
    assert said(guesser) == "This is not the password of ann. Try again, or choose another name."


def test_a_name_that_is_taken_for_a_word_is_given_to_nobody_new(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as before:
        before.setattr("lanline.core.signin.check_new_name", lambda name: None)
        assert join(house.greet("one"), "me") == "me"
    assert join(house.greet("two"), "me") == "me", "another device"
    stranger = house.greet("stranger")
    for name in ("all", "bo."):
        assert join(stranger, name) is RefusalCode.INVALID
    assert said(stranger) == "A nickname does not end with a dot: it would be taken for the end of a sentence."
    assert join(stranger, "bo") == "bo"


def test_a_name_that_looks_the_same_is_taken(house: House) -> None:
    house.join("olaf")
    assert join(house.greet("stranger"), "OIaf", "a wrong password") is RefusalCode.NAME_TAKEN


def test_on_a_closed_server_nobody_learns_which_names_there_are(open_house: OpenHouse) -> None:
    house = open_house(is_open=False)
    house.greet("ann").join("ann", token=invite(house))
    stranger = house.greet("stranger")
    texts = []
    for name in ("ann", "nobody"):
        asked = len(house.hasher.asked)
        assert join(stranger, name, "a wrong password") is RefusalCode.BAD_CREDENTIALS
        texts.append(said(stranger))
        assert len(house.hasher.asked) == asked + 1, "the time it takes would tell"
    assert texts[0] == texts[1]


def test_with_an_invite_that_does_not_hold_nobody_learns_it_either(open_house: OpenHouse) -> None:
    house = open_house(is_open=False)
    house.greet("ann").join("ann", token=invite(house))
    stranger = house.greet("stranger")
    texts = []
    for name in ("ann", "nobody"):
        assert join(stranger, name, "a wrong password", b"invented") is RefusalCode.INVITE_UNUSABLE
        texts.append(said(stranger))
    assert texts[0] == texts[1]


def test_who_is_banned_learns_it_by_the_right_password_only(open_house: OpenHouse) -> None:
    house = open_house(is_open=False)
    ann = house.greet("ann")
    ann.join("ann", token=invite(house))
    operator = house.sign_in(house.operator_fingerprint)
    operator.say(admin.SetBanned(operator.number(), ann.account, is_banned=True))
    client = house.greet("phone")
    assert join(client, "ann", "a wrong password") is RefusalCode.BAD_CREDENTIALS
    assert join(client, "ann") is RefusalCode.BANNED
    assert len(house.server.core.accounts.devices(ann.signed_in.account)) == 1, "nothing is kept of it"  # type: ignore[arg-type]
    again = house.greet("ann")
    assert again.refusal(signin.SignIn(again.number())) is RefusalCode.BANNED


def test_a_short_password_and_a_bad_name_are_refused_before_anything_else(house: House) -> None:
    client = house.greet("ann")
    assert join(client, "ann", "short") is RefusalCode.INVALID
    assert "10 characters" in said(client)
    for name in ("", "a\x1b[31m", "an" * 40, "#room", "with space"):
        assert join(client, name) is RefusalCode.INVALID
    assert not house.server.has_accounts


def test_wrong_passwords_are_slowed_down_for_the_account_wherever_they_come_from(open_house: OpenHouse) -> None:
    house = open_house(passwords_per_account=3, password_wait_s=10.0)
    house.join("ann")
    for number in range(3):
        client = house.greet(f"thief {number}", address=(f"192.0.2.{number}", 1))
        assert join(client, "ann", "a wrong password") is RefusalCode.NAME_TAKEN
    client = house.greet("thief", address=("198.51.100.1", 1))
    assert join(client, "ann") is RefusalCode.SLOW_DOWN, "the right one as well"
    assert client.last(answers.Refused).retry_after_ms == 10_000
    house.clock.pass_time(10)
    assert join(client, "ann") == "ann"


def test_each_wrong_password_for_a_name_waits_twice_as_long_as_the_one_before(open_house: OpenHouse) -> None:
    house = open_house(passwords_per_account=3, password_wait_s=10.0)
    ann = house.join("ann")
    waits = []
    for number in range(6):
        client = house.greet(f"thief {number}", address=(f"192.0.2.{number}", 1))
        join(client, "ann", "a wrong password")
        if join(client, "ann", "a wrong password") is RefusalCode.SLOW_DOWN:
            waits.append(client.last(answers.Refused).retry_after_ms)
            house.clock.pass_time(waits[-1] / 1000)
    assert waits == [10_000, 20_000, 40_000, 80_000, 160_000]
    assert join(house.greet("phone"), "ann") == "ann"
    assert join(house.greet("thief"), "ann", "a wrong password") is RefusalCode.NAME_TAKEN, "the right one ends it"
    change = signin.ChangePassword(ann.number(), PASSWORD, "an entirely new one")
    assert isinstance(ann.ask(change, answers.Done), answers.Done)


def test_a_password_that_is_guessed_first_makes_no_account(house: House) -> None:
    client = house.greet("ann")
    assert join(client, "ann", "Password123!") is RefusalCode.INVALID
    assert "commonest" in said(client)


def test_what_does_not_count_is_given_back_where_it_was_taken(open_house: OpenHouse) -> None:
    house = open_house(passwords_per_address=1, passwords_per_account=100)
    house.join("ann")
    house.pass_time(100)
    thief = house.greet("thief", address=("198.51.100.1", 1))
    assert join(thief, "ann", "a wrong password") is RefusalCode.NAME_TAKEN
    ann = house.greet("phone", address=("192.0.2.9", 1))
    house.hasher.waits = True
    ann.say(signin.Join(ann.number(), "ann", PASSWORD, "phone"))
    ann.link.give(PeerMoved(("198.51.100.1", 2)))
    house.hasher.answer_all()
    house.hasher.waits = False
    house.settle()
    assert join(thief, "ann", "a wrong password") is RefusalCode.SLOW_DOWN
    assert join(house.greet("other", address=("192.0.2.9", 3)), "ann") == "ann"


def test_a_device_that_has_joined_signs_in_however_passwords_are_guessed_at(open_house: OpenHouse) -> None:
    house = open_house(passwords_per_account=3, passwords_per_address=3, password_wait_s=10.0)
    house.join("ann").hang_up()
    for number in range(4):
        client = house.greet(f"thief {number}", address=("192.0.2.7", 1))
        refusal = join(client, "ann", "a wrong password")
    assert refusal is RefusalCode.SLOW_DOWN
    signed_in = house.sign_in("ann", address=("192.0.2.7", 2))
    assert signed_in.signed_in.name == "ann"


def test_wrong_passwords_are_slowed_down_for_the_address_whatever_the_name(open_house: OpenHouse) -> None:
    house = open_house(is_open=False, passwords_per_address=3)
    client = house.greet("thief")
    for name in ("ann", "bob", "cyd"):
        assert join(client, name) is RefusalCode.BAD_CREDENTIALS
    assert join(client, "dan") is RefusalCode.SLOW_DOWN
    elsewhere = house.greet("other", address=("198.51.100.1", 1))
    assert join(elsewhere, "dan") is RefusalCode.BAD_CREDENTIALS


def test_the_addresses_of_one_ipv6_line_count_as_one(open_house: OpenHouse) -> None:
    house = open_house(is_open=False, passwords_per_address=3)
    for number, name in enumerate(("ann", "bob", "cyd")):
        client = house.greet("thief", address=(f"2001:db8:0:7::{number}", 4000))
        assert join(client, name) is RefusalCode.BAD_CREDENTIALS
    assert join(house.greet("thief", address=("2001:db8:0:7:ffff::1", 4000)), "dan") is RefusalCode.SLOW_DOWN
    assert join(house.greet("other", address=("2001:db8:0:8::1", 4000)), "dan") is RefusalCode.BAD_CREDENTIALS


def test_right_passwords_are_not_counted(open_house: OpenHouse) -> None:
    house = open_house(passwords_per_account=2, passwords_per_address=2)
    for _ in range(5):
        house.join("ann")


def test_who_hangs_up_meanwhile_gets_no_account(house: House) -> None:
    house.hasher.waits = True
    client = house.greet("ann")
    client.say(signin.Join(client.number(), "ann", PASSWORD, "laptop"))
    client.hang_up()
    house.hasher.answer_all()
    house.settle()
    assert not house.server.has_accounts


def test_while_a_password_is_looked_at_no_other_is(house: House) -> None:
    house.hasher.waits = True
    client = house.greet("ann")
    client.say(signin.Join(client.number(), "ann", PASSWORD, "laptop"))
    assert join(client, "bob") is RefusalCode.SLOW_DOWN
    house.hasher.answer_all()
    house.settle()
    assert isinstance(client.answer(1), signin.SignedIn)


def test_a_password_that_cannot_be_looked_at_is_answered(house: House) -> None:
    house.hasher.fails = True
    client = house.greet("ann")
    assert join(client, "ann") is RefusalCode.SERVER_PROBLEM
    house.hasher.fails = False
    assert join(client, "ann") == "ann"


def test_a_device_belongs_to_one_account(house: House) -> None:
    house.join("ann")
    client = house.greet("ann")
    assert join(client, "bob") is RefusalCode.NOT_ALLOWED
    assert "ann" in said(client)
    house.join("bob")
    assert join(client, "bob") is RefusalCode.NOT_ALLOWED


@pytest.mark.parametrize("fingerprint", [b"", b"short"])
def test_a_link_without_a_key_cannot_join(house: House, fingerprint: bytes) -> None:
    assert join(house.greet(fingerprint), "ann") is RefusalCode.INVALID


def test_admins_own_the_lobby_and_others_do_not(open_house: OpenHouse) -> None:
    house = open_house()
    first = house.join("first")
    ann = house.greet("ann")
    ann.join("ann", token=invite(house, grants_admin=True))
    assert ann.signed_in.is_admin
    roles = [each.me.role for client in (first, ann) for each in client.conversations().values() if each.me is not None]
    assert roles == [Role.MEMBER, Role.OWNER]


def test_an_invite_that_does_not_hold_is_no_hindrance_on_an_open_server(house: House) -> None:
    assert join(house.greet("ann"), "ann", token=b"invented") == "ann"


def test_devices_and_accounts_are_bounded(open_house: OpenHouse) -> None:
    house = open_house(most_devices=2, most_accounts=1)
    house.join("ann")
    house.join("ann", key="phone")
    assert join(house.greet("tablet"), "ann") is RefusalCode.QUOTA_EXCEEDED
    assert join(house.greet("bob"), "bob") is RefusalCode.QUOTA_EXCEEDED


def test_a_new_account_is_told_to_everybody(house: House) -> None:
    ann = house.join("ann")
    house.pass_time(1)
    house.join("bob")
    house.pass_time(1)
    assert ann.last(directory.PeopleChanged).people[-1].name == "bob"


def test_accounts_and_passwords_survive_a_restart(house: House) -> None:
    house.join("ann")
    house.stop()
    house.start()
    assert house.sign_in("ann").signed_in.name == "ann"
    assert join(house.greet("phone"), "ann") == "ann"
    assert join(house.greet("thief"), "ann", "a wrong password") is RefusalCode.NAME_TAKEN


def test_a_password_that_nobody_could_look_at_is_no_try(open_house: OpenHouse) -> None:
    house = open_house(passwords_per_account=2, passwords_per_address=2)
    house.join("ann")
    phone = house.greet("phone")
    house.hasher.fails = True
    for _ in range(5):
        assert join(phone, "ann") is RefusalCode.SERVER_PROBLEM
    house.hasher.fails = False
    assert join(phone, "ann") == "ann"


def test_a_password_that_has_to_wait_for_others_is_no_try(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lanline.core.passwords._MAX_AT_ONCE", 1)
    house = open_house(passwords_per_account=2, passwords_per_address=2)
    house.join("ann")
    house.hasher.waits = True
    slow = house.greet("slow", address=("198.51.100.1", 1))
    slow.say(signin.Join(slow.number(), "bob", PASSWORD, "laptop"))
    phone = house.greet("phone")
    for _ in range(5):
        assert join(phone, "ann") is RefusalCode.SLOW_DOWN
        assert "wrong" not in said(phone)
    house.hasher.waits = False
    house.hasher.answer_all()
    house.settle()
    assert join(phone, "ann") == "ann"


def joined(house: House, name: str, host: str, token: bytes | None = None) -> RefusalCode | None:
    guest = house.greet(name, address=(host, 4000))
    message = signin.Join(guest.number(), name, "", "laptop", token)
    guest.say(message)
    answer = guest.answer(message.request)
    guest.hang_up()
    return answer.known_code if isinstance(answer, answers.Refused) else None


def test_an_open_server_takes_so_many_from_one_address_and_from_all(open_house: OpenHouse) -> None:
    house = open_house(open_accounts_per_address=2)
    here, there = "192.0.2.1", "192.0.2.2"
    assert [joined(house, f"ann{number}", here) for number in range(3)] == [None, None, RefusalCode.SLOW_DOWN]
    assert [joined(house, f"bob{number}", there) for number in range(2)] == [None, None]
    house.pass_time(61.0)
    assert [joined(house, f"cyd{number}", here) for number in range(2)] == [None, RefusalCode.SLOW_DOWN]
    elsewhere = [joined(house, f"dan{number}", f"198.51.100.{number}") for number in range(40)]
    assert elsewhere.count(None) == 20 - 1, "twenty at once, and one again for each ten seconds that have passed"
    assert set(elsewhere) == {None, RefusalCode.SLOW_DOWN}


def test_half_of_the_places_on_an_open_server_are_for_guests_who_are_invited(open_house: OpenHouse) -> None:
    house = open_house(most_accounts=6)
    operator = house.sign_in(house.operator_fingerprint)
    token = operator.ask(admin.MakeInvite(operator.number(), uses=9), admin.InviteMade).token
    crowd = [joined(house, f"eve{number}", f"192.0.2.{number}") for number in range(5)]
    assert crowd == [None] * 3 + [RefusalCode.QUOTA_EXCEEDED] * 2
    assert [joined(house, f"ann{number}", "192.0.2.9", token) for number in range(3)] == [None] * 3
    assert joined(house, "late", "192.0.2.9", token) is RefusalCode.QUOTA_EXCEEDED
    assert house.sign_in("ann1").signed_in.name == "ann1"
