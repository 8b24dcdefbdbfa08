"""Posts and profiles collected by ourselves: Meta's official API first, Instagram's site politely second."""
