"""The client: keys, conversations, and what a face shows of them."""
