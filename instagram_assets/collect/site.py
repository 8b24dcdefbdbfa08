"""What a collector needs to know of a site: what to ask next about a subject, and how to read the answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from instagram_assets.collect.asking import Answer, Ask, Verdict


@dataclass(frozen=True)
class SeenPost:
    """A post as its page shows it: enough to know where to stop. `taken_at` is aware; null where the site hides it."""

    shortcode: str
    taken_at: datetime | None
    is_pinned: bool = False


@dataclass(frozen=True)
class Page:
    """One answer that is kept: its records as the site gave them, each to become one record of the export file.

    `cursor` leads to the next page; null at the end. `facts` is what the site itself has to remember for its next ask,
    stored as JSON with the page and, key by key, in the subject's `facts`, where a later crawl finds it; `profile_id`
    is the id of the account. A page without posts, such as a profile, has a cursor as well when posts come next.
    Posts of a hashtag stand in no order: an old one says nothing about those behind it.
    """

    records: Sequence[Mapping[str, Any]]
    posts: Sequence[SeenPost] = ()
    cursor: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Site(Protocol):
    """A source that is asked page by page. A subject is the name of an account, or `#tag` of a hashtag."""

    @property
    def name(self) -> str:
        """What stands in the books and in file names: `graph_api`, `instagram`."""
        ...

    @property
    def identity(self) -> str:
        """Who asks, as the site sees it: without a secret. Limits, breaker and stops are its own."""
        ...

    def refusal(self, subject: str) -> str:
        """Why nothing is asked about this subject, before it is; empty when it may be."""
        ...

    def next_ask(self, subject: str, pages: Sequence[Page]) -> Ask | None:
        """What to ask after these pages, all that are stored; null when there is nothing more."""
        ...

    def judge(self, ask: Ask, answer: Answer) -> Verdict:
        """What an answer means."""
        ...

    def read(self, ask: Ask, content: Any) -> Page:
        """The page in the content of an `ok`. Raises ContractError where its form is not known."""
        ...
