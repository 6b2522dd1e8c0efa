"""The cryptography of a group that its server cannot read: docs/protocol/sealing.md."""
