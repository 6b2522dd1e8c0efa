"""A conversation of two, without a server."""
