"""Downloads images and videos safely, validates them while they arrive, and stores each once."""
