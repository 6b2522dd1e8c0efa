"""The first messages on a link: versions, keys, and what is asked before one is signed in."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lanline.errors import CloseCode, RefusalCode
from lanline.proto.channels import Channel
from lanline.wire.chat import admin, blobs, conversations, directory, entries, signin
from lanline.wire.chat.answers import Done
from serverhouse.house import House

OpenHouse = Callable[..., House]


def test_the_greeting_names_the_server_and_the_time(open_house: OpenHouse) -> None:
    house = open_house(is_open=False, server_name="Harbour")
    client = house.greet("ann")
    assert client.last(signin.Welcome) == signin.Welcome(2, "Harbour", is_open=False, now_ms=house.clock.now_ms())


def test_without_a_common_version_the_client_learns_what_there_is_before_the_link_closes(house: House) -> None:
    client = house.call("ann")
    client.link.is_reading = False
    client.say(signin.Hello((7, 9), "from the future"))
    assert client.link.closed is None, "a link that closes gives up what is under way"
    client.link.arrive()
    assert client.last(signin.NoCommonVersion).versions == signin.VERSIONS
    assert client.link.closed is not None
    assert client.link.closed.code is CloseCode.INCOMPATIBLE_VERSION


def test_without_a_common_version_the_link_closes_in_the_end_though_nothing_arrives(house: House) -> None:
    client = house.call("ann")
    client.link.is_reading = False
    client.say(signin.Hello((7,), "test"))
    house.pass_time(2.1)
    assert client.link.closed is not None


def test_signing_in_is_followed_by_everybody_and_by_all_conversations(house: House) -> None:
    house.join("ann")
    house.join("bob").hang_up()
    bob = house.sign_in("bob")
    assert bob.signed_in.name == "bob"
    assert not bob.signed_in.is_new
    kinds = [type(message) for message in bob.heard()]
    assert kinds[:4] == [signin.Welcome, signin.SignedIn, directory.People, conversations.Conversations]
    assert [person.name for person in bob.last(directory.People).people] == ["ann", "bob"]
    assert [each.room.name for each in bob.conversations().values() if each.room] == ["#lobby"]


def test_many_people_come_in_several_messages_of_which_the_last_says_so(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lanline.gateways.lanline.people._PEOPLE_IN_MESSAGE", 2)
    monkeypatch.setattr("lanline.gateways.lanline.conversations._CONVERSATIONS_IN_MESSAGE", 1)
    for name in ("ann", "bob", "cyd"):
        house.join(name)
    ann = house.sign_in("ann")
    assert [(len(each.people), each.is_last) for each in ann.all(directory.People)] == [(2, False), (1, True)]
    ann.ask(conversations.CreateRoom(ann.number(), "#lab"), conversations.Opened)
    again = house.sign_in("ann")
    told = again.all(conversations.Conversations)
    assert [(len(each.conversations), each.is_last) for each in told] == [(1, False), (1, True)]


def test_an_unknown_device_is_refused(house: House) -> None:
    client = house.greet("stranger")
    assert client.refusal(signin.SignIn(1)) is RefusalCode.UNKNOWN_DEVICE


def test_a_revoked_device_is_refused_and_its_links_end_at_once(house: House) -> None:
    ann, phone = house.join("ann"), house.join("ann", key="phone")
    ann.say(admin.RevokeDevice(ann.number(), phone.signed_in.device))
    assert phone.link.closed is not None
    assert phone.link.closed.code is CloseCode.IDENTITY_REJECTED
    assert ann.link.closed is None
    again = house.greet("phone")
    assert again.refusal(signin.SignIn(again.number())) is RefusalCode.UNKNOWN_DEVICE
    assert again.refusal(signin.Join(again.number(), "ann", "correct horse", "x")) is RefusalCode.UNKNOWN_DEVICE


def test_somebody_elses_device_cannot_be_revoked(house: House) -> None:
    ann, bob = house.join("ann"), house.join("bob")
    assert ann.refusal(admin.RevokeDevice(ann.number(), bob.signed_in.device)) is RefusalCode.UNKNOWN_DEVICE
    assert bob.link.closed is None


def test_one_device_may_have_several_links(house: House) -> None:
    ann, also_ann = house.join("ann"), house.sign_in("ann")
    assert ann.signed_in.device == also_ann.signed_in.device
    log = ann.log("#lobby")
    ann.follow(log)
    also_ann.follow(log)
    also_ann.append(log, 1)
    assert ann.entries(log) == also_ann.entries(log) != []


@pytest.mark.parametrize(
    "message",
    [conversations.ListRooms(5), admin.ListUsers(5), entries.Append(5, 1, bytes(16), "plain", b"hi")],
    ids=lambda message: type(message).__name__,
)
def test_before_signing_in_requests_are_refused(house: House, message: object) -> None:
    house.join("ann")
    client = house.greet("stranger")
    assert client.refusal(message) is RefusalCode.NOT_SIGNED_IN


@pytest.mark.parametrize(
    "said",
    [
        (signin.SignIn(1),),
        (signin.Hello((2,), "x"), signin.Hello((2,), "x")),
        (signin.Hello((2,), "x"), entries.Follow(1, 0)),
        (signin.Hello((2,), "x"), *[signin.SignIn(1)] * 17),
    ],
    ids=["no hello", "two hellos", "follow before signing in", "too much"],
)
def test_an_opening_that_is_not_the_protocols_ends_the_link(house: House, said: tuple[object, ...]) -> None:
    client = house.call("ann")
    for message in said:
        client.say(message)  # type: ignore[arg-type]
    assert client.link.closed is not None
    assert client.link.closed.code is CloseCode.PROTOCOL_VIOLATION


@pytest.mark.parametrize(
    "said", [signin.Hello((2,), "test"), signin.SignIn(9), signin.Join(9, "ann", "correct horse", "")]
)
def test_a_client_signs_in_once(house: House, said: object) -> None:
    ann = house.join("ann")
    ann.say(said)
    assert ann.link.closed is not None
    assert ann.link.closed.code is CloseCode.PROTOCOL_VIOLATION


def test_whoever_does_not_sign_in_is_put_off(house: House) -> None:
    silent, greeting = house.call("one"), house.greet("two")
    ann = house.join("ann")
    house.pass_time(15.1)
    assert silent.link.closed is not None
    assert greeting.link.closed is not None
    assert ann.link.closed is None
    assert house.server.figures()["links"] == 1


@pytest.mark.parametrize(
    ("payload", "channel"),
    [
        (b"", Channel.CHAT),
        (b"\xff" * 100, Channel.CHAT),
        (b"\x91" * 100_000, Channel.CHAT),
        (b"\x93\x07\x01\xa4#lab", Channel.BULK),
        (b"\x93\x19\x01\xc4\x20" + bytes(32), Channel.CHAT),
        (b"\x93\x07\x01\xa4#lab", Channel.CONTROL),
    ],
    ids=["empty", "garbage", "nested", "a room on bulk", "a blob on chat", "on control"],
)
def test_what_is_not_the_protocol_ends_this_link_and_no_other(house: House, payload: bytes, channel: Channel) -> None:
    ann, bob = house.join("ann"), house.join("bob")
    ann.say_bytes(payload, channel)
    assert ann.link.closed is not None
    assert ann.link.closed.code is CloseCode.PROTOCOL_VIOLATION
    assert bob.link.closed is None
    assert bob.ask(conversations.ListRooms(bob.number()), conversations.Rooms).rooms


def test_a_full_server_says_so(open_house: OpenHouse) -> None:
    house = open_house(most_links=1)
    house.join("ann")
    late = house.call("bob")
    assert late.link.closed is not None
    assert late.link.closed.code is CloseCode.BUSY


def test_the_operators_key_is_an_admin_who_is_nobody(house: House) -> None:
    ann = house.join("ann")
    operator = house.sign_in(house.operator_fingerprint)
    assert (operator.account, operator.signed_in.is_admin) == (0, True)
    assert [user.name for user in operator.ask(admin.ListUsers(operator.number()), admin.Users).users] == ["ann"]
    log = ann.log("#lobby")
    append = entries.Append(operator.number(), log, bytes(16), "plain", b"hi")
    assert operator.refusal(append) is RefusalCode.UNKNOWN_CONVERSATION
    assert operator.refusal(conversations.JoinRoom(operator.number(), "#lobby")) is RefusalCode.NOT_ALLOWED
    assert operator.refusal(conversations.OpenDirect(operator.number(), ann.account)) is RefusalCode.NOT_ALLOWED
    assert not any(person.account == 0 for message in ann.all(directory.PeopleChanged) for person in message.people)


def test_an_account_has_a_bounded_number_of_links(open_house: OpenHouse) -> None:
    house = open_house(most_links_of_account=2)
    house.join("ann")
    house.sign_in("ann")
    third = house.greet("ann")
    assert third.refusal(signin.SignIn(third.number())) is RefusalCode.QUOTA_EXCEEDED


def test_strangers_are_bounded_and_whoever_signs_in_or_leaves_makes_room(open_house: OpenHouse) -> None:
    house = open_house(most_strangers=2, most_strangers_of_network=2)
    ann, gone = house.greet("ann"), house.call("gone")
    late = house.call("late")
    assert late.link.closed is not None
    assert late.link.closed.code is CloseCode.BUSY, "the client calls again by itself"
    ann.join("ann")
    assert house.call("one").link.closed is None
    gone.hang_up()
    assert house.call("other").link.closed is None
    assert house.call("late").link.closed is not None
    assert ann.link.closed is None


def test_strangers_of_one_network_leave_room_for_those_of_others(open_house: OpenHouse) -> None:
    house = open_house(most_strangers_of_network=1)
    first = house.call("thief", address=("2001:db8:0:7::1", 4000))
    assert house.call("thief", address=("2001:db8:0:7::2", 4000)).link.closed is not None
    assert house.call("ann", address=("2001:db8:0:8::1", 4000)).link.closed is None
    assert first.link.closed is None
    first.hang_up()
    assert house.call("bob", address=("2001:db8:0:7::3", 4000)).link.closed is None


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_behind_a_tunnel_on_this_machine_everybody_has_one_address(open_house: OpenHouse, host: str) -> None:
    house = open_house(most_strangers=3, most_strangers_of_network=1)
    clients = [house.call("one", address=(host, port)) for port in range(4)]
    assert [client.link.closed is None for client in clients] == [True, True, True, False]


def test_a_crowd_of_strangers_keeps_no_known_device_out(open_house: OpenHouse) -> None:
    house = open_house(most_strangers=4, most_strangers_of_network=2)
    house.join("ann").hang_up()
    crowd = [house.call(f"stranger{number}", address=(f"192.0.2.{number % 2 + 1}", 4000)) for number in range(6)]
    assert sum(each.link.closed is None for each in crowd) == 4
    ann, operator = house.sign_in("ann"), house.sign_in(house.operator_fingerprint)
    assert ann.signed_in.name == "ann"
    assert operator.signed_in.is_admin
    assert sum(each.link.closed is None for each in crowd) == 4


def test_a_device_that_may_not_sign_in_is_a_stranger(open_house: OpenHouse) -> None:
    house = open_house(most_strangers=1)
    ann, bob, phone = house.join("ann"), house.join("bob"), house.join("ann", key="phone")
    ann.say(admin.RevokeDevice(ann.number(), phone.signed_in.device))
    operator = house.sign_in(house.operator_fingerprint)
    operator.ask(admin.SetBanned(operator.number(), bob.account, is_banned=True), Done)
    assert house.call("phone").link.closed is None
    for key in ("phone", "bob", "stranger"):
        assert house.call(key).link.closed is not None


def test_the_links_of_a_known_device_are_bounded_before_it_signs_in_too(open_house: OpenHouse) -> None:
    house = open_house(most_links_of_account=2)
    house.join("ann").hang_up()
    first, second, third = (house.call("ann") for _ in range(3))
    assert [each.link.closed is None for each in (first, second, third)] == [True, True, False]
    first.hang_up()
    assert house.call("ann").link.closed is None


def test_where_strangers_have_filled_all_places_the_fullest_network_yields(open_house: OpenHouse) -> None:
    house = open_house(most_strangers=3, most_strangers_of_network=3)
    crowd = [house.call("thief", address=("192.0.2.1", port)) for port in range(3)]
    ann = house.greet("ann", address=("198.51.100.1", 4000))
    assert [each.link.closed is None for each in [*crowd, ann]] == [False, True, True, True]
    assert house.call("thief", address=("192.0.2.1", 9)).link.closed is not None
    assert house.call("bob", address=("203.0.113.1", 4000)).link.closed is None
    assert [each.link.closed is None for each in crowd] == [False, False, True]
    assert house.call("cyd", address=("198.51.100.7", 4000)).link.closed is not None, "all have the same share now"
    ann.join("ann")
    assert house.call("cyd", address=("198.51.100.7", 4000)).link.closed is None


def test_a_class_behind_one_address_gets_in_one_after_the_other(open_house: OpenHouse) -> None:
    house = open_house(most_strangers_of_network=2)
    for number in range(10):
        house.join(f"pupil{number}")
    assert house.server.figures()["links_signed_in"] == 10


def test_a_link_is_trusted_with_more_once_somebody_has_signed_in_on_it(house: House) -> None:
    ann = house.greet("ann")
    assert not ann.link.is_trusted
    ann.join("ann")
    assert ann.link.is_trusted


def test_files_before_signing_in_end_the_link(house: House) -> None:
    client = house.greet("stranger")
    client.say(blobs.PutBlob(1, b"x"), Channel.BULK)
    assert client.link.closed is not None
    assert client.link.closed.code is CloseCode.PROTOCOL_VIOLATION
