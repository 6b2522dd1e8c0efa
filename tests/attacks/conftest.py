from __future__ import annotations

import pytest

from serverhouse.group import new_group
from unit.client.chat.sealedvillage import sealed_village
from unit.client.sealing.devices import Device, new_town, three

__all__ = ["new_group", "new_town", "sealed_village", "three"]


@pytest.fixture
def people(three: tuple[Device, Device, Device]) -> tuple[Device, Device, Device]:
    return three
