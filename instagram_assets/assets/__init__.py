"""What exists: thin adapters, a table in and a table out, one file per stage."""

import warnings

import dagster as dg

# Backfill and freshness policies are marked beta; they are used knowingly, and the version is pinned.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
