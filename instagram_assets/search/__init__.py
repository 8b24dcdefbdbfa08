"""Image search: builds a folder of sharp images of one subject from a search query."""
