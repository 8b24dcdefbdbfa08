"""Charts and daily summaries, computed as tables by querying the index, with links to the posts behind each row."""
