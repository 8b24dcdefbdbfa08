"""Words: what captions are made of, how often, and what groups of them are about."""
