from unit.client.chat.sealedvillage import sealed_village

__all__ = ["sealed_village"]
