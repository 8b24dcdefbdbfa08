"""Whose archive ("Download your information") a file is from: its records do not say."""

import json
import re
from pathlib import Path
from typing import Any

from instagram_assets.errors import BusyFileError, FileError
from instagram_assets.ingest import values

# `instagram-sun_diary-2025-08-30-Ab12Cd`, with more behind it where there are several parts.
_NAME = re.compile(r"instagram-(?P<name>[A-Za-z0-9._]{1,30})-20\d\d-\d\d-\d\d.*", re.ASCII | re.DOTALL)
# In the archive's root, and in the two layouts that it has had.
PERSONAL = (
    "personal_information/personal_information/personal_information.json",
    "personal_information/personal_information.json",
    "personal_information.json",
    "account_information/personal_information.json",
)
# The archive is in the language of its owner's app.
_USERNAME = (
    *("Username", "사용자 이름", "Benutzername", "Nom d’utilisateur", "Nom d'utilisateur", "Nombre de usuario"),
    *("Nome utente", "Nome de usuário", "Nome de utilizador", "Gebruikersnaam", "ユーザーネーム", "用户名", "用戶名稱"),
    *("Имя пользователя", "Kullanıcı Adı", "Nama pengguna", "Tên người dùng", "Användarnamn", "Nazwa użytkownika"),
)
_LEVELS = 4
_MOST_BYTES = 1 << 20


def owner_in_name(name: str) -> str | None:
    """The account in the name that Instagram gives an archive, as a ZIP or unpacked; null in any other name."""
    found = _NAME.fullmatch(name)
    return found["name"].casefold() if found and values.is_account_name(found["name"]) else None


def owner_in_profile(content: bytes) -> str | None:
    """The account that the archive's `personal_information.json` names; null for none. Nothing else of it is used."""
    try:
        record: Any = json.loads(content)
        told: dict[str, Any] = record["profile_user"][0]["string_map_data"]
        said = {repaired(key): value["value"] for key, value in told.items() if "value" in value}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    names = (said[key] for key in _USERNAME if key in said)
    return next((name.casefold() for name in names if isinstance(name, str) and values.is_account_name(name)), None)


def owner_beside(path: Path) -> str | None:
    """The account of the archive that a file lies in: from the names of its folders, or the owner's own data in it."""
    for folder in (path, *path.parents)[: _LEVELS + 1]:
        if owner := owner_in_name(folder.name):
            return owner
    for folder in path.parents[:_LEVELS]:
        for name in PERSONAL:
            try:
                with (folder / name).open("rb") as stream:
                    content = stream.read(_MOST_BYTES)
            except OSError:
                continue
            if owner := owner_in_profile(content):
                return owner
    return None


def agreed_owner(said: str | None, own: str | None, file: str) -> str | None:
    """Whose archive a file is: what it says itself, else what a person `said`. Raises FileError where they differ."""
    if own and said and own != said:
        problem = f"this archive is of {own}, and --account says {said}"
        # The file is as good as ever, so that it stays where it is.
        raise BusyFileError(file, problem, f"Leave out --account {said}; the archive's own name counts")
    return own or said or None


def owner_unknown(file: str) -> FileError:
    """The error for a file of an archive that does not say whose it is."""
    problem = "this is Instagram's own archive, which does not say whose account it is"
    remedy = (
        "Say it: `instagram-assets ingest FILE --account NAME`; or give the archive whole, as the ZIP or the folder "
        "instagram-NAME-… that it came as"
    )
    return FileError(file, problem, remedy)


def repaired(text: str) -> str:
    """A text whose UTF-8 was taken for Latin-1, as all texts of the archive are, made right; any other as it is."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text
