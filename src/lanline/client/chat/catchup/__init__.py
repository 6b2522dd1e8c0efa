"""How many entries at once come onto the disk: opened together, in a second program, written in a thread."""
