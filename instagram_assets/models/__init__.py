"""Model files: finding them on this machine, checking them, and downloading them from the Hugging Face hub."""
