"""What a person sees of the client."""
