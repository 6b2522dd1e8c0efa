"""Rules and state of a server: commands go in, committed changes come out. No socket, no wire format, no SQL."""
