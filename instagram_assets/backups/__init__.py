"""Backups: all that cannot be made again, stored elsewhere, and brought back.

A folder or `s3://…` is a repository of many backups: files by the hash of their bytes, each stored once, and a manifest
per backup, written last, which makes it count. A `.tar` or `.zip` is one backup under the names that its files have.
"""

from instagram_assets.backups.create_backup import create_backup
from instagram_assets.backups.maintenance import prune_backups
from instagram_assets.backups.privacy_folder import Backup, backups_holding, list_backups
from instagram_assets.backups.restore import restore_backup

__all__ = ["Backup", "backups_holding", "create_backup", "list_backups", "prune_backups", "restore_backup"]
