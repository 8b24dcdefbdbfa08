"""Quality, captions, embeddings and clusters, each against the way a notebook would take."""
