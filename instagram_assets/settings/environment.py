"""Loads the settings from `.env` and the environment, reads secrets, and generates `.env.example`."""

import difflib
import os
from collections.abc import Iterator
from functools import cache
from typing import Any

from dotenv import dotenv_values
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_settings import SettingsError as SourceError

from instagram_assets.errors import SettingsError
from instagram_assets.settings.general import Settings
from instagram_assets.settings.validation import ENV_NESTED, ENV_PREFIX, SettingsSection


def environment_names(model: type[BaseModel] = Settings, prefix: str = ENV_PREFIX) -> Iterator[tuple[str, Any, str]]:
    """Yields each setting as (name of its environment variable, default, description)."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, SettingsSection):
            yield from environment_names(kind, f"{prefix}{name.upper()}{ENV_NESTED}")
        else:
            yield f"{prefix}{name.upper()}", field.get_default(call_default_factory=True), field.description or ""


def load_settings(**overrides: Any) -> Settings:
    """Loads and validates the settings from `.env`, environment variables and `overrides`.

    Raises SettingsError naming the key, its value and what is allowed.

    >>> from instagram_assets import load_settings
    >>> load_settings(clusters={"eps": 0.1}).clusters
    ClusterSettings(eps=0.1, min_samples=3, scope='all')
    >>> load_settings(clusters={"eps": 9})
    Traceback (most recent call last):
    instagram_assets.errors.SettingsError: INSTAGRAM_ASSETS_CLUSTERS__EPS=9: input should be less than or equal to 2
    """
    try:
        _refuse_unknown_names()
        return Settings(**overrides)
    except (SourceError, UnicodeDecodeError) as error:
        problem = error.__cause__ or error
        raise SettingsError(f"{error}: {problem}. Mend .env or the environment.") from error
    except ValidationError as error:
        problems = "; ".join(_explain(problem) for problem in error.errors())
        raise SettingsError(problems) from error


@cache
def settings() -> Settings:
    """Returns the settings of this process, loaded once and cached."""
    return load_settings()


def env_example() -> str:
    """The text of `.env.example`: every setting with its meaning and default, commented out."""
    lines = ["# Copy to .env and take away the # before what you want to change."]
    for name, default, meaning in environment_names():
        value = "{}" if default == {} else str(default).lower() if isinstance(default, bool) else default
        value = "" if default is None else value
        lines += ["", f"# {meaning}", f"#{name}={value}"]
    return "\n".join(lines) + "\n"


def _refuse_unknown_names() -> None:
    known = [name for name, _, _ in environment_names()]
    sections = [
        name
        for name in Settings.model_fields
        if Settings.model_fields[name].default.__class__.__base__ is SettingsSection
    ]
    known_upper = {*known, *(f"{ENV_PREFIX}{name.upper()}" for name in sections)}
    for name in [*dotenv_values(".env"), *os.environ]:
        if name.upper().startswith(ENV_PREFIX) and name.upper() not in known_upper:
            nearest = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0)[0]
            raise SettingsError(f"{name} is not a setting. Did you mean {nearest}?")


def _explain(problem: Any) -> str:
    """Formats a validation error as name, value and what is allowed, without values that are or may contain secrets."""
    key = ENV_PREFIX + ENV_NESTED.join(str(part).upper() for part in problem["loc"])
    secret = any(name == key or name.startswith(f"{key}{ENV_NESTED}") for name in _secret_names())
    # A section's value is not shown, since it is a dict of many settings.
    value = "" if secret or isinstance(problem["input"], dict) else f"={problem['input']!r}"
    words = problem["msg"].removeprefix("Value error, ")
    # The message begins in lower case after the colon, unless it begins with the name of a setting.
    begins_as_name = words.split(maxsplit=1)[0].isupper()
    return f"{key}{value}: {words if begins_as_name else words[0].lower() + words[1:]}"


def _secret_names() -> list[str]:
    """Returns the names of settings that are secrets, or options (a dict) that may contain credentials."""
    return [name for name, default, _ in environment_names() if isinstance(default, SecretStr | dict)]


def read_secret(variable: str, what: str, remedy: str) -> str:
    """Returns the secret (`what`, such as `Apify's token`) in an environment variable; it is never stored.

    Raises SettingsError, with the variable's name and never its value, if it is not set, or has characters that no
    token has.
    """
    value = os.environ.get(variable, "")
    if not value.strip():
        state = "is empty" if variable in os.environ else "is not set"
        raise SettingsError(f"{variable} {state}: it has to hold {what} in the environment. {remedy}")
    if not value.isascii() or not value.isprintable() or " " in value:
        raise SettingsError(
            f"{variable} holds a blank, a line break or another sign that is in no token. Set it to {what} alone, "
            "without quotes and without what comes after it."
        )
    return value
