"""Records and files without what is forgotten: as they would be had it never been in them."""
