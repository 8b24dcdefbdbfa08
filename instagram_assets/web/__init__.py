"""The web app and the Dagster UI, and what keeps other sites' pages away from both."""
