"""The Dagster assets: thin adapters from input tables to an output table, one module per pipeline stage."""

import warnings

import dagster as dg

# Backfill and freshness policies are marked beta; they are used knowingly, and the version is pinned.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
