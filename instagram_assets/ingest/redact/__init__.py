"""Redaction of records and files: erased people and posts are removed, as if they had never been in them."""
