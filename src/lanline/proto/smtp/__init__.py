"""SMTP (RFC 5321) as state machines without I/O: the client's role, and what both roles share."""
