"""Sockets and timers, and nothing else: moves bytes between the network and the machines of `proto`."""
