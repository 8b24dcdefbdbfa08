"""REST API of named lists of images: keep/drop decisions, decisions about many images at once, and export as files."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Self
from urllib.parse import quote

from fastapi import APIRouter, Path, Query
from fastapi.responses import StreamingResponse
from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StrictFloat,
    StrictInt,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from instagram_assets.automation.forget_requests import PAUSED_MESSAGE, is_paused
from instagram_assets.datasets.list_export import MEDIA_TYPES, ListFormat, csv_stream, jsonl_stream, zip_stream
from instagram_assets.datasets.lists import (
    LONGEST_NAME,
    Changed,
    ListCount,
    count_said,
    decide_about,
    decide_found,
    delete_list,
    find_list,
    list_name,
    list_names,
)
from instagram_assets.datasets.manual_overrides import LONGEST_WHY
from instagram_assets.errors import ListError, PausedError, SettingsError
from instagram_assets.lake_index.filters import LONGEST_TEXT, MOST_VALUES
from instagram_assets.schemas.search import Decision, Override
from instagram_assets.web.dependencies import ServicesDep
from instagram_assets.web.gallery_lists import check_known, filter_of_fields, found_images, kept_rows
from instagram_assets.web.index_service import index_of

router = APIRouter(prefix="/api", tags=["lists"])

_MOST_IMAGES = 10_000
"""Maximum number of images of one request; the filter of a `found` request can match any number."""
ListName = Annotated[
    str,
    Path(
        description=f"Letters and digits of any script, -, _ and spaces inside; at most {LONGEST_NAME}.", max_length=200
    ),
]
_EXPORTED: dict[int | str, dict[str, object]] = {
    200: {"content": {kind.partition(";")[0]: {} for kind in MEDIA_TYPES.values()}, "description": "The file"}
}
_ImageId = Annotated[str, Field(max_length=64, description="SHA-256 of the image's bytes")]
_Why = Annotated[str, Field(max_length=LONGEST_WHY, description="The reason, for whoever looks at it later")]
_Value = Annotated[str, Field(max_length=LONGEST_TEXT, strict=True)] | StrictInt | StrictFloat
"""A value of a filter field; strict, so that true and false are not accepted as numbers."""
_FIRST_YEAR, _LAST_YEAR = 2010, 2200
"""Instagram began in 2010."""


def _checked(value: object, read: ValidatorFunctionWrapHandler) -> datetime:
    """Validates a timestamp: ISO 8601 text in a plausible range of years.

    Numbers are rejected, since it is unknown whether they count seconds or milliseconds.
    """
    if isinstance(value, datetime):  # of a list, not of a body
        return value
    time = read(value) if isinstance(value, str) and "T" in value.upper() else None
    if time is None or not _FIRST_YEAR <= time.year < _LAST_YEAR:
        raise ValueError("give a time such as 2026-11-02T09:30:00Z")
    return time


_Time = Annotated[AwareDatetime, WrapValidator(_checked)]


class CountAnswer(BaseModel):
    """A list, and how many images it keeps and drops."""

    name: str
    kept: int
    dropped: int

    @classmethod
    def of(cls, count: ListCount) -> Self:
        """Returns the API response for a list."""
        return cls(name=count.name, kept=count.kept, dropped=count.dropped)


class ListedAnswer(CountAnswer):
    """One list of all lists; a damaged one does not hide the others."""

    problem: str = Field(description="Why it cannot be read; empty where it can")


class ListsAnswer(BaseModel):
    """All lists, by name."""

    lists: list[ListedAnswer]


class Decided(BaseModel):
    """A decision with its reason, and when it was made."""

    model_config = ConfigDict(extra="forbid")

    decision: Decision
    why: _Why = ""
    decided_at: _Time

    @classmethod
    def of(cls, override: Override | None) -> Self | None:
        """Returns the API response for a user's decision; None for none."""
        return override and cls(decision=override.decision, why=override.why, decided_at=override.decided_at)


class DecidedImage(BaseModel):
    """The decision of a list about an image."""

    image_id: str
    decision: Decision
    why: str
    decided_at: datetime


class ListAnswer(CountAnswer):
    """A list with all its decisions."""

    images: list[DecidedImage]


class DecisionsBody(BaseModel):
    """One decision about `image_ids`, or one about each image in `decisions`; null withdraws the earlier decision."""

    model_config = ConfigDict(extra="forbid")

    image_ids: Annotated[list[_ImageId], Field(max_length=_MOST_IMAGES)] = []
    decision: Decision | None = None
    decisions: Annotated[
        dict[_ImageId, Decision | Decided | None],
        Field(max_length=_MOST_IMAGES, description="As `undo` or `before` of an earlier answer, which this undoes"),
    ] = {}
    why: _Why = ""

    @property
    def of_each(self) -> dict[str, Decision | Override | None]:
        """The decision for each image_id. Raises ListError unless exactly one of the two forms of the body is given."""
        if bool(self.image_ids) == bool(self.decisions):
            raise ListError("Give image_ids with a decision, or decisions with one for each image.")
        if bool(self.image_ids) != ("decision" in self.model_fields_set):
            raise ListError("decision goes with image_ids: keep, drop, or null to take it back.")
        if self.image_ids:
            return dict.fromkeys(self.image_ids, self.decision)
        return {
            image_id: Override(each.decision, each.why.strip(), each.decided_at) if isinstance(each, Decided) else each
            for image_id, each in self.decisions.items()
        }


class DecisionsAnswer(CountAnswer):
    """The list as it is now, and its earlier decisions about the images: sent back as `decisions`, `undo` undoes it."""

    before: dict[str, Decision | None]
    undo: dict[str, Decided | None] = Field(description="As `before`, with the reasons and times")


class FoundBody(BaseModel):
    """A decision about every stored image that matches a filter; the other fields are those of the gallery's URL.

    Without any filter field, every stored image matches, as in the gallery.
    """

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={"examples": [{"account": ["jane"], "quality": "passed", "decision": "keep"}]},
    )
    __pydantic_extra__: dict[str, _Value | Annotated[list[_Value], Field(max_length=MOST_VALUES)]] = Field(init=False)  # pyright: ignore[reportIncompatibleVariableOverride]  # how Pydantic types extra fields

    decision: Decision | None = "keep"
    why: _Why = ""

    @property
    def fields(self) -> dict[str, list[str]]:
        """The filter as URL query parameters: the values of each field as text."""
        given = self.__pydantic_extra__.items()
        return {name: [str(each) for each in (value if isinstance(value, list) else [value])] for name, value in given}


class FoundAnswer(CountAnswer):
    """The list as it is now, and how many images matched, changed, and were left since they are dropped by hand."""

    found: int = Field(description="Stored images that the filter finds")
    changed: int = Field(description="Of these, about which the list says something else now")
    left: int = Field(description="Of these, which stay dropped, as somebody dropped them by hand")
    before: dict[str, Decision | None] | None = Field(
        description=f"As for decisions; null where more than {_MOST_IMAGES:,} images changed"
    )
    undo: dict[str, Decided | None] | None = Field(description="As for decisions; null where `before` is")


@router.get("/lists", name="api_lists")
def lists(services: ServicesDep) -> ListsAnswer:
    """All lists; a list without any decision does not exist."""
    return ListsAnswer(lists=[ListedAnswer(**count._asdict()) for count in list_names(services.lake)])


@router.get("/lists/{name}", name="api_list")
def one_list(services: ServicesDep, name: ListName) -> ListAnswer:
    """A list with its decision about each image, in the order in which they were made."""
    overrides = find_list(services.lake, name)
    ordered = sorted(overrides.items(), key=lambda each: (each[1].decided_at, each[0]))
    images = [
        DecidedImage(image_id=image_id, decision=each.decision, why=each.why, decided_at=each.decided_at)
        for image_id, each in ordered
    ]
    return ListAnswer(**CountAnswer.of(count_said(list_name(name), overrides)).model_dump(), images=images)


@router.post("/lists/{name}/decisions", name="api_list_decide")
def decide(services: ServicesDep, name: ListName, body: DecisionsBody) -> DecisionsAnswer:
    """Keep or drop images by hand, or withdraw that, all in one step; the list is created if it does not exist."""
    decisions = body.of_each
    check_known(services, [image_id for image_id, decision in decisions.items() if decision], name)
    changed = decide_about(services.lake, name, decisions, body.why, datetime.now(UTC))
    return DecisionsAnswer(**CountAnswer.of(changed.now).model_dump(), before=changed.before, undo=_undo(changed.undo))


@router.post("/lists/{name}/found", name="api_list_found")
def decide_about_found(services: ServicesDep, name: ListName, body: FoundBody) -> FoundAnswer:
    """Keep every stored image that a filter finds, except those that the list drops by hand; or drop them all."""
    image_ids = found_images(services.lake, index_of(services), filter_of_fields(body.fields))
    changed = decide_found(services.lake, name, image_ids, body.decision, body.why, datetime.now(UTC))
    return _found_answer(changed)


@router.delete("/lists/{name}", name="api_list_delete")
def delete(services: ServicesDep, name: ListName) -> CountAnswer:
    """Delete a list and return its last counts. Its images, and what was exported, are kept."""
    return CountAnswer.of(delete_list(services.lake, name))


@router.get("/lists/{name}/export", name="api_list_export", response_class=StreamingResponse, responses=_EXPORTED)
def export(
    services: ServicesDep,
    name: ListName,
    form: Annotated[
        ListFormat, Query(description="A ZIP of the images with a manifest, or a line for each image")
    ] = "zip",
) -> StreamingResponse:
    """The images that a list keeps; one whose file is gone is reported with the reason. Sent while it is made."""
    if is_paused():
        raise PausedError(PAUSED_MESSAGE)
    settings = services.settings
    if settings.privacy.pseudonymous_exports:
        raise SettingsError(
            "INSTAGRAM_ASSETS_PRIVACY__PSEUDONYMOUS_EXPORTS is on, and this names posts and accounts. Use "
            "`instagram-assets export csv --list` in the place of it."
        )
    rows = kept_rows(services, name)
    match form:
        case "zip":
            body = zip_stream(rows, settings.folder("media"))
        case "csv":
            body = csv_stream(rows, spreadsheet_safe=settings.export.spreadsheet_safe)
        case "jsonl":
            body = jsonl_stream(rows)
    file = quote(f"{list_name(name)}.{form}", safe="")
    headers = {
        "Content-Disposition": f"attachment; filename=\"list.{form}\"; filename*=UTF-8''{file}",
        "Cache-Control": "no-store",
        # Compression does not make images smaller, and would delay the first bytes.
        **({"Content-Encoding": "identity"} if form == "zip" else {}),
    }
    return StreamingResponse(body, media_type=MEDIA_TYPES[form], headers=headers)


def _undo(overrides: Mapping[str, Override | None]) -> dict[str, Decided | None]:
    return {image_id: Decided.of(override) for image_id, override in overrides.items()}


def _found_answer(changed: Changed) -> FoundAnswer:
    is_short = len(changed.before) <= _MOST_IMAGES
    return FoundAnswer(
        **CountAnswer.of(changed.now).model_dump(),
        found=changed.found,
        changed=len(changed.before),
        left=changed.left,
        before=changed.before if is_short else None,
        undo=_undo(changed.undo) if is_short else None,
    )
