"""Messages <-> bytes: MessagePack, each message tagged with its name."""
