"""Personal data: pseudonyms, masking of texts, tombstones of erased identifiers, and byte searches for leaks."""
