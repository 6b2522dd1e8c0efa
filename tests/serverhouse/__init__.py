"""A chat server under test, without sockets: links, a clock and passwords that a test holds in its hand."""
