"""A Dagster home for each way to run: a folder with its dagster.yaml."""

from pathlib import Path

HOMES = Path(__file__).parent
