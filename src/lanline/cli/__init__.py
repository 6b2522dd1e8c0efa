"""What a person types. One file per command group; each imports the parts it runs only when it runs."""
