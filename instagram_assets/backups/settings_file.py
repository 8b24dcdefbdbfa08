"""The settings as they are in force, without what is secret, as text for a `.env`."""

import json
import re
from typing import Any

from pydantic import BaseModel, SecretStr

from instagram_assets.settings import NESTED, PREFIX, Settings, environment_names

NAME = "settings.env"
_HERE = ("DATA_DIR", "LAKE", "MEDIA_DIR", "MODELS_DIR", f"PRIVACY{NESTED}FOLDER")
"""Where things lie: of no use where they are brought back to."""
_LOGIN = re.compile(r"(?<=://)[^/@\s]+@")


def settings_text(settings: Settings) -> str:
    """Each setting that is not as it comes, in the form of `.env`; of a secret it is only told that there was one.

    Options of file systems, among which keys may be, count as secrets; a login is taken out of an address.
    """
    lines = ["# The settings in force when the backup was made: copy into .env what is to hold again."]
    for name, default, _ in environment_names():
        value = _value(settings, name.removeprefix(PREFIX).lower().split(NESTED))
        if value == default or (isinstance(value, SecretStr) and not value.get_secret_value()):
            continue
        short = name.removeprefix(PREFIX)
        if isinstance(value, SecretStr | dict):
            lines.append(f"# {name} was set; a backup has no secrets: set it again")
        elif short in _HERE:
            lines.append(f"# {name} was {_text(value)}")
        else:
            lines.append(f"{name}={_text(value)}")
    return "\n".join(lines) + "\n"


def _value(section: BaseModel, names: list[str]) -> Any:
    found: Any = section
    for name in names:
        found = getattr(found, name)
    return found


def _text(value: Any) -> str:
    """A value as dotenv reads it."""
    text = str(value).lower() if isinstance(value, bool) else _LOGIN.sub("", str(value))
    return text if re.fullmatch(r"[\w./:,@+%-]*", text) else json.dumps(text, ensure_ascii=False)
