"""Image search: a word in, a folder of sharp images of one subject out."""
