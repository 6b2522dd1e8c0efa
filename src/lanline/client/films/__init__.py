"""Films of the server: fetched part by part through the node of the home, and shown."""
