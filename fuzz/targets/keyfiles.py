"""The files that hold keys, and what people carry: keystore, recovery file, invites, codes, records of new devices."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import msgspec

from lanline.client.pin import parse_server
from lanline.client.sealing.devices import DeviceAnswer, device_id_in
from lanline.client.sealing.keystore import Keystore
from lanline.client.sealing.recoveryfile import read_recovery_file
from lanline.crypto.groups import ids
from lanline.errors import IdentityProblem, InvalidInput, MalformedPacket, WrongPassphrase
from lanline.model.invites import InviteLink
from lanline.wire.sealing.entries import DeviceRecord, NewDevice, decode_device_record
from lanline.wire.sealing.strict import ZEROS, encode_strictly

_FOLDER = tempfile.TemporaryDirectory()
_KEPT = {
    "device_secret": "00" * 32,
    "group_id": "11" * 32,
    "height": 7,
    "head": "22" * 32,
    "ended": ["33" * 16, "44" * 32],
    "code": "ABCDEFGHIJKLMNOPQRST",
    "verified": {"55" * 32: "66" * 20},
}


def fuzz_one(data: bytes) -> None:
    folder = Path(_FOLDER.name)
    for path in folder.iterdir():
        path.unlink()
    _as_keystore(folder, data)
    if b"memory_kib" not in data:  # a file may ask for as much as a passphrase may cost, which nobody has time for here
        (folder / "recovery").write_bytes(data)
        with contextlib.suppress(InvalidInput, WrongPassphrase):
            read_recovery_file(folder / "recovery", "a passphrase")
    _as_typed(data)


def _as_keystore(folder: Path, data: bytes) -> None:
    (folder / "keys.json").write_bytes(data)
    try:
        store = Keystore.open(folder, bytes)
    except IdentityProblem:
        return
    except WrongPassphrase:
        assert b"under_passphrase" in data
        return
    store.save()
    again = Keystore.open(folder, bytes)
    assert (again.device_secret, again.head, again.ended) == (store.device_secret, store.head, store.ended)


def _as_typed(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    with contextlib.suppress(InvalidInput):
        link = InviteLink.parse(text)
        assert InviteLink.parse(str(link)) == link
    with contextlib.suppress(InvalidInput):
        parse_server(text)
    if ids.is_code(text):
        assert len(ids.mark_of_new(ids.approval_key_of(text), data)) == 32
    DeviceAnswer.of(data)
    with contextlib.suppress(MalformedPacket):
        device_id_in(decode_device_record(data))


def seeds() -> list[bytes]:
    record = DeviceRecord(ZEROS, ZEROS, encode_strictly(NewDevice(ZEROS, ZEROS, ZEROS)), bytes(64))
    return [
        msgspec.json.encode(_KEPT),
        b'{"under_passphrase": {"salt": "", "data": ""}}',
        b'{"kind": "lanline recovery key", "key": {"salt": ""}}',
        str(InviteLink("10.0.0.5", 5265, bytes(range(32)), bytes(32))).encode(),
        str(InviteLink("::1", 5265, bytes(range(32)), bytes(16))).encode(),
        b"abcde fghij klmno pqrst",
        encode_strictly(record),
        DeviceAnswer(7, ZEROS, bytes(16), ZEROS).encoded(),
    ]
