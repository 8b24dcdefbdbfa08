"""Faults at chosen file operations: kill, torn write, full disk, read error, power cut."""
