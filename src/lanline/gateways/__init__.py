"""One folder for each protocol: it translates messages into commands of the core, and changes into messages."""
