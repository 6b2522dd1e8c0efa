"""Sending ordinary mail from this machine: drafts, accounts, passwords, the courier, and the outbox."""
