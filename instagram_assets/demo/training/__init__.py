"""Makes the demo's small models anew; it is not in the wheel."""
