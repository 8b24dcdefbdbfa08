"""Prints the text of `.env.example`: `python -m instagram_assets.settings`, which `make env-example` runs."""

from instagram_assets.settings import env_example

print(env_example(), end="")
