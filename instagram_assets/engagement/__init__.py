"""Numbers about how people react to posts."""
