"""Ordinary mail: addresses, header fields, bodies, whole messages, and what a server's refusal means."""
