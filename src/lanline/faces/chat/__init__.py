"""What a person sees of the chat, at a terminal and at a pipe."""
