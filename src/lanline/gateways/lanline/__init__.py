"""The chat protocol of `wire/chat`, over any link: sessions, encoding once for all, backpressure, catching up."""
