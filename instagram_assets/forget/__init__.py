"""Erases an account, a hashtag, a post or an image from all stored data (`instagram-assets forget`), and verifies it.

How it works: `erasure.find_subject` resolves what the user typed to all its identifiers; one function per area of the
data folder (`inbox_files.inbox_steps`, `lake_tables.lake_table_steps`, …) plans the `Step`s that remove or rewrite its
files; `erasure.erase` writes tombstones, applies the steps, searches every byte for what is left and writes a report.
"""
