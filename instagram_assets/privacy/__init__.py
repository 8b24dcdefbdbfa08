"""Names of people: what stands in their place, and what must not come back."""
