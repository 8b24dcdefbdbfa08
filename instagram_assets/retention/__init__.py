"""Observations and media that are older than a setting go; what was made of them stays."""
