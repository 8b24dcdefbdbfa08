"""`python -m instagram_assets.cli` is the command `instagram-assets`."""

from instagram_assets.cli import app

app(prog_name="instagram-assets")
