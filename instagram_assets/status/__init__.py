"""The health of an installation: status of the data, doctor, integrity, checks before a run, explained errors."""
