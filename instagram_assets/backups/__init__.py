"""Backups: all that cannot be made again, stored elsewhere, and brought back."""
