"""How a crawl ends: it is decided, its file is written, it is closed; and of who was forgotten nothing is kept.

Whoever dies between two of these steps finds the next one in the books.
"""

from dataclasses import dataclass
from pathlib import Path

from instagram_assets.collect import crawls, export, pages, subjects
from instagram_assets.collect.books import Books
from instagram_assets.collect.clock import Clock
from instagram_assets.collect.crawls import Crawl
from instagram_assets.collect.reach import is_hashtag, posts_in
from instagram_assets.collect.scope import Collected, Ended
from instagram_assets.collect.site import Page
from instagram_assets.collect.subjects import Subject
from instagram_assets.privacy.forgotten import Forgotten


@dataclass(frozen=True)
class Ending:
    """Ends crawls of a site, with their files in the inbox; `forgotten` is asked before each."""

    site: str
    books: Books
    inbox: Path
    clock: Clock
    forgotten: Forgotten

    def is_forgotten(self, subject: str, page: Page | None = None) -> bool:
        """Whether who is called so, or has the id that the books or a page say, was forgotten; maybe just now."""
        if self.forgotten.has("account", subject):
            return True
        known = subjects.find(self.books, self.site, subject).profile_id
        ids = (known, subjects.identity_in([page]) if page else None)
        return not is_hashtag(subject) and any(self.forgotten.has("profile_id", each) for each in ids)

    def forget(self, subject: str, crawl: Crawl | None) -> Collected:
        """Keep nothing of who was forgotten."""
        reason = "it was forgotten, and is not collected again"
        if crawl is not None:
            with self.books.writing() as connection:
                crawls.decide(connection, crawl, Ended.REFUSED, reason, 0)
                crawls.close(connection, crawl, self.clock.now(), None)
        if not self.forgotten.has("account", subject):  # under this name nobody would recognise it the next time
            with self.books.writing() as connection:
                subjects.end(connection, Subject(self.site, subject), Ended.REFUSED, reason)
        return Collected(subject, Ended.REFUSED, reason)

    def finish(self, crawl: Crawl, outcome: Ended, reason: str, ends: Subject | None = None) -> Collected:
        """Decide how a crawl ends, with what that says of its subject, and deliver what came."""
        found, state, why = pages.stored(self.books, crawl.id), outcome, reason
        if ends is not None and found:
            outcome, reason = Ended.PARTIAL, f"{state}: {why}" if why else str(state)
        with self.books.writing() as connection:
            if ends is not None:
                subjects.end(connection, ends, state, why)
            elif outcome is Ended.COMPLETE:
                subjects.remember_newest(connection, Subject(crawl.site, crawl.subject), found)
            crawl = crawls.decide(connection, crawl, outcome, reason, posts_in(found))
        return self.deliver(crawl)

    def deliver(self, crawl: Crawl) -> Collected:
        """Write the file of a crawl that is decided, and close it; of who was forgotten since, nothing."""
        if self.is_forgotten(crawl.subject):
            return self.forget(crawl.subject, crawl)
        file = export.bring(self.inbox, self.books, crawl)
        with self.books.writing() as connection:
            crawls.close(connection, crawl, self.clock.now(), file.name if file else None)
        return Collected(crawl.subject, Ended(crawl.outcome or Ended.COMPLETE), crawl.reason, file, crawl.posts)
