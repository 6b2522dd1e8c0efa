"""What stands under the seal once it is open, and what this disk keeps of it: words, topics, brought words, rows."""

from __future__ import annotations

import msgspec

from lanline.chain.state import Chain
from lanline.client.chat.history import OutboxRow
from lanline.client.chat.messages import message_of_row
from lanline.client.chat.sealed.content import (
    OPENED,
    PLAIN,
    KeptCarried,
    open_sealed,
    said_by,
    seal,
    topic_body,
    topic_of,
)
from lanline.client.sealing.chainstate import ChainState, PeopleState, decode_state, encode_state
from lanline.client.view.values import NoWords, Unreadable
from lanline.model.content import DeviceLabel, Edit, KnownDevices, KnownPerson, Text, Topic
from lanline.wire.sealing.said import SAID_SUITE, TOPIC_SUITE

_SUITES = (
    PLAIN,
    OPENED,
    "earlier",
    "doubted",
    "carried",
    "again",
    SAID_SUITE,
    TOPIC_SUITE,
    "key/1",
    "epoch/1",
    "new/9",
)


def fuzz_one(data: bytes) -> None:
    for suite in _SUITES:
        content = open_sealed(suite, data)
        if not isinstance(content, NoWords | Unreadable):
            assert open_sealed(suite, seal(content)[1]) == content
        row = OutboxRow(1, bytes(16), 1, "#lobby", suite, data, 0, sealed=data)
        assert message_of_row(row, 1).content == content
    topic = topic_of(data)
    assert topic is None or topic_of(topic_body(topic)) == topic
    said_by(data, bytes(16))
    state = decode_state(data)
    assert state is None or encode_state(state)


def seeds() -> list[bytes]:
    contents = (
        Text("hi"),
        Topic("glass and wire"),
        KnownPerson(bytes(32), bytes(20)),
        KnownDevices((DeviceLabel(bytes(16), "laptop", 1, bytes(16)),)),
        Edit(bytes(16), "ho"),
    )
    carried = KeptCarried(1, bytes(16), 5, seal(contents[0])[1])
    state = ChainState.of(Chain(), [], PeopleState({}, {}, {}))
    return [*(seal(content)[1] for content in contents), msgspec.msgpack.encode(carried), encode_state(state)]
