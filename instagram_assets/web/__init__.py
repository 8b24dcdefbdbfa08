"""What a browser shows of the platform, and what keeps other pages away from it."""
