"""Who may read, judged from signed entries alone, by the server and every client alike: docs/protocol/sealing.md."""
