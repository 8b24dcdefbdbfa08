"""Tests of instagram_assets.text."""
