"""Models as files: found on this machine, checked, fetched from a hub."""
