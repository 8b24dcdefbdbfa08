"""The age model: estimates the share of an audience at or above a cut-off age, with confidence intervals."""
