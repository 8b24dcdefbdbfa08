"""Backups of all data that cannot be recomputed: create, verify, prune and restore.

A folder or `s3://…` is a repository of many backups: files are stored once, by the hash of their content, and each
backup has a manifest, which is written last and makes the backup valid. A `.tar` or `.zip` is a single backup, in which
files have their own names.
"""

from instagram_assets.backups.create_backup import create_backup
from instagram_assets.backups.maintenance import prune_backups
from instagram_assets.backups.privacy_folder import Backup, backups_holding, list_backups
from instagram_assets.backups.restore import restore_backup

__all__ = ["Backup", "backups_holding", "create_backup", "list_backups", "prune_backups", "restore_backup"]
