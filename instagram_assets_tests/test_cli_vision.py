"""Captions, embeddings and clusters from a shell: files in, files out, no Dagster."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from instagram_assets.cli import app
from instagram_assets.demo.scenes import Scene, draw
from instagram_assets.settings import settings

ROOT = Path(__file__).parents[1]
MODELS = ROOT / "data" / "sample" / "models"
SUBJECTS = [("circle", "red", "white")] * 4 + [("star", "yellow", "blue")] * 3
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs a command in an empty folder, with the demo's models."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # commands in a process of their own run this checkout too
    monkeypatch.setenv("INSTAGRAM_ASSETS_MODELS__CAPTION_MODEL", str(MODELS / "blip"))
    monkeypatch.setenv("INSTAGRAM_ASSETS_MODELS__EMBEDDING_MODEL", str(MODELS / "clip"))
    monkeypatch.setenv("INSTAGRAM_ASSETS_MODELS__PRECISION", "fp32")
    settings.cache_clear()
    yield lambda *words: CliRunner().invoke(app, [str(word) for word in words])
    settings.cache_clear()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Seven pictures of two subjects, and a page that calls itself a picture."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for seed, subject in enumerate(SUBJECTS):
        (folder / f"{seed}.jpg").write_bytes(draw(Scene(*subject, 400, 500, seed=900 + seed)))
    (folder / "page.jpg").write_text("<html>Log in</html>")
    return folder


def test_a_folder_gets_its_captions_and_says_which_file_has_none(run: Run, pictures: Path) -> None:
    done = run("caption", pictures)
    assert done.exit_code == 0, done.output
    records = json.loads((pictures / "captions.json").read_text("utf-8"))
    right = sum(record["caption"] == "a red circle on a white background" for record in records[:4])
    assert right >= 3
    assert records[-1]["file"] == "page.jpg"
    assert records[-1]["caption"] is None
    assert "8 images, 7 captioned" in done.output
    assert "1 without: not a picture" in done.output


def test_an_image_that_would_not_pass_in_the_lake_gets_no_caption_here_either(
    run: Run, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    Image.new("RGB", (1, 1)).save(pictures / "dot.png")
    done = run("caption", pictures)
    assert "9 images, 7 captioned" in done.output
    assert "1 without: smaller than 300 px\n" in done.output
    records = {record["file"]: record for record in json.loads((pictures / "captions.json").read_text("utf-8"))}
    assert records["dot.png"]["caption"] is None
    assert records["dot.png"]["reason"].startswith("smaller than 300 px (1 x 1)")
    (pictures / "posts.json").write_text(json.dumps([{"images": ["dot.png"]}]))
    assert "1 without: smaller than 300 px\n" in run("caption", pictures / "posts.json").output
    monkeypatch.setenv("INSTAGRAM_ASSETS_QUALITY__ONLY_PASSED", "false")
    settings.cache_clear()
    assert "9 images, 8 captioned" in run("caption", pictures).output


def test_files_that_cannot_be_read_as_pictures_are_not_taken_for_them(run: Run, pictures: Path) -> None:
    for ending in ("bmp", "tif", "heic"):
        (pictures / f"drawing.{ending}").write_bytes(b"no JPEG")
    assert run("embed", pictures, "--out", "vectors.parquet").exit_code == 0
    assert pq.read_table("vectors.parquet").num_rows == 8


def test_a_merged_json_comes_out_with_captions_and_a_second_run_loads_no_model(run: Run, pictures: Path) -> None:
    file = pictures / "merged_dataset_post_with_images.json"
    file.write_text(json.dumps([{"id": "1", "images": ["0.jpg", "gone.jpg"], "other": [1, None]}]))
    assert run("caption", file, "--num-captions", 2).exit_code == 0
    out = pictures / "merged_dataset_post_with_images_with_captions.json"
    before = out.read_bytes()
    record = json.loads(before)[0]
    assert record["imageCaptions"][0].startswith("a red circle")
    assert record["imageCaptions"][1] is None
    assert record["other"] == [1, None]
    out.unlink()
    program = (
        "import sys; from instagram_assets.cli import app; app(standalone_mode=False); print('torch' in sys.modules)"
    )
    command = [sys.executable, "-c", program, "caption", str(file), "--num-captions", "2"]
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert out.read_bytes() == before
    assert again.stdout.splitlines()[-1] == "False"


def test_embeddings_are_one_row_per_file_and_lead_to_clusters(run: Run, pictures: Path) -> None:
    assert run("embed", pictures, "--out", "vectors.parquet").exit_code == 0
    table = pq.read_table("vectors.parquet")
    assert table["status"].to_pylist() == ["ok"] * 7 + ["failed"]
    assert len(table["embedding"][0]) == 512
    done = run("cluster", "vectors.parquet", "--eps", 0.18)
    assert done.exit_code == 0, done.output
    with open("clusters.csv", encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    labels = [row["cluster"] for row in rows]
    assert labels[:4] == [labels[0]] * 4
    assert labels[4:7] == [labels[4]] * 3
    assert labels[0] != labels[4]
    assert [row["is_largest"].lower() for row in rows[:7]] == ["true"] * 4 + ["false"] * 3
    assert Path("clusters.jpg").stat().st_size > 1000


def test_where_no_file_is_an_image_the_clusters_are_empty(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "page.jpg").write_text("<html>Log in</html>")
    done = run("cluster", folder)
    assert done.exit_code == 0, done.output
    with open("clusters.csv", encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["cluster"] for row in rows] == [""]
    assert "not a picture" in rows[0]["reason"]


def test_a_file_name_that_is_no_text_never_stops_the_others(run: Run, pictures: Path) -> None:
    (pictures / "0.jpg").rename(pictures / os.fsdecode(b"caf\xe9.jpg"))
    done = run("embed", pictures, "--out", "vectors.parquet")
    assert done.exit_code == 0, done.output
    assert str(pictures / "caf\N{REPLACEMENT CHARACTER}.jpg") in pq.read_table("vectors.parquet")["file"].to_pylist()


def test_images_of_a_record_that_are_no_list_are_passed_over(run: Run, pictures: Path) -> None:
    records = [{"images": "0.jpg"}, {"images": 7}, {"images": [["0.jpg"], {"a": 1}, None, "1.jpg"]}, {}]
    (pictures / "posts.json").write_text(json.dumps(records))
    done = run("embed", pictures / "posts.json", "--out", "vectors.parquet")
    assert done.exit_code == 0, done.output
    assert pq.read_table("vectors.parquet")["file"].to_pylist() == [str(pictures / "1.jpg")]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["caption", "{pictures}", "--num-captions", "0"], "CAPTIONS__NUM_CAPTIONS"),
        (["caption", "{pictures}", "--model", "nobody/nothing"], "models pull"),
        (["caption", "{pictures}", "--model", str(MODELS / "clip")], "caption"),
        (["embed", "{pictures}", "--model", str(MODELS / "blip")], "BlipForConditionalGeneration"),
        (["embed", "gone"], "gone"),
        (["cluster", "{pictures}", "--eps", "3"], "CLUSTERS__EPS"),
        (["cluster", "{pictures}/0.parquet"], "embed"),
        (["cluster", "gone.parquet"], "no such file"),
        (["cluster", "{pictures}", "--out", "clusters.jpg"], "contact sheet"),
        (["caption", "gone", "--run-in-background"], "gone"),
    ],
)
def test_what_cannot_be_done_is_said_clearly(run: Run, pictures: Path, words: list[str], said: str) -> None:
    (pictures / "0.parquet").write_bytes(b"no parquet")
    done = run(*(word.format(pictures=pictures) for word in words))
    assert done.exit_code == 1, done.output
    assert said in done.output


def test_work_in_the_background_is_started_and_told_how_to_follow(pictures: Path, run: Run) -> None:
    command = [sys.executable, "-m", "instagram_assets.cli", "caption", str(pictures), "--run-in-background"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    log = Path(told.split("tail -f ")[1].splitlines()[0])
    process = int(told.split("process ")[1].split(".")[0])
    subprocess.run(["tail", f"--pid={process}", "-f", "/dev/null"], check=True, timeout=120)
    assert "7 captioned" in log.read_text()
    assert (pictures / "captions.csv").exists()
