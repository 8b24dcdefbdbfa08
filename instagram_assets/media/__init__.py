"""Bytes in: images fetched safely, checked while they arrive, and kept once."""
