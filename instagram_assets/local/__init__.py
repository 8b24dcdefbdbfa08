"""The same work on plain files, without a lake: what a person in a notebook calls."""
