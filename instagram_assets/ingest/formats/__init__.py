"""Parsers for the formats that posts and profiles come in, one module each; `registry` lists them."""
