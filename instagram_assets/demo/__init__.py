"""The demo: synthetic exports and pictures, and local servers that imitate the external APIs."""

from pathlib import Path

SAMPLE = Path(__file__).with_name("sample")
"""The export as files, and the small models that know its pictures."""
MODELS = SAMPLE / "models"
