from unit.client.chat.sealedvillage import sealed_village
from unit.client.sealing.devices import new_town

__all__ = ["new_town", "sealed_village"]
