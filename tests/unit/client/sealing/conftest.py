from unit.client.sealing.devices import new_town

__all__ = ["new_town"]
