"""Detects whether the virality labels in the lake were made by another rule than the configured one."""

from upath import UPath

from instagram_assets.settings import ViralitySettings
from instagram_assets.storage.lake import read_table


def other_rule(lake: UPath, options: ViralitySettings) -> str:
    """The rule of the lake's labels if it differs from that of the options; empty if it is equal or there are none.

    Raises StorageError when the labels are damaged.
    """
    from instagram_assets.engagement.virality_rules import described

    rules = [rule for rule in read_table(lake, "viral_labels", columns=["rule"])["rule"].unique().to_pylist() if rule]
    return next((rule for rule in rules if rule != described(options)), "")
