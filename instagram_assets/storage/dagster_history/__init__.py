"""Erasure of people and searches from Dagster's run history: its databases, its logs and the files beside them."""
