"""What a device does when its server was restored from a backup: it compares, and brings back what was lost."""
