"""Ids for invented posts: one number that holds the time of upload."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(2011, 8, 24, 21, 7, 1, 721000, tzinfo=UTC)
_LOW_BITS = 23


def media_id(uploaded_at: datetime, low_bits: int) -> int:
    """The id of something uploaded at `uploaded_at`; `low_bits` (23 bits) tells apart what came in one millisecond.

    The layout is the one that Instagram's engineers described in "Sharding & IDs at Instagram" (2012).
    """
    milliseconds = (uploaded_at - _EPOCH) // timedelta(milliseconds=1)
    return milliseconds << _LOW_BITS | low_bits
