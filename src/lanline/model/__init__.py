"""Values and the rules about them. Nothing here reads a clock, a file, a socket or a source of chance."""
