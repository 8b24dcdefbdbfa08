"""Ends a crawl: stores its outcome, writes its records as a file in the inbox, and marks the crawl as closed."""

import json
import re
from dataclasses import dataclass
from datetime import UTC
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from instagram_assets.collect.clock import Clock, utc_datetime
from instagram_assets.collect.collection_results import CollectionOutcome, SubjectResult
from instagram_assets.collect.collection_scope import count_posts
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.crawl_table import Crawl, close_crawl, set_outcome
from instagram_assets.collect.site_adapter import CrawlPage
from instagram_assets.collect.stored_pages import load_pages, record_lines
from instagram_assets.collect.subject_table import (
    SubjectRow,
    load_subject,
    mark_inactive,
    profile_id_in,
    store_newest_post,
)
from instagram_assets.privacy.forgotten_identifiers import Forgotten
from instagram_assets.sources.account_and_hashtag_names import is_hashtag
from instagram_assets.sources.inbox_files import locate_inbox_file
from instagram_assets.storage.atomic import shortened, write_atomic


@dataclass(frozen=True)
class CrawlDelivery:
    """Ends crawls of a site and writes their files into the inbox, except for accounts and hashtags erased on request.

    `forgotten` lists those that were erased (their tombstones).
    """

    site: str
    database: CollectorDatabase
    inbox: Path
    clock: Clock
    forgotten: Forgotten

    def is_forgotten(self, subject: str, page: CrawlPage | None = None) -> bool:
        """Whether an account or hashtag was erased on request.

        It is looked up by its name and, if it is an account, by its account ids: the stored one and the one on `page`.
        """
        if self.forgotten.has("account", subject):
            return True
        known = load_subject(self.database, self.site, subject).profile_id
        ids = (known, profile_id_in([page]) if page else None)
        return not is_hashtag(subject) and any(self.forgotten.has("profile_id", each) for each in ids)

    def forget(self, subject: str, crawl: Crawl | None) -> SubjectResult:
        """End the crawl of an account or hashtag that was erased on request, without writing a file."""
        reason = "it was forgotten, and is not collected again"
        if crawl is not None:
            with self.database.writing() as connection:
                set_outcome(connection, crawl, CollectionOutcome.REFUSED, reason, 0)
                close_crawl(connection, crawl, self.clock.now(), None)
        if not self.forgotten.has("account", subject):  # its tombstone has another name
            with self.database.writing() as connection:
                mark_inactive(connection, SubjectRow(self.site, subject), CollectionOutcome.REFUSED, reason)
        return SubjectResult(subject, CollectionOutcome.REFUSED, reason)

    def finish(
        self, crawl: Crawl, outcome: CollectionOutcome, reason: str, ends: SubjectRow | None = None
    ) -> SubjectResult:
        """Store the outcome of a crawl and the state of its account or hashtag, then write its file and close it.

        `ends` is the row of an account that is not to be requested any more, such as a private one; else None.
        """
        found, state, why = load_pages(self.database, crawl.id), outcome, reason
        if ends is not None and found:
            outcome, reason = CollectionOutcome.PARTIAL, f"{state}: {why}" if why else str(state)
        with self.database.writing() as connection:
            if ends is not None:
                mark_inactive(connection, ends, state, why)
            elif outcome is CollectionOutcome.COMPLETE:
                store_newest_post(connection, SubjectRow(crawl.site, crawl.subject), found)
            crawl = set_outcome(connection, crawl, outcome, reason, count_posts(found))
        return self.deliver(crawl)

    def deliver(self, crawl: Crawl) -> SubjectResult:
        """Write the file of a crawl that has an outcome, and close it; no file if its subject was erased on request."""
        if self.is_forgotten(crawl.subject):
            return self.forget(crawl.subject, crawl)
        file = write_export(self.inbox, self.database, crawl)
        with self.database.writing() as connection:
            close_crawl(connection, crawl, self.clock.now(), file.name if file else None)
        return SubjectResult(
            crawl.subject,
            CollectionOutcome(crawl.outcome or CollectionOutcome.COMPLETE),
            crawl.reason,
            file,
            crawl.posts,
        )


_LONGEST_NAME = 120
_UNSAFE = re.compile(r"[^\w.]")


def export_path(inbox: Path, crawl: Crawl) -> Path:
    """The path of a crawl's file in the inbox; the timestamp in its name is when the crawl began, in UTC.

    The account name is between two `-`, which no account name contains, so that `forget` can find its files.
    """
    began = utc_datetime(crawl.began_at).astimezone(UTC)
    time = f"{began:%Y-%m-%dT%H-%M-%S}.{began.microsecond:06}Z"
    return inbox / f"collected_{crawl.site}-{file_safe_name(crawl.subject)}-{time}.json"


def file_safe_name(subject: str) -> str:
    """An account or hashtag as part of a file name; a hashtag begins with `tag-` instead of `#`."""
    name = _UNSAFE.sub("_", subject.removeprefix("#"))
    if name != subject.removeprefix("#") or len(name.encode()) > _LONGEST_NAME:
        name = f"{shortened(name, _LONGEST_NAME)}-{sha256(subject.encode()).hexdigest()[:8]}"
    return f"tag-{name}" if is_hashtag(subject) else name


def is_exported(inbox: Path, crawl: Crawl) -> bool:
    """Whether a crawl's file was written: it is in the inbox, or was already ingested and archived."""
    return locate_inbox_file(export_path(inbox, crawl)) is not None


def write_export(inbox: Path, database: CollectorDatabase, crawl: Crawl) -> Path | None:
    """Write the records of a crawl into its inbox file, in the order in which they were fetched.

    Returns the file's path; None if there are no records. Idempotent: a file that was already written is not written
    again. Raises StorageError if it cannot be written; the records are still in the database then.
    """
    path = export_path(inbox, crawl)
    if is_exported(inbox, crawl):
        return path
    found = record_lines(database, crawl.id)
    head = _head(crawl)
    first = next(found, None)
    if first is None:
        return None

    def write(stream: BinaryIO) -> None:
        stream.write(_line(head, *first))
        for at, record in found:
            stream.write(_line(head, at, record))

    write_atomic(path, write)
    return path


def _head(crawl: Crawl) -> bytes:
    account = json.dumps(crawl.subject, ensure_ascii=False)
    return f'{{"collected":1,"site":{json.dumps(crawl.site)},"account":{account},"observed_at":"'.encode()


def _line(head: bytes, at: float, record: bytes) -> bytes:
    observed = utc_datetime(at).astimezone(UTC)
    return b"".join((head, f"{observed:%Y-%m-%dT%H:%M:%S.%f}Z".encode(), b'","record":', record, b"}\n"))
