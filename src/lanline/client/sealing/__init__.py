"""A device's part in a group that its server cannot read: docs/protocol/sealing.md."""
