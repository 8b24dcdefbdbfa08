"""The age model: estimates which share of an audience is above a cut-off age, with confidence intervals."""
