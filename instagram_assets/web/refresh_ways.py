"""By which ways an account or hashtag can be collected anew from here, and what each of them still wants."""

from dataclasses import dataclass, field
from typing import Any, Literal

from instagram_assets.collect.permission import ALLOWED_SETTING, PURPOSE_SETTING, check_permission
from instagram_assets.collect.site import GRAPH_API, INSTAGRAM
from instagram_assets.errors import InstagramAssetsError
from instagram_assets.settings import Settings
from instagram_assets.sources.accounts import load_registry
from instagram_assets.sources.names import is_hashtag
from instagram_assets.sources.secrets import read_secret

WayName = Literal["graph_api", "instagram", "apify"]
_GRAPH_USER = "INSTAGRAM_ASSETS_GRAPH_API__USER_ID"


@dataclass(frozen=True)
class Way:
    """One way: the request of the REST API that starts it, or why that cannot be done.

    `missing` names the setting or environment variable that is to be set first, `refused` says what a person has to
    look at; a way is ready when both are empty.
    """

    name: WayName
    address: str
    body: dict[str, Any] = field(default_factory=dict[str, Any])
    missing: str = ""
    refused: str = ""

    @property
    def is_ready(self) -> bool:
        """Whether it can be started now."""
        return not (self.missing or self.refused)


def ways_to_refresh(settings: Settings, name: str) -> list[Way]:
    """All ways that there are for an account or hashtag, the official one first."""
    found = [_graph_api(settings, name)]
    if not is_hashtag(name):
        found.append(_site(settings, name))
    return [*found, _apify(settings, name)]


def _graph_api(settings: Settings, name: str) -> Way:
    missing = _variable_missing(settings.graph_api.token_variable) or (
        "" if settings.graph_api.user_id else _GRAPH_USER
    )
    return Way("graph_api", "/api/collect", {"names": [name], "site": GRAPH_API, "again": True}, missing)


def _site(settings: Settings, name: str) -> Way:
    options, body = settings.collection, {"names": [name], "site": INSTAGRAM, "again": True}
    missing = next(
        (
            each
            for each, text in ((PURPOSE_SETTING, options.purpose), (ALLOWED_SETTING, options.allowed))
            if not text.strip()
        ),
        "",
    )
    refused = ""
    if not missing:
        try:
            check_permission([name], options, lambda: load_registry(settings.accounts_file).names)
        except InstagramAssetsError as error:
            refused = str(error)
    return Way("instagram", "/api/collect", body, missing, refused)


def _apify(settings: Settings, name: str) -> Way:
    asked = "hashtags" if is_hashtag(name) else "posts"
    body = {"name": asked, "names": [name.removeprefix("#")], "again": True}
    return Way("apify", "/api/scrape", body, _variable_missing(settings.apify.token_variable))


def _variable_missing(variable: str) -> str:
    """The variable where it holds no secret; what it holds is neither kept nor shown."""
    try:
        read_secret(variable, "a token", "")
    except InstagramAssetsError:
        return variable
    return ""
