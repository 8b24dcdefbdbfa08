"""Retention: deletes observations and media that are older than the limits in the settings; derived data is kept."""
