"""How an errand ends: it is decided, its file is written, it is closed; and of who was forgotten nothing is kept.

Whoever dies between two of these steps finds the next one in the books.
"""

from dataclasses import dataclass
from pathlib import Path

from instagram_assets.collect import errands, export, pages, subjects
from instagram_assets.collect.books import Books
from instagram_assets.collect.clock import Clock
from instagram_assets.collect.errands import Errand
from instagram_assets.collect.reach import is_hashtag, posts_in
from instagram_assets.collect.site import Page
from instagram_assets.collect.subjects import Subject
from instagram_assets.collect.wish import Collected, Ended
from instagram_assets.privacy.forgotten import Forgotten


@dataclass(frozen=True)
class Ending:
    """Ends errands of a site, with their files in the inbox; `forgotten` is asked before each."""

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

    def forget(self, subject: str, errand: Errand | None) -> Collected:
        """Keep nothing of who was forgotten."""
        reason = "it was forgotten, and is not collected again"
        if errand is not None:
            with self.books.writing() as connection:
                errands.decide(connection, errand, Ended.REFUSED, reason, 0)
                errands.close(connection, errand, self.clock.now(), None)
        if not self.forgotten.has("account", subject):  # under this name nobody would recognise it the next time
            with self.books.writing() as connection:
                subjects.end(connection, Subject(self.site, subject), Ended.REFUSED, reason)
        return Collected(subject, Ended.REFUSED, reason)

    def finish(self, errand: Errand, outcome: Ended, reason: str, ends: Subject | None = None) -> Collected:
        """Decide how an errand ends, with what that says of its subject, and deliver what came."""
        found, state, why = pages.stored(self.books, errand.id), outcome, reason
        if ends is not None and found:
            outcome, reason = Ended.PARTIAL, f"{state}: {why}" if why else str(state)
        with self.books.writing() as connection:
            if ends is not None:
                subjects.end(connection, ends, state, why)
            elif outcome is Ended.COMPLETE:
                subjects.remember_newest(connection, Subject(errand.site, errand.subject), found)
            errand = errands.decide(connection, errand, outcome, reason, posts_in(found))
        return self.deliver(errand)

    def deliver(self, errand: Errand) -> Collected:
        """Write the file of an errand that is decided, and close it; of who was forgotten since, nothing."""
        if self.is_forgotten(errand.subject):
            return self.forget(errand.subject, errand)
        file = export.bring(self.inbox, self.books, errand)
        with self.books.writing() as connection:
            errands.close(connection, errand, self.clock.now(), file.name if file else None)
        return Collected(errand.subject, Ended(errand.outcome or Ended.COMPLETE), errand.reason, file, errand.posts)
