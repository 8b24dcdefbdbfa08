"""What the subject is called in pseudonymous exports, which forget it as well."""

from dataclasses import replace
from pathlib import Path

from instagram_assets.privacy.forgotten import Forgotten, Identifiers
from instagram_assets.privacy.keys import find_key
from instagram_assets.privacy.pseudonymous import Pseudonyms
from instagram_assets.privacy.pseudonyms import PERSON


def with_pseudonyms(forgotten: Forgotten, privacy: Path) -> Forgotten:
    """What is forgotten, with the pseudonyms that the present key gives its names and ids.

    Those of a key that was rotated cannot be told any more, by anybody. Where identifiers are not known in clear
    pseudonyms are not either: datasets are made anew then.
    """
    key = find_key(privacy, "pseudonyms")
    if key is None or not isinstance(forgotten, Identifiers):
        return forgotten
    told = Pseudonyms(key)
    people = {told.person(name): instead for name, instead in forgotten.accounts.items() if not name.startswith("#")}
    return replace(
        forgotten,
        accounts={**forgotten.accounts, **{name: value for name, value in people.items() if name.startswith(PERSON)}},
        post_ids=forgotten.post_ids | {told.post(post_id) for post_id in forgotten.post_ids},
        profile_ids=forgotten.profile_ids | {told.profile(profile_id) for profile_id in forgotten.profile_ids},
    )
