"""Sockets, and nothing else: what goes over them is decided elsewhere."""
