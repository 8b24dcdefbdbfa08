"""Where records come from that nobody brings as a file."""
