"""REST API of collected accounts and hashtags: their state, and the erasure of one."""

from datetime import date, datetime
from typing import Annotated, Self

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from instagram_assets.web.account_list import Account, Sort, account_detail, list_accounts
from instagram_assets.web.dependencies import LONGEST_ACCOUNT, ServicesDep
from instagram_assets.web.forgetting import preview, progress, request_erasure

router = APIRouter(prefix="/api", tags=["accounts"])


class AccountAnswer(BaseModel):
    """The state of an account or hashtag."""

    name: str = Field(description="As in the lake; a hashtag's begins with #")
    kind: str = Field(description="`account` or `hashtag`")
    registered: bool = Field(description="Whether accounts.toml names it")
    source: str | None = Field(description="Who collects it by the registry")
    turn: str | None = Field(description="What the registry says for this week: `collected`, `waits`, `ended`, …")
    state: str = Field(description="`ok`, `waiting`, `stopped`, `not_found`, `private`, `renamed`, `in_lake`, …")
    reason: str = Field(description="Why, as the site said it")
    newest_post: date | None
    posts: int | None = Field(description="Posts and reels in the lake; null while they are counted")
    followers: int | None
    followers_at: datetime | None
    refusals: int = Field(description="Requests of the last seven days that were not answered")
    requests_today: int
    next_at: datetime | None = Field(description="When it may be asked about again, where that is later than now")

    @classmethod
    def of(cls, account: Account) -> Self:
        """Returns the API response for an account."""
        entry, followers = account.entry, account.lake.followers
        return cls(
            name=account.name,
            kind="hashtag" if account.is_hashtag else "account",
            registered=entry is not None,
            source=entry.source if entry else None,
            turn=account.turn,
            state=account.state,
            reason=account.reason,
            newest_post=account.newest_post,
            posts=account.lake.posts,
            followers=followers.number if followers else None,
            followers_at=followers.at if followers else None,
            refusals=account.refusals,
            requests_today=account.requests_today,
            next_at=account.next_at,
        )


class AccountsAnswer(BaseModel):
    """A page of accounts and hashtags."""

    accounts: list[AccountAnswer]
    total: int
    page: int
    pages: int
    requests_today: int = Field(description="Of all accounts")
    requests_per_day: int = Field(description="The most of a day, by the settings")
    problems: list[str] = Field(description="Why the registry or the books of the collector could not be read")


class FollowersAnswer(BaseModel):
    """A number of followers, and when it was observed."""

    at: datetime
    followers: int


class AccountDetailAnswer(AccountAnswer):
    """One account with its followers over time."""

    followers_over_time: list[FollowersAnswer]
    requests_per_account: int = Field(description="The most of a day about one account, by the settings")


@router.get("/accounts", name="api_accounts")
def accounts(
    services: ServicesDep,
    query: Annotated[str, Query(max_length=LONGEST_ACCOUNT, description="Part of the name")] = "",
    sort: Sort = Sort.newest,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
    size: Annotated[int, Query(ge=1, le=500)] = 100,
) -> AccountsAnswer:
    """Accounts and hashtags of the registry, of the lake and of the collector."""
    found = list_accounts(services, query, sort, page, size)
    return AccountsAnswer(
        accounts=[AccountAnswer.of(account) for account in found.accounts],
        total=found.total,
        page=found.page,
        pages=found.pages,
        requests_today=found.requests_today,
        requests_per_day=services.settings.collection.requests_per_day,
        problems=list(found.problems),
    )


@router.get("/accounts/{name}", name="api_account")
def account(services: ServicesDep, name: str) -> AccountDetailAnswer:
    """One account or hashtag with its followers over time; the # of a hashtag is written %23."""
    found = account_detail(services, name)
    return AccountDetailAnswer(
        **AccountAnswer.of(found.account).model_dump(),
        followers_over_time=[FollowersAnswer(at=each.at, followers=each.number) for each in found.followers],
        requests_per_account=services.settings.collection.requests_per_account,
    )


class PlaceAnswer(BaseModel):
    """What would be erased in one area of the data folder."""

    place: str = Field(description="`lake`, `media`, `inbox`, `history`, …")
    removed: int = Field(description="Files and folders that go")
    rewritten: int = Field(description="Files that are written anew without it")
    rows: int


class WordAnswer(BaseModel):
    """A name of the account that is an ordinary word as well."""

    word: str
    rows: int = Field(description="Rows of others in which it stands as a word, and stays")
    can_go: bool = Field(description="Whether `bare` takes it out of those, too")


class PreviewAnswer(BaseModel):
    """What would be erased, and whether the erasure is running."""

    name: str
    known: bool = Field(description="Whether there is anything of its own")
    remembered: bool = Field(description="Whether it was forgotten before")
    unfinished: bool = Field(description="Whether an earlier try was stopped; the same again finishes it")
    also: list[str] = Field(description="Other names of the same account, which are forgotten with it")
    posts: int
    images: int
    places: list[PlaceAnswer]
    words: list[WordAnswer]
    phase: str | None = Field(description="`asked`, `stopping`, `forgetting`, `starting`, `done`, `refused`, `failed`")
    detail: str = Field(description="Where the proof is, or why it was refused or failed")
    command: str = Field(description="What does the same from a shell while Dagster is stopped")


class ForgetBody(BaseModel):
    """A request to forget an account or hashtag for good."""

    confirm: str = Field(max_length=LONGEST_ACCOUNT, description="Its name once more: there is no way back")
    bare: bool = Field(default=False, description="Also take a name that is an ordinary word out wherever it stands")


class ForgetAnswer(BaseModel):
    """The progress of an erasure."""

    phase: str


@router.get("/accounts/{name}/forget", name="api_forget_preview")
def forget_preview(services: ServicesDep, name: str) -> PreviewAnswer:
    """What would be erased if the account or hashtag were forgotten; nothing is changed. It may take many seconds."""
    state, found = progress(services.settings, name), preview(services.settings, name)
    return PreviewAnswer(
        name=found.name,
        known=found.is_known,
        remembered=found.is_remembered,
        unfinished=state.is_unfinished,
        also=list(found.also),
        posts=found.posts,
        images=found.images,
        places=[
            PlaceAnswer(place=area.name, removed=area.removed, rewritten=area.rewritten, rows=area.rows)
            for area in found.areas
        ],
        words=[WordAnswer(word=word.name, rows=word.rows, can_go=word.can_go) for word in found.words],
        phase=state.request.phase if state.request else None,
        detail=state.request.detail if state.request else "",
        command=state.command,
    )


@router.post("/accounts/{name}/forget", name="api_forget", status_code=202)
async def forget(services: ServicesDep, name: str, body: ForgetBody) -> ForgetAnswer:
    """Forget an account or hashtag for good; meanwhile, only this app is available. Refused while runs are active."""
    request = await request_erasure(services, name, body.confirm, is_bare=body.bare)
    return ForgetAnswer(phase=request.phase)
