"""Reel analysis: video download, analysis by a language model, and comparison of viral with other reels."""
