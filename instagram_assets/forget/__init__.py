"""Forgetting an account, a hashtag, a post or an image: everywhere, for good, and with proof."""
