"""Tests of records and files without what is forgotten."""
