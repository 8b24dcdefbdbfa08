"""An invented export, the pictures it points to, and the small server that hands them out."""

from pathlib import Path

SAMPLE = Path(__file__).with_name("sample")
"""The export as files, and the small models that know its pictures."""
MODELS = SAMPLE / "models"
