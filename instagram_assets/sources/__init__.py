"""Data collection: the registry of accounts to collect, and scraping through Apify's actors into the inbox."""
