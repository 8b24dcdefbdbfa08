"""The collection methods that the web app offers, the API requests that start them, and why one is unavailable."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from instagram_assets.collect.graph_api_site import check_graph_api_settings
from instagram_assets.collect.instagram_permission import ALLOWED_SETTING, PURPOSE_SETTING, check_allowed
from instagram_assets.collect.site_adapter import GRAPH_API, INSTAGRAM
from instagram_assets.errors import InstagramAssetsError
from instagram_assets.settings import ApifySettings, Settings
from instagram_assets.sources.account_and_hashtag_names import is_hashtag
from instagram_assets.sources.apify_inputs import EXAMPLES_FOLDER, load_scrape_request
from instagram_assets.sources.apify_scrape import check_token

MethodName = Literal["graph_api", "instagram", "apify"]
_GRAPH_USER = "INSTAGRAM_ASSETS_GRAPH_API__USER_ID"


class CollectForm(StrEnum):
    """The forms of the collection page, each a tab."""

    search = "search"
    apify = "apify"
    collector = "collector"
    files = "files"


@dataclass(frozen=True)
class RefreshMethod:
    """A method to collect one account or hashtag again: the API request that starts it, or why it is unavailable.

    `address` and `body` are the request. `missing` is the setting or environment variable that has to be set first;
    `refused` is the error message if something else prevents the method. It is ready if both are empty.
    """

    name: MethodName
    address: str
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    missing: str = ""
    refused: str = ""

    @property
    def is_ready(self) -> bool:
        """Whether the method can be started now."""
        return not (self.missing or self.refused)


@dataclass(frozen=True)
class ApifyInput:
    """An input file for an Apify actor; `problem` is the reason why the file cannot be used, empty if it can.

    `whom` is the kind of names that the user can enter for a run: `accounts`, `hashtags` or `pages`; empty if the file
    already contains all names.
    """

    name: str
    actor: str = ""
    whom: str = ""
    problem: str = ""


def method_problem(settings: Settings, method: MethodName, accounts: Sequence[str] = ()) -> str:
    """Returns the error message if a method cannot be used, for example because a setting is missing; else "".

    Some methods need a permission for each of `accounts`.
    """
    match method:
        case "graph_api":
            return _message(lambda: check_graph_api_settings(settings.graph_api))
        case "instagram":
            return _message(lambda: check_allowed(settings, accounts))
        case "apify":
            return _message(lambda: check_token(settings.apify))


def refresh_methods(settings: Settings, name: str) -> list[RefreshMethod]:
    """Returns all methods that can collect an account or hashtag, the official API first.

    Instagram's website is left out for hashtags, since it only supports accounts.
    """
    scraped = {"name": "hashtags" if is_hashtag(name) else "posts", "names": [name.removeprefix("#")], "again": True}
    requests: dict[MethodName, tuple[str, dict[str, Any]]] = {
        "graph_api": ("/api/collect", {"names": [name], "site": GRAPH_API, "again": True}),
        "instagram": ("/api/collect", {"names": [name], "site": INSTAGRAM, "again": True}),
        "apify": ("/api/scrape", scraped),
    }
    if is_hashtag(name):
        del requests["instagram"]
    return [_refresh_method(settings, method, name, *request) for method, request in requests.items()]


def apify_inputs(options: ApifySettings) -> list[ApifyInput]:
    """Returns all Apify input files by name, from the configured folder or else the package's examples."""
    folder = Path(options.inputs_dir).expanduser().absolute() if options.inputs_dir else EXAMPLES_FOLDER
    return [_apify_input(path.stem, options.inputs_dir) for path in sorted(folder.glob("*.json"))]


def _refresh_method(
    settings: Settings, method: MethodName, name: str, address: str, body: dict[str, Any]
) -> RefreshMethod:
    problem = method_problem(settings, method, [name])
    needed = {
        "graph_api": (settings.graph_api.token_variable, _GRAPH_USER),
        "instagram": (PURPOSE_SETTING, ALLOWED_SETTING),
        "apify": (settings.apify.token_variable,),
    }
    # The message begins with the setting that it is about.
    missing = next((setting for setting in needed[method] if problem.startswith(f"{setting} ")), "")
    return RefreshMethod(method, address, body, missing, "" if missing else problem)


def _apify_input(name: str, folder: str) -> ApifyInput:
    try:
        found = load_scrape_request(name, folder)
    except InstagramAssetsError as error:
        return ApifyInput(name, problem=str(error))
    if not found.names_field:
        return ApifyInput(name, found.actor)
    whom = "pages" if found.takes_addresses else "hashtags" if found.takes_hashtags else "accounts"
    return ApifyInput(name, found.actor, whom)


def _message(check: Callable[[], object]) -> str:
    try:
        check()
    except InstagramAssetsError as error:
        return str(error)
    return ""
