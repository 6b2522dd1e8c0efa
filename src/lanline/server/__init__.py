"""The only place where the parts of a server are joined."""
