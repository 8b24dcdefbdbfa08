"""Permission to collect from Instagram's website: none without a stated purpose and a list of allowed accounts."""

from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from instagram_assets.collect.account_list_file import read_account_list
from instagram_assets.collect.collect_targets import accounts_registry
from instagram_assets.errors import CollectionRefusedError, SettingsError
from instagram_assets.report.safe_text import printable
from instagram_assets.settings import ENV_NESTED, ENV_PREFIX, CollectionSettings, Settings
from instagram_assets.sources.account_and_hashtag_names import is_hashtag, parse_account_name

PURPOSE_SETTING = f"{ENV_PREFIX}COLLECTION{ENV_NESTED}PURPOSE"
ALLOWED_SETTING = f"{ENV_PREFIX}COLLECTION{ENV_NESTED}ALLOWED"
ALLOW_REGISTRY = "registry"
POLICY_NOTE = (
    "Meta's terms (3.2.3) forbid automated collection without its permission, also of what everybody can see, and "
    "privacy law holds for public posts as well: it asks what the data is for and whether you may have it. The "
    "official API (instagram-assets collect NAME) and exports (instagram-assets ingest FILE) need no such setting; "
    "docs/collect.md says more."
)

_MOST_NAMED = 10
_FILES = (".txt", ".csv", ".tsv")


def check_permission(
    names: Iterable[str], options: CollectionSettings, registry: Callable[[], Collection[str]]
) -> None:
    """Raise CollectionRefusedError unless the settings state a purpose and allow every account in `names`.

    `registry` returns the accounts of the registry file; it is called only if the settings allow all of those. Call
    this function before any request.
    """
    if not options.purpose.strip():
        raise _unset(
            PURPOSE_SETTING, f"a sentence that says what you collect for, and {ALLOWED_SETTING} to whom you may collect"
        )
    if not options.allowed.strip():
        raise _unset(
            ALLOWED_SETTING, "the accounts that you may collect, separated by commas, a file of them, or `registry`"
        )
    allowed = allowed_accounts(options, registry)
    refused = [name for name in dict.fromkeys(names) if name not in allowed]
    if refused:
        verb, them = ("is", "it") if len(refused) == 1 else ("are", "them")
        raise CollectionRefusedError(
            f"{_named(refused)}: {verb} not among the accounts that {ALLOWED_SETTING} allows, so nobody was "
            f"asked about anything. Add {them} there if you have a permission, or leave {them} out."
        )


def check_allowed(settings: Settings, accounts: Iterable[str]) -> None:
    """Raise CollectionRefusedError unless the settings allow these accounts, by a list or through the registry file."""
    check_permission(accounts, settings.collection, lambda: accounts_registry(settings).names)


def allowed_accounts(options: CollectionSettings, registry: Callable[[], Collection[str]]) -> frozenset[str]:
    """The accounts that may be collected according to the settings.

    `registry` returns the accounts of the registry file. Raises SettingsError or FileError if the setting is invalid.
    """
    text = options.allowed.strip()
    if text.casefold() == ALLOW_REGISTRY:
        return frozenset(name for name in registry() if not is_hashtag(name))
    if _is_file(text):
        return frozenset(read_account_list(Path(text).expanduser()).names)
    found = set[str]()
    for part in filter(str.strip, text.split(",")):
        try:
            found.add(parse_account_name(part))
        except ValueError as error:
            raise SettingsError(f"{ALLOWED_SETTING}, {printable(part.strip(), 60)}: {error}.") from error
    return frozenset(found)


def _unset(setting: str, wanted: str) -> CollectionRefusedError:
    return CollectionRefusedError(
        f"{setting} is empty, and without it nothing is collected from Instagram's site. {POLICY_NOTE} "
        f"Set it to {wanted}."
    )


def _is_file(text: str) -> bool:
    if "," in text or "instagram.com/" in text.casefold():
        return False
    return "/" in text or text.casefold().endswith(_FILES) or Path(text).is_file()


def _named(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")
