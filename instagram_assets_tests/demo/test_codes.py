"""The ids of invented posts say when they were uploaded."""

from datetime import UTC, datetime

from instagram_assets.demo.sample_catalogue import new_media_id


def test_a_later_upload_has_a_larger_id() -> None:
    morning, noon = datetime(2026, 10, 19, 8, tzinfo=UTC), datetime(2026, 10, 19, 12, tzinfo=UTC)
    assert new_media_id(morning, 2**23 - 1) < new_media_id(noon, 0) < 2**63
