"""What somebody decided by hand about an image of a search, as tables, manifests and pages say it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Decision = Literal["keep", "drop"]

KEPT, DROPPED = "kept by hand", "dropped by hand"


@dataclass(frozen=True)
class Override:
    """What somebody decided about one image: when, and why, which may be empty."""

    decision: Decision
    why: str
    decided_at: datetime

    @property
    def reason(self) -> str:
        """How tables and manifests say it, in one line."""
        said = KEPT if self.decision == "keep" else DROPPED
        return f"{said}: {' '.join(self.why.split())}" if self.why else said


NOTHING: Mapping[str, Override] = {}
"""The overrides of a search about which nobody decided anything."""
