"""RTSP, by which media players watch: what is said, and how H.264 travels in RTP. No sockets, no clock."""
