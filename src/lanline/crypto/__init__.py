"""Identity, handshake and sealing: thin, over well-kept libraries."""
