"""The demo: synthetic exports and images, and local servers that imitate the external APIs."""

from pathlib import Path

SAMPLE = Path(__file__).with_name("sample")
"""Folder with the committed sample export and the small models trained on its pictures."""
MODELS = SAMPLE / "models"
