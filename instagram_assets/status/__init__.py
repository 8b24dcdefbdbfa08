"""Health of an installation: data status, the `doctor` checks, file integrity, pre-run checks, explained errors."""
