"""Request bodies that start a collection, with the validation of the commands `search`, `scrape` and `collect`."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from instagram_assets.automation.search_runs import search_request, search_run_config, search_run_tags
from instagram_assets.partitions import QUERY_TAG
from instagram_assets.search.image_search import LONGEST_QUERY, MOST_IMAGES
from instagram_assets.settings import Settings
from instagram_assets.web.dependencies import MOST_POSTS

_Name = Annotated[str, Field(max_length=300)]
Names = Annotated[list[_Name], Field(max_length=1_000)]
Day = Annotated[str, Field(max_length=40, description="The day of the oldest post wanted, such as 2026-11-20.")]


class Start(NamedTuple):
    """A Dagster run to launch: job name, config, tags, and the partition key of `searches`, empty for other jobs."""

    job: str
    config: dict[str, Any]
    tags: dict[str, str]
    search: str = ""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class SearchBody(_Body):
    """An image search; fields that are not given have the values of the settings."""

    query: Annotated[str, Field(description="The search word, such as cat.", max_length=10_000)]
    limit: Annotated[int | None, Field(description=f"Images wanted, 1 to {MOST_IMAGES}.")] = None
    folder: Annotated[str, Field(description="Name of the folder; empty: the word.", max_length=10_000)] = ""
    subject: Annotated[
        Literal["largest", "query"], Field(description="The largest cluster, or the one that fits the word best.")
    ] = "largest"
    min_side: Annotated[int | None, Field(description="Both sides have at least this many pixels.")] = None
    min_sharpness: Annotated[float | None, Field(description="Least sharpness at standard size; 0: any.")] = None
    refresh: Annotated[bool, Field(description="Ask the page again, and let images go that it does not have.")] = False

    def start(self, settings: Settings) -> Start:
        """Returns the run for this request.

        Raises SearchRequestError for an invalid request, and ModelError or SettingsError for a missing model or
        setting.
        """
        from instagram_assets.privacy.tombstones import load_tombstones
        from instagram_assets.search.search_requests import refuse_forgotten_query
        from instagram_assets.status.preflight import check_search

        refuse_forgotten_query(self.query, load_tombstones(settings.folder("privacy")))  # before the models are checked
        given = self.model_dump(include={"limit", "subject", "min_side", "min_sharpness"})
        request = search_request(settings, self.query, self.folder.strip(), refresh=self.refresh, **given)
        check_search(settings)
        return Start(
            "search", search_run_config(request, refresh=self.refresh), search_run_tags(request), request.search
        )


class ScrapeBody(_Body):
    """A run of an Apify actor; without `names`, the names in its input file are scraped. It costs money."""

    name: Annotated[_Name, Field(description="The input: posts, reels, profiles, hashtags, or one of your own.")]
    names: Names = []
    newer_than: Day = ""
    again: Annotated[bool, Field(description="Also when the same was scraped within the last twelve hours.")] = False

    def start(self, settings: Settings) -> Start:
        """Returns the run for this request.

        Raises ScrapeRequestError for an invalid request or an erased name, and SettingsError without Apify's token.
        """
        from instagram_assets.automation.scrape_job import scrape_run_config
        from instagram_assets.privacy.tombstones import load_tombstones
        from instagram_assets.sources.apify_inputs import load_scrape_request, parse_day
        from instagram_assets.sources.apify_scrape import check_token
        from instagram_assets.sources.scrape_names import refuse_forgotten_names

        day, template = parse_day(self.newer_than), load_scrape_request(self.name, settings.apify.inputs_dir)
        refuse_forgotten_names(template.of(self.names, day, settings.zone), load_tombstones(settings.folder("privacy")))
        check_token(settings.apify)
        config = scrape_run_config(self.name, self.names, day, again=self.again)
        return Start("scrape", config, _told(self.names or [self.name]))


class CollectionBody(_Body):
    """A run of our own collector; without `names`, it collects what the registry has for this week."""

    names: Annotated[Names, Field(description="Accounts, and hashtags with their #.")] = []
    site: Annotated[
        Literal["", "graph_api", "instagram"], Field(description="Else as the registry says, or the official API.")
    ] = ""
    posts: Annotated[int | None, Field(description="Most posts of one account.", ge=1, le=MOST_POSTS)] = None
    newer_than: Day = ""
    again: Annotated[
        bool, Field(description="Also what was collected already, and who was not found, private or renamed.")
    ] = False

    def start(self, settings: Settings) -> Start:
        """Returns the run for this request. Raises CollectionRefusedError, or SettingsError for a missing setting."""
        from instagram_assets.collect.collect_targets import choose_targets
        from instagram_assets.sources.apify_inputs import parse_day

        day = parse_day(self.newer_than)
        choose_targets(settings, self.names, by=self.site or None)
        options = {"names": self.names, "by": self.site, "posts": self.posts or 0, "again": self.again}
        config = {**options, "newer_than": day.isoformat() if day else ""}
        return Start("collect_accounts", {"ops": {"collected_accounts": {"config": config}}}, _told(self.names))


JobBody = SearchBody | ScrapeBody | CollectionBody


def _told(names: Sequence[str]) -> dict[str, str]:
    text = ", ".join(names)
    cut = text if len(text) <= LONGEST_QUERY else f"{text[: LONGEST_QUERY - 1]}…"
    return {QUERY_TAG: cut} if cut else {}
