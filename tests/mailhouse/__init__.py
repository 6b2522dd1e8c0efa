"""Mail servers for tests: honest ones, ones that misbehave on cue, Postfix, and the certificates of all of them."""
