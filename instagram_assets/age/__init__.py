"""The age model: which share of an audience is of an age, with honest uncertainty."""
