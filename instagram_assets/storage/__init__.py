"""How tables and files are kept: whole or not at all."""
