"""Films on demand, at the player: what to fetch next, in which quality, how much at once. No I/O, no pictures."""
