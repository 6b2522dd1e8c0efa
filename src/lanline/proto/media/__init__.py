"""Live pictures without I/O: cut into packets, protected, put together, sent no faster than the way carries."""
