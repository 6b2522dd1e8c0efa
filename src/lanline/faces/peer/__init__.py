"""What a person sees of a conversation of two, at a terminal and at a pipe."""
