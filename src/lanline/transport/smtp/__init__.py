"""Connections to mail servers: names looked up, addresses raced, TLS, and the dialogue driven over them."""
