"""Backups: all that cannot be made again, stored elsewhere, and brought back.

A folder or `s3://…` is a repository of many backups: files by the hash of their bytes, each stored once, and a manifest
per backup, written last, which makes it count. A `.tar` or `.zip` is one backup under the names that its files have.
"""

from instagram_assets.backups.notes import Backup, backups_holding, list_backups
from instagram_assets.backups.prune import prune
from instagram_assets.backups.restore import restore
from instagram_assets.backups.take import take

__all__ = ["Backup", "backups_holding", "list_backups", "prune", "restore", "take"]
