"""Engagement metrics of posts: engagement rate (`impression`), growth of likes over time, and virality labels."""
