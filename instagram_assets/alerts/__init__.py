"""Failures told outside this machine, by a webhook and by mail: once per cause and day, without anybody's data."""
