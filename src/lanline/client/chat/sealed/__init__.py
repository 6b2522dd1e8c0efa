"""What a device does with conversations that are sealed: it opens them, and watches what the server shows of them."""
