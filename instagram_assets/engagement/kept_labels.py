"""By which rule the labels that the lake keeps were made."""

from upath import UPath

from instagram_assets.settings import ViralitySettings
from instagram_assets.storage.lake import read_table


def other_rule(lake: UPath, options: ViralitySettings) -> str:
    """The rule of the lake's labels where it is another than that of the options; empty where it is not, or none are.

    Raises StorageError when the labels are damaged.
    """
    from instagram_assets.engagement.virality_rules import described

    rules = [rule for rule in read_table(lake, "viral_labels", columns=["rule"])["rule"].unique().to_pylist() if rule]
    return next((rule for rule in rules if rule != described(options)), "")
