"""What a client and its server say to each other. The meaning of each message stands in docs/protocol/chat.md."""
