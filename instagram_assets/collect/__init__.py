"""The collector: fetches posts and profiles from Meta's official API or, rate-limited, from Instagram's website."""
