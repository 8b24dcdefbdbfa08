"""When things run, and what is checked."""
