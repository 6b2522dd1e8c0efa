"""The client node: what a person's device knows of a server, has said, and has been told."""
