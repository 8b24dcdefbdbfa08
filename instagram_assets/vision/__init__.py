"""Computer vision: image quality, captions, embeddings, clusters, and near-duplicates."""
