"""Configuration of image search sites and of how their pages are parsed.

It is read from the package's `search_sites.toml` or from a file of the user.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from instagram_assets.errors import SettingsError
from instagram_assets.search.saved_pages import check_selector

SITES_FILE = Path(__file__).with_name("search_sites.toml")
_QUERY_PLACEHOLDER = "{query}"

_Texts = tuple[Annotated[str, Field(min_length=1)], ...]


class Site(BaseModel):
    """Configuration of one site's image search; `search_sites.toml` explains the fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    url: str
    selectors: _Texts = Field(min_length=1)
    last_resort: _Texts = ()
    attributes: _Texts = ("data-lazy-src", "data-src", "data-source", "src")
    placeholders: _Texts = ()
    thumbnail_hosts: _Texts = ()
    thumbnail_parameter: str = "src"
    nothing_found: _Texts = ()
    nothing_found_texts: _Texts = ()
    walls: _Texts = ()
    wall_texts: _Texts = ()
    step: float = Field(default=0.9, gt=0, le=5)
    most_steps: int = Field(default=200, ge=1, le=10_000)
    patience: float = Field(default=2.5, gt=0, le=120)

    @field_validator("url")
    @classmethod
    def _usable(cls, url: str) -> str:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname or _QUERY_PLACEHOLDER not in url:
            raise ValueError("an http address with {query} in it is needed")
        return url

    @model_validator(mode="after")
    def _understood(self) -> Self:
        for text in self.every_selector:
            check_selector(text)
        return self

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def image_selectors(self) -> tuple[str, ...]:
        """All CSS selectors for images, in the order in which they are tried."""
        return self.selectors + self.last_resort

    @property
    def every_selector(self) -> tuple[str, ...]:
        return self.image_selectors + self.nothing_found + self.walls

    def address(self, query: str) -> str:
        """Returns the URL of the first page of results for a query."""
        return self.url.replace(_QUERY_PLACEHOLDER, quote(query, safe=""))


def load_site(name: str, file: str = "") -> Site:
    """Loads a site's configuration by name, from `file` or, if that is empty, from the package's sites file.

    Raises SettingsError naming file and field.
    """
    path = Path(file) if file else SITES_FILE
    try:
        sites = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read as TOML ({error}). Mend or replace it.") from error
    if not isinstance(sites.get(name), dict):
        raise SettingsError(f"{path}: no site {name!r}. It has: {', '.join(sites) or 'none'}.")
    try:
        return Site.model_validate({"name": name, **sites[name]})
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, p['loc']))}: {p['msg']}" for p in error.errors())
        raise SettingsError(f"{path}, [{name}]: {problems}.") from error
    except SettingsError as error:
        raise SettingsError(f"{path}, [{name}]: {error}") from error
