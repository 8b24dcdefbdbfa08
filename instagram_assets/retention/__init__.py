"""Retention: deletes observations and media older than the limits in the settings; derived data is kept."""
