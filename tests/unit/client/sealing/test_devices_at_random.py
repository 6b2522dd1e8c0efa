"""People with several devices, of which some are lost, taken out, thrown back or came by the recovery key, at random.

In the end every device that may read has read everything, and none that was taken out has what is sealed since.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from lanline.client.sealing.tables import GroupTables
from lanline.errors import LanlineError
from unit.client.sealing.devices import Device, Town

_STEPS = 24
_MOST_DEVICES = 4


class Walk:
    def __init__(self, folder: Path, seed: int) -> None:
        self.town = town = Town(folder)
        self.chance = random.Random(seed)
        ana = town.founder()
        words = ana.member.entering.recovery_words
        assert words is not None
        self.recovery = {"ana": words}
        self.people: dict[str, list[Device]] = {"ana": [ana]}
        self.gone: list[tuple[Device, int]] = []
        """Devices that were taken out, and how many things had been said until then."""
        self.said: list[str] = []
        for name in ("ben", "cai"):
            device = Device(town, name, town.link(ana))
            town.pass_time(0.3)
            self.people[name] = [device]
            self.recovery[name] = town.done(device.member.recovery.make())

    def done(self, ticket: Any) -> None:
        self.town.done(ticket)
        self.town.pass_time(0.3)

    def online(self, name: str) -> list[Device]:
        return [each for each in self.people[name] if each.client is not None]

    def step(self) -> None:
        name = self.chance.choice(list(self.people))
        act = self.chance.choice(
            [self.speak, self.speak, self.add, self.revoke, self.recover, self.go, self.come, self.lose]
        )
        act(name)

    def speak(self, name: str) -> None:
        for device in self.online(name)[:1]:
            device.member.want_epoch()
            self.town.pass_time(0.3)
            text = f"{name} {len(self.said)}"
            device.say(text)
            self.said.append(text)

    def add(self, name: str) -> None:
        if len(self.people[name]) >= _MOST_DEVICES or not self.online(name):
            return
        new = Device(self.town, name)
        self.town.pass_time(0.3)
        old = self.chance.choice(self.online(name))
        code = new.keys.code
        assert code is not None
        found = self.town.done(old.member.devices.find(code))
        self.done(old.member.devices.approve(found, code))
        self.people[name].append(new)

    def recover(self, name: str) -> None:
        if len(self.people[name]) >= _MOST_DEVICES:
            return
        new = Device(self.town, name)
        self.town.pass_time(0.3)
        self.done(new.member.recovery.use(self.recovery[name]))
        self.people[name].append(new)

    def revoke(self, name: str) -> None:
        if not self.online(name) or len(self.people[name]) < 2:
            return
        by = self.chance.choice(self.online(name))
        lost = self.chance.choice([each for each in self.people[name] if each is not by])
        self.people[name].remove(lost)
        self.gone.append((lost, len(self.said)))
        self.done(by.member.devices.revoke([lost.member.copy.device_id]))
        lost.client = None

    def go(self, name: str) -> None:
        if len(self.online(name)) > 1:
            self.chance.choice(self.online(name)).disconnect()

    def come(self, name: str) -> None:
        for device in self.people[name]:
            if device.client is None:
                device.connect()
                self.town.pass_time(0.3)

    def lose(self, name: str) -> None:
        """All that can be made anew."""
        device = self.chance.choice(self.people[name])
        if device.client is not None:
            device.disconnect()
        GroupTables(device.history.database, device.keys.device_secret, device.entropy).forget()
        device.restart()
        device.connect()
        self.town.pass_time(0.5)

    def check(self) -> None:
        for name in self.people:
            self.come(name)
        self.speak("ben")
        self.town.pass_time(1.0)
        for devices in self.people.values():
            for device in devices:
                assert device.texts() == self.said, device.name
        newest = self.people["ana"][0].epoch_id
        assert newest is not None
        for lost, _ in self.gone:
            assert lost.member.copy.secret(newest) is None
            with pytest.raises((LanlineError, AssertionError)):
                lost.connect()


@pytest.mark.parametrize("seed", range(6))
def test_nobody_who_may_read_cannot_and_nobody_who_may_not_can(tmp_path: Path, seed: int) -> None:
    walk = Walk(tmp_path, seed)
    for _ in range(_STEPS):
        walk.step()
    walk.check()
    walk.town.close()
