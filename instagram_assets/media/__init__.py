"""Safe downloads of images and videos: they are validated on arrival, and each file is stored once."""
