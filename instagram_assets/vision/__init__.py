"""Pixels to meaning: quality, captions, embeddings and clusters."""
