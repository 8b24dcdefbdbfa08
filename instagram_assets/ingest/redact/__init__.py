"""Redaction of records and files: data about people and posts erased on request is removed."""
