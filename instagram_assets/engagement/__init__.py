"""Engagement metrics of posts: impressions, growth of likes over time, and virality labels."""
