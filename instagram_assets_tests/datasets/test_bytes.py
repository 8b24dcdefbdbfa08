"""What every dataset promises: the same posts give the same bytes, whatever the machine is set to."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

# Language, time zone, hash seed and file permissions of the process.
_MACHINES = (
    {"LANG": "C", "LC_ALL": "C", "PYTHONHASHSEED": "1", "PYTHONUTF8": "0"},
    {"LANG": "C.UTF-8", "TZ": "America/New_York", "PYTHONHASHSEED": "2"},
    {"TZ": "Nowhere/Odd", "PYTHONHASHSEED": "3"},
)
_WRITE = """
import os, sys
from pathlib import Path
from instagram_assets.datasets.csv import write_csv
from instagram_assets.datasets.json import write_json
from instagram_assets.datasets.parquet import write_parquet
from instagram_assets.datasets.table_parts import one_part
from instagram_assets.datasets.merged_records import merged_records
from instagram_assets.engagement.post_metrics import impressions
from instagram_assets_tests.datasets.tables import image, images, post, posts

os.umask(0o077)
out = Path(sys.argv[1])
table = posts(post("1"), post("2", "zoe"), post("3", mentions=["b", "a"]))
files = images(image("1"), image("1", 1))
write_json(merged_records(one_part(posts=table, images=files), "all"), out / "merged.json")
write_csv(merged_records(one_part(posts=table, images=files), "all"), out / "merged.csv", kind="post")
write_parquet(one_part(posts=table, images=files, impressions=impressions(table)), out / "parquet")
"""


def _bytes_written_on(machine: dict[str, str], out: Path) -> dict[str, str]:
    out.mkdir()
    inherited = {key: value for key, value in os.environ.items() if key not in ("LANG", "LC_ALL", "TZ", "PYTHONUTF8")}
    subprocess.run([sys.executable, "-c", _WRITE, str(out)], env={**inherited, **machine}, check=True)
    files = (path for path in out.rglob("*") if path.is_file())
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_machine_does_not_show_in_the_files(tmp_path: Path):
    written = [_bytes_written_on(machine, tmp_path / str(number)) for number, machine in enumerate(_MACHINES)]
    assert len(written[0]) == 4
    assert written[0] == written[1] == written[2]
