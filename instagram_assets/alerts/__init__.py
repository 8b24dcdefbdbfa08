"""Failure alerts by webhook and e-mail, once per cause and day, without personal data."""
