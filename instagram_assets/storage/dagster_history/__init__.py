"""Erasure of accounts, hashtags and searches from Dagster's run history: its databases and other files of its home."""
