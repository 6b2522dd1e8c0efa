"""What a person's own machine does and keeps. Faces and commands stand on it."""
