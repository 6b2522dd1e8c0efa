"""What a server keeps, durably."""
