"""Under which pseudonyms accounts that are being forgotten stand in comments and in pseudonymous exports."""

from dataclasses import replace
from pathlib import Path

from instagram_assets.privacy.forgotten import Forgotten, Identifiers
from instagram_assets.privacy.keys import find_key
from instagram_assets.privacy.pseudonymous import Pseudonyms
from instagram_assets.privacy.pseudonyms import FORGOTTEN, pseudonym

ID = "id "
"""What a person's pseudonym is made of where only a number is known: this, and the number."""


def with_aliases(identifiers: Identifiers, folder: Path) -> Identifiers:
    """The identifiers and the pseudonyms of their accounts, by the key of the privacy folder; as they are without one.

    A pseudonym is one more account: its comments go, and where others mention it another word takes its place. Those
    by a key that was thrown away nobody can tell any more.
    """
    key = find_key(folder, "pseudonyms")
    if key is None:
        return identifiers
    aliases = {pseudonym(key, name): instead for name, instead in identifiers.accounts.items() if name[:1] != "#"}
    for number in identifiers.profile_ids:
        alias = pseudonym(key, f"{ID}{number}")
        # From the alias itself: nothing else is known of who it is.
        aliases[alias] = pseudonym(key, alias, FORGOTTEN)
    return replace(identifiers, accounts={**aliases, **identifiers.accounts})


def with_exported(forgotten: Forgotten, folder: Path) -> Forgotten:
    """What is forgotten, with the pseudonyms that ids of posts and profiles have in exports without names.

    Its accounts have theirs by `with_aliases`. Where identifiers are not known in clear pseudonyms are not either:
    datasets are made anew then.
    """
    key = find_key(folder, "pseudonyms")
    if key is None or not isinstance(forgotten, Identifiers):
        return forgotten
    told = Pseudonyms(key)
    return replace(
        forgotten,
        post_ids=forgotten.post_ids.union(map(told.post, forgotten.post_ids)),
        profile_ids=forgotten.profile_ids.union(map(told.profile, forgotten.profile_ids)),
    )
