"""Dagster's own history without names that are forgotten: its databases, its logs and the files beside them."""
