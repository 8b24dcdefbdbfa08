"""Personal data: pseudonyms, masking of texts, tombstones of what was erased, and byte searches for leaks."""
