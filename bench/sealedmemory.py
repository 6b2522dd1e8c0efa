"""What a client holds in memory that knows many people and is in many rooms: beside the last version before sealing."""

from __future__ import annotations

import tempfile
from pathlib import Path

from chatcatchup import serving_to
from chatservers.lanline import prepared
from sealedgroup import SealedGroup
from unsealed import HERE, checkout, told_by

MOST_RATIO = 1.3

_CLIENT = """
import asyncio, json, sys
from pathlib import Path
from lanline.client.chat.client import ChatClient
from process import resident_bytes

async def main():
    client = ChatClient.at_home(Path(sys.argv[1]))
    member = client.node.seals.member if hasattr(client.node, "seals") else None
    async with client:
        is_there = lambda: client.node.state.name == "SYNCHRONIZED" and (member is None or member.is_settled)
        assert await client.wait_until(is_there, 60)
        await asyncio.sleep(2)
        print(json.dumps({"mb": resident_bytes() / 1e6}))

asyncio.run(main())
"""
_PLAIN = """
import json, sys, tempfile
from pathlib import Path
import chatcatchup as part
from lanline.model.rooms import Access, Membership

def fill(people, rooms):
    def work(transaction):
        made, lobby = transaction.accounts.by_name("member1"), transaction.rooms.all()[0]
        for number in range(people):
            account = transaction.accounts.add(f"person{number}", 0, is_admin=False, password_hash=None)
            transaction.rooms.put_membership(Membership(lobby.log, account.id))
        for number in range(rooms):
            room = transaction.rooms.create(f"#room{number}", "", Access.OPEN, made.id, 0)
            transaction.rooms.put_membership(Membership(room.log, made.id))
    return work

people, rooms, code = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    data, home = part.prepared(folder, 2), folder / "home"
    engine = part.SqliteEngine.open(data)
    (problem,) = engine.transact([fill(people, rooms)])
    assert problem is None, problem
    engine.close()
    with part._serving_to(home, folder, data):
        import subprocess
        for _ in range(2):
            told = subprocess.run([sys.executable, "-c", code, str(home)], check=True, stdout=subprocess.PIPE).stdout
print(told.decode().strip())
"""


def rows(people: int, rooms: int) -> list[list[str]]:
    """At the second start: what comes at first is on the disk."""
    with checkout() as before:
        plain = told_by(before, _PLAIN, str(people), str(rooms), _CLIENT)["mb"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data, home = prepared(folder, 2), folder / "home1"
        SealedGroup(folder, data, [folder / f"home{number}" for number in range(2)], people, rooms)
        with serving_to(home, folder, data):
            sealed = [told_by(HERE, _CLIENT, str(home))["mb"] for _ in range(2)][-1]
    name = f"memory of a client, {people:,} people, {rooms:,} rooms: MB"
    return [[name, f"{sealed:.0f}", f"{plain:.0f}", f"{sealed / plain:.2f}", f"{MOST_RATIO}"]]
