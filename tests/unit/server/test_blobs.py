"""Parts of files: on the bulk channel, within a quota."""

from __future__ import annotations

from collections.abc import Callable

from lanline.errors import RefusalCode
from lanline.model.blobs import MAX_BLOB_BYTES, blob_id
from lanline.proto.channels import Channel
from lanline.wire.chat import answers, blobs
from serverhouse.house import Client, House

OpenHouse = Callable[..., House]


def put(client: Client, data: bytes) -> bytes:
    return client.ask(blobs.PutBlob(client.number(), data), blobs.BlobStored, Channel.BULK).blob


def test_what_one_puts_there_another_gets(house: House) -> None:
    ann, bob = house.join("ann"), house.join("bob")
    data = b"\x00sealed" * 1000
    name = put(ann, data)
    assert name == blob_id(data)
    found = bob.ask(blobs.GetBlob(bob.number(), name), blobs.BlobFound, Channel.BULK)
    assert found.data == data
    assert bob.link.arrived[-1][0] is Channel.BULK
    assert put(bob, data) == name, "again is harmless"


def test_what_there_is_not_is_not_found(house: House) -> None:
    ann = house.join("ann")
    assert ann.refusal(blobs.GetBlob(ann.number(), bytes(32)), Channel.BULK) is RefusalCode.NOT_FOUND


def test_a_quota_holds_and_what_is_there_already_does_not_count(open_house: OpenHouse) -> None:
    house = open_house(blob_quota_bytes=2500)
    ann, bob = house.join("ann"), house.join("bob")
    names = [put(ann, bytes([number]) * 1000) for number in (1, 2)]
    assert put(ann, b"\x01" * 1000) == names[0]
    too_much = blobs.PutBlob(ann.number(), b"\x03" * 1000)
    assert ann.refusal(too_much, Channel.BULK) is RefusalCode.QUOTA_EXCEEDED
    assert put(bob, b"\x03" * 1000)


def test_what_waits_for_the_disk_is_bounded(house: House) -> None:
    ann = house.join("ann")
    messages = [blobs.PutBlob(ann.number(), bytes([number]) * MAX_BLOB_BYTES) for number in range(10)]
    for message in messages:
        ann.say(message, Channel.BULK, settles=False)
    house.settle()
    kinds = [type(ann.answer(message.request)) for message in messages]
    assert kinds == [blobs.BlobStored] * 8 + [answers.Refused] * 2
    assert put(ann, bytes([9]) * MAX_BLOB_BYTES)


def test_who_fetches_faster_than_the_link_carries_asks_again(house: House) -> None:
    ann = house.join("ann", buffer_bytes=MAX_BLOB_BYTES)
    name = put(ann, b"x" * MAX_BLOB_BYTES)
    ann.link.is_reading = False
    requests = [ann.number() for _ in range(3)]
    for request in requests:
        ann.say(blobs.GetBlob(request, name), Channel.BULK)
    ann.link.is_reading = True
    house.settle()
    assert isinstance(ann.answer(requests[0]), blobs.BlobFound)
    assert ann.answer(requests[2]).known_code is RefusalCode.SLOW_DOWN
