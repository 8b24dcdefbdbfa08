"""Reads secrets from the environment variables named in the settings, at each call; they are never stored or shown."""

import os

from instagram_assets.errors import SettingsError


def read_secret(variable: str, what: str, remedy: str) -> str:
    """Returns the value of an environment variable that holds `what`, such as `Apify's token`.

    Raises SettingsError, with the variable's name and never its value, if it is not set or cannot be a secret.
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
