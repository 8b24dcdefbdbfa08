"""Reels watched: their videos, what a language model says of each, and what sets the viral ones apart."""
