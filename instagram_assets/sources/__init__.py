"""Data collection: the registry file of accounts to collect, and scraping through Apify's actors into the inbox."""
