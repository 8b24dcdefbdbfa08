"""Training of the demo's small models; not part of the wheel."""
