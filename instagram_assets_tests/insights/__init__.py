"""Charts are asked of small lakes, and their numbers recomputed another way."""
