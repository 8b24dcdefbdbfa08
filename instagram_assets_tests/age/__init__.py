"""Tests of instagram_assets.age."""
