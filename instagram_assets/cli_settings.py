"""How commands take settings."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from instagram_assets.settings import Settings


def chosen_settings(**sections: dict[str, Any]) -> "Settings":
    """The settings with what was given on the command line; what was not given is null. Raises SettingsError."""
    from instagram_assets.settings import load_settings

    given = {
        name: {key: value for key, value in values.items() if value is not None} for name, values in sections.items()
    }
    return load_settings(**given)
