"""Instagram posts, reels and profiles as Dagster assets, and as datasets to train on."""

__version__ = "0.1.0"
