"""Side-by-side timings against peers."""
