"""Words and the age model, each against the way that the source systems took."""
