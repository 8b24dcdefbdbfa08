"""The web app, and the server of the Dagster UI; both are protected from requests by other sites' pages (CSRF)."""
