"""Signed entries of the chain, statements of epochs and sealed words as bytes: docs/protocol/sealing.md."""
