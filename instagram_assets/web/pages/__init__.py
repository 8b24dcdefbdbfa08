"""The pages: one file for each, with the parts of it that are fetched again while it is open."""
