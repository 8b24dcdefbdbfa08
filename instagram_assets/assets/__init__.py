"""What exists: thin adapters, a table in and a table out, one file per stage."""
