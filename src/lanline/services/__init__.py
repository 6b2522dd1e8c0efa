"""Rules and state of a server. A service knows neither sockets nor SQL, nor another service."""
