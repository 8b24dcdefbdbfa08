"""The ways in which the web app can collect, and of each that cannot be used what is to be set."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from instagram_assets.collect.graph_api_site import check_graph_api_settings
from instagram_assets.collect.permission import check_allowed
from instagram_assets.errors import InstagramAssetsError
from instagram_assets.settings import ApifySettings, Settings
from instagram_assets.sources.requests import EXAMPLES, load_request
from instagram_assets.sources.scrape import check_token


class Way(StrEnum):
    """How something is collected: by what the page to collect shows a form for."""

    search = "search"
    apify = "apify"
    collector = "collector"
    files = "files"


@dataclass(frozen=True)
class ApifyInput:
    """An input for an actor; `problem` says why its file cannot be used.

    `whom` is what it takes: `accounts`, `hashtags`, `pages`, or nothing where it names them all itself.
    """

    name: str
    actor: str = ""
    whom: str = ""
    problem: str = ""


def why_no_apify(settings: Settings) -> str:
    """What is to be set before an actor of Apify can be run; empty when nothing is."""
    return _problem(lambda: check_token(settings.apify))


def why_not_by(settings: Settings) -> dict[str, str]:
    """Of each site that our own collector asks what is to be set before it can; empty when nothing is."""
    return {
        "graph_api": _problem(lambda: check_graph_api_settings(settings.graph_api)),
        "instagram": _problem(lambda: check_allowed(settings, ())),
    }


def apify_inputs(options: ApifySettings) -> list[ApifyInput]:
    """All inputs by their names, those of the settings' folder or else the package's examples."""
    folder = Path(options.inputs_dir).expanduser().absolute() if options.inputs_dir else EXAMPLES
    return [_input(path.stem, options.inputs_dir) for path in sorted(folder.glob("*.json"))]


def usable(inputs: Sequence[ApifyInput]) -> list[ApifyInput]:
    """Those whose files are as they should be."""
    return [one for one in inputs if not one.problem]


def _input(name: str, folder: str) -> ApifyInput:
    try:
        found = load_request(name, folder)
    except InstagramAssetsError as error:
        return ApifyInput(name, problem=str(error))
    if not found.names_field:
        return ApifyInput(name, found.actor)
    whom = "pages" if found.takes_addresses else "hashtags" if found.takes_hashtags else "accounts"
    return ApifyInput(name, found.actor, whom)


def _problem(check: Callable[[], object]) -> str:
    try:
        check()
    except InstagramAssetsError as error:
        return str(error)
    return ""
