"""Tests of instagram_assets.models."""
