"""Dagster's history in PostgreSQL is stored by pg_dump and comes back by pg_restore."""

import os
import shutil
import subprocess
from pathlib import Path

import dagster as dg
import pytest

from instagram_assets.backups.backup_contents import BackupContents
from instagram_assets.backups.create_backup import create_backup
from instagram_assets.backups.restore import restore_backup
from instagram_assets.errors import SettingsError, StorageError
from instagram_assets_tests.conftest import OpenHome
from instagram_assets_tests.dagster_instances import settings_of
from instagram_assets_tests.servers.postgres import Cluster


@pytest.mark.parametrize("kind", ["postgres", "stock postgres"])
def test_a_history_in_postgresql_comes_back(
    kind: str, contents: BackupContents, keys: Path, tmp_path: Path, open_home: OpenHome, cluster: Cluster
) -> None:
    with open_home(kind, tmp_path / f"home {kind}") as instance:
        instance.add_dynamic_partitions("accounts", ["sun", "sea"])
        stored = BackupContents(contents.settings, tmp_path / f"home {kind}", dict(os.environ))
        assert create_backup(stored, str(tmp_path / "backups"), keys).missing == ()
    restore_backup(str(tmp_path / "backups"), tmp_path / "back", keys)
    variables = cluster.create(f"back {kind}")
    libpq = {"PGHOST": "127.0.0.1", "PGPORT": variables["POSTGRES_PORT"], "PGUSER": variables["POSTGRES_USER"]}
    libpq |= {"PGPASSWORD": variables["POSTGRES_PASSWORD"], "PGDATABASE": variables["POSTGRES_DB"]}
    dump = tmp_path / "back" / "dagster" / "postgres.dump"
    done = subprocess.run(
        ["pg_restore", "--no-owner", "--dbname", variables["POSTGRES_DB"], str(dump)],
        env=os.environ | libpq,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "dagster.yaml").write_text(settings_of(kind))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        with dg.DagsterInstance.from_config(str(tmp_path / "new")) as instance:
            assert set(instance.get_dynamic_partitions("accounts")) == {"sun", "sea"}


def test_what_is_missing_is_told_before_anything_is_stored(
    contents: BackupContents, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = contents.settings.data_dir / "dagster"
    (home / "dagster.yaml").write_text(settings_of("postgres"))
    with pytest.raises(SettingsError, match="POSTGRES_USER, which is not set"):
        create_backup(contents, str(tmp_path / "backups"), keys)
    names = ("POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_DB")
    given = BackupContents(contents.settings, home, dict.fromkeys(names, "1"))
    with pytest.raises(StorageError, match=r"pg_dump failed .*--no-history"):
        create_backup(given, str(tmp_path / "backups"), keys)
    (home / "dagster.yaml").write_text("storage:\n  postgres:\n    postgres_url: postgresql://…\n")
    with pytest.raises(SettingsError, match=r"--no-history"):
        create_backup(given, str(tmp_path / "backups"), keys)
    (home / "dagster.yaml").write_text(settings_of("postgres"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not shutil.which("pg_dump")
    with pytest.raises(StorageError, match=r"pg_dump is not on PATH.*--no-history"):
        create_backup(given, str(tmp_path / "backups"), keys)
    assert create_backup(BackupContents(contents.settings, None, {}), str(tmp_path / "backups"), keys).missing == ()
