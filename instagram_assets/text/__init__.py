"""Text analysis: tokenization of captions, word frequencies, and topics of groups of images."""
