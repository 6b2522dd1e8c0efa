"""Who steals a backup has the server's own keys, and of its people nothing: no word, password, key, link or code."""

from __future__ import annotations

import base64
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from lanline.client.sealing.ownentries import INVITE_SECRET_BYTES, InviteKeys
from lanline.core.changes import OPERATOR
from lanline.crypto.groups import ids
from lanline.crypto.groups.epochs import room_key_of
from lanline.model.content import Edit, Reaction, Text, Topic
from lanline.server.backup import MANIFEST, make_backup
from lanline.server.datafolder import DataFolder
from lanline.storage.sqlite.connection import FILE_NAME
from lanline.storage.sqlite.database import SqliteDatabase
from serverhouse.house import HandHasher
from unit.client.chat.sealed.test_shared_trust import second_device, verify
from unit.client.chat.village import Process, Village

WORDS = ("in the lobby of all", "on the board of few", "between the two of us", "a note to myself", "corrected later")
TOPICS = ("what all are about", "what few are about")
PASSWORD = b"correct horse"  # of everybody in the village


def hash_truly(_: HandHasher, password: str, when_done: Callable[[str | None], None], **_how: object) -> None:
    when_done(PasswordHasher(time_cost=1, memory_cost=64).hash(password))


@pytest.fixture
def village(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Village]:
    monkeypatch.setattr(HandHasher, "hash", hash_truly)
    monkeypatch.setattr(HandHasher, "verify", lambda _self, _given, _kept, when_done, **_how: when_done(True))
    made = Village(tmp_path, 1)
    made.seal()
    made.come_to_rest()
    made.make_private_room()
    yield made
    made.close()


def say(process: Process, destination: str, content: object) -> bytes:
    entry_id = process._home.village.chance.randbytes(16)
    process.node.outbox.say(destination, content, entry_id)  # type: ignore[arg-type]
    return entry_id


def spelled(secret: bytes) -> list[bytes]:
    """As it is, and as programs write such."""
    plain = base64.b64encode(secret).rstrip(b"="), base64.urlsafe_b64encode(secret).rstrip(b"=")
    return [secret, secret.hex().encode(), *plain, base64.b32encode(secret).rstrip(b"=")]


def test_a_stolen_backup_holds_no_word_no_password_no_usable_key_and_no_link(village: Village, tmp_path: Path) -> None:
    ann, ben, _ = (home.processes[0] for home in village.homes)
    for place, text in zip(("#lobby", "#board", "ben", "ann"), WORDS, strict=False):
        last = say(ann, place, Text(text))
    for place, text in zip(("#lobby", "#board"), TOPICS, strict=True):
        say(ann, place, Topic(text))
    say(ann, "ann", Edit(last, WORDS[-1]))
    say(ann, "ann", Reaction(last, "🦔"))
    second = second_device(village)
    verify(ann, "ben")
    invite = ann.member.changes.make_invite(3, 10**9)
    link = ann.member.devices.offer()
    servers = village.house.server.core.make_invite(OPERATOR)
    village.rest_until(lambda: invite.is_settled and link.is_settled and servers.is_settled)
    village.rest_until(lambda: not ann.node.outbox.messages)
    DataFolder(village.folder / "server").identity(is_first=True)
    archive = tmp_path / "stolen.tar"
    make_backup(SqliteDatabase(village.folder / "server"), archive)
    with tarfile.open(archive) as tar:
        names = tar.getnames()
        inside = b"".join(stream.read() for each in tar.getmembers() if (stream := tar.extractfile(each)) is not None)
    assert {MANIFEST, FILE_NAME} < set(names)
    assert b"ann" in inside, "whom it serves stands in it"
    assert not [text for text in (*WORDS, *TOPICS, "🦔") if text.encode() in inside]
    assert b"$argon2id$" in inside
    assert PASSWORD not in inside
    for secret in secrets(ann, ben, second, invite.result(), link.result(), servers.result()):
        assert len(secret) >= 16
        assert not [each for each in spelled(secret) if each in inside]


def secrets(ann: Process, ben: Process, second: Process, invite: bytes, link: bytes, servers: bytes) -> list[bytes]:
    found = [invite, invite[:INVITE_SECRET_BYTES], InviteKeys.of(invite[:INVITE_SECRET_BYTES]).shown, link, servers]
    found.append(ids.device_shown_of(ids.approval_key_of(ids.code_of_token(link))))
    words = ann.member.entering.recovery_words
    assert words is not None, "who founds a group is shown them"
    found += [words, ids.recovery_secret_of(words), ids.recovery_shown_of(ids.recovery_secret_of(words))]
    for process in (ann, ben, second):
        context = process.member._context
        assert context.seeds
        assert process.member.copy.secrets
        found += [context.keys.device_secret, *context.seeds.values(), *process.member.copy.secrets.values()]
        lobby = ids.open_room_id_of(process.member.copy.chain.group_id, "lobby")
        found += [room_key_of(each, lobby) for each in process.member.copy.secrets.values()]
    return found
