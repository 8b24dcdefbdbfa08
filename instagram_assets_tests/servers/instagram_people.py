"""The made-up people of the demo, and how Instagram tells about them: what tests compare with is what was put in."""

from instagram_assets.demo.instagram_data import FIRST_PAGE_SIZE, MAX_PAGE_SIZE, NEWEST_POST_AT, SitePerson, SitePost

__all__ = ["FIRST_PAGE_SIZE", "MAX_PAGE_SIZE", "NEWEST_POST_AT", "SitePerson", "SitePost"]
