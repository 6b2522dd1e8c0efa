"""The WebSocket link (docs/protocol/websocket.md): the way to a peer where UDP is blocked."""
