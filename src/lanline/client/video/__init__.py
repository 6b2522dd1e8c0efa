"""Live video: captured here and sent, or received and shown."""
