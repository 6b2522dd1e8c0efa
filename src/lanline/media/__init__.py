"""What is seen and heard: where it comes from, how it is encoded, where it goes. No network."""
