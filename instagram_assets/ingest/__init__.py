"""Records in: files are read, checked, normalised, and kept in the landing zone."""
