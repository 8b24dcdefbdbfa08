"""The made-up people of the demo, and how Instagram tells about them: what tests compare with is what was put in."""

from instagram_assets.demo.instagram_people import FIRST_PAGE, MOST_ON_A_PAGE, NEWEST, MadePost, Person

__all__ = ["FIRST_PAGE", "MOST_ON_A_PAGE", "NEWEST", "MadePost", "Person"]
