from unit.client.sealing.devices import new_town, three

__all__ = ["new_town", "three"]
