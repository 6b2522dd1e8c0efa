"""The SMTP dialogue with one server (RFC 5321) over aiosmtplib, and what can be seen of a server from outside."""
