"""What the numbers say: each chart as a table of numbers, asked of the index, and the posts behind each of its rows."""
