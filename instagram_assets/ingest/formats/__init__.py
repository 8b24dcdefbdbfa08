"""Each format that posts and profiles come in, one file each; `registry` lists them."""
