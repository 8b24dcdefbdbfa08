"""Side-by-side timings against peers, and the fault campaign."""
