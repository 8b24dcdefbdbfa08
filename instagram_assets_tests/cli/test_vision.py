"""Captions, embeddings and clusters from a shell: files in, files out, no Dagster."""

import csv
import hashlib
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
from instagram_assets.demo import MODELS
from instagram_assets.demo.synthetic_images import Scene, encode_image
from instagram_assets.settings import settings

ROOT = Path(__file__).parents[2]
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
        (folder / f"{seed}.jpg").write_bytes(encode_image(Scene(*subject, 400, 500, seed=900 + seed)))
    (folder / "page.jpg").write_text("<html>Log in</html>")
    return folder


def table_of(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig") as stream:
        return list(csv.DictReader(stream))


def test_what_is_made_of_two_folders_of_one_name_lies_apart_and_names_files_alike(run: Run, tmp_path: Path) -> None:
    made: dict[str, bytes] = {}
    for parent, colour in (("one", "red"), ("two", "blue")):
        folder = tmp_path / parent / "photos"
        (folder / "more").mkdir(parents=True)
        for seed, name in enumerate(("0.jpg", "more/1.jpg", "more/2.jpg")):
            (folder / name).write_bytes(encode_image(Scene("circle", colour, "white", 400, 500, seed=seed)))
        for command in ("caption", "embed", "cluster"):
            done = run(command, folder)
            assert done.exit_code == 0, done.output
        names = ["0.jpg", "more/1.jpg", "more/2.jpg"]
        ids = [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names]
        outputs = {
            "captions.json": json.loads((folder / "captions.json").read_text("utf-8")),
            "captions.csv": table_of(folder / "captions.csv"),
            "clusters.csv": table_of(folder / "clusters.csv"),
            "embeddings.parquet": pq.read_table(folder / "embeddings.parquet").to_pylist(),
        }
        for rows in outputs.values():
            assert [(row["file"], row["image_id"]) for row in rows] == list(zip(names, ids, strict=True))
        # Not among the images, where the next run would take it for one.
        assert (tmp_path / parent / "photos_clusters.jpg").is_file()
        made |= {f"{parent}/{name}": (folder / name).read_bytes() for name in outputs}
    assert {name: (tmp_path / name.replace("/", "/photos/")).read_bytes() for name in made} == made
    assert not [path for path in tmp_path.iterdir() if path.is_file()]


def test_embeddings_in_a_folder_that_was_moved_still_find_their_pictures(run: Run, pictures: Path) -> None:
    assert run("embed", pictures).exit_code == 0
    moved = pictures.rename(pictures.with_name("moved"))
    done = run("cluster", moved / "embeddings.parquet", "--eps", 0.18)
    assert done.exit_code == 0, done.output
    assert (moved / "clusters.csv").is_file()
    assert (moved.with_name("moved_clusters.jpg")).stat().st_size > 5000


def test_outputs_for_a_json_lie_beside_it_under_its_name(run: Run, pictures: Path) -> None:
    (pictures / "posts.json").write_text(json.dumps([{"images": ["0.jpg", "1.jpg", "4.jpg"]}]))
    for command in ("embed", "cluster"):
        assert run(command, pictures / "posts.json").exit_code == 0
    assert [row["file"] for row in table_of(pictures / "posts_clusters.csv")] == ["0.jpg", "1.jpg", "4.jpg"]
    assert (pictures / "posts_embeddings.parquet").is_file()
    assert (pictures / "posts_clusters.jpg").is_file()


@pytest.mark.parametrize(
    ("command", "name"),
    [("caption", "captions.json"), ("embed", "embeddings.parquet"), ("cluster", "clusters.csv")],
)
def test_a_persons_own_file_is_told_before_any_work_and_stays(
    run: Run, pictures: Path, monkeypatch: pytest.MonkeyPatch, command: str, name: str
) -> None:
    monkeypatch.setenv("INSTAGRAM_ASSETS_MODELS__CAPTION_MODEL", "nobody/nothing")
    monkeypatch.setenv("INSTAGRAM_ASSETS_MODELS__EMBEDDING_MODEL", "nobody/nothing")
    settings.cache_clear()
    (pictures / name).write_text("mine")
    done = run(command, pictures)
    assert done.exit_code == 1
    assert f"{pictures / name}: is there already" in done.output
    assert (pictures / name).read_text() == "mine"


def test_the_contact_sheet_never_takes_the_place_of_a_picture(run: Run, pictures: Path) -> None:
    before = (pictures / "0.jpg").read_bytes()
    (pictures.parent / "pictures_0.jpg").write_bytes(b"mine")
    done = run("cluster", pictures, "--out", pictures / "0.csv")
    assert done.exit_code == 1
    assert "pictures_0.jpg: is there already" in done.output
    assert (pictures / "0.jpg").read_bytes() == before
    assert not (pictures / "0.csv").exists()


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


@pytest.mark.parametrize(
    ("command", "done"),
    [("caption", "8 images, 7 captioned"), ("embed", "8 files, 1 failed"), ("cluster", "clusters.csv")],
)
def test_pictures_are_known_by_their_bytes_and_other_files_are_told(
    run: Run, pictures: Path, command: str, done: str
) -> None:
    (pictures / "0.jpg").rename(pictures / "0.jfif")
    (pictures / "1.jpg").rename(pictures / "1")
    for ending in ("bmp", "tif", "heic"):
        (pictures / f"drawing.{ending}").write_bytes(b"no JPEG")
    said = run(command, pictures).output
    assert done in said
    assert "3 files passed over: 3 text instead of an image, such as drawing.bmp" in said


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
    rows = table_of(Path("clusters.csv"))
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
    assert (done.exit_code, "1 files, 1 failed" in done.output) == (1, True), done.output
    rows = table_of(folder / "clusters.csv")
    assert [row["cluster"] for row in rows] == [""]
    assert "not a picture" in rows[0]["reason"]


@pytest.mark.parametrize(("different", "shown"), [(0, ["noise", "1", "6"]), (3, ["0", "4", "9"])])
def test_equal_files_are_one_image_and_that_is_said(run: Run, different: int, shown: list[str]) -> None:
    folder = Path("copies")
    folder.mkdir()
    subject = ("circle", "red", "white", 400, 500)
    for number in range(6):
        (folder / f"copy{number}.jpg").write_bytes(encode_image(Scene(*subject, seed=900)))
    for number in range(different):
        (folder / f"other{number}.jpg").write_bytes(encode_image(Scene(*subject, seed=901 + number)))
    done = run("cluster", folder, "--eps", 0.18)
    assert done.exit_code == 0, done.output
    (row,) = [line.replace("│", " ").split() for line in done.output.splitlines() if "copy0.jpg" in line]
    assert row[:3] == shown
    images = "1 image" if not different else "4 images"
    assert f"Equal files count once: {6 + different} files are {images}." in done.output
    assert {row["cluster"] for row in table_of(folder / "clusters.csv")} == {"0" if different else "-1"}


def test_where_no_files_are_equal_nothing_is_said_of_it(run: Run, pictures: Path) -> None:
    done = run("cluster", pictures, "--eps", 0.18)
    assert "Equal files" not in done.output
    assert "files" not in done.output.split("such as")[0]


def test_a_file_name_that_is_no_text_never_stops_the_others(run: Run, pictures: Path) -> None:
    (pictures / "0.jpg").rename(pictures / os.fsdecode(b"caf\xe9.jpg"))
    done = run("embed", pictures, "--out", "vectors.parquet")
    assert done.exit_code == 0, done.output
    assert "caf\N{REPLACEMENT CHARACTER}.jpg" in pq.read_table("vectors.parquet")["file"].to_pylist()


def test_images_of_a_record_that_are_no_list_are_passed_over(run: Run, pictures: Path) -> None:
    records = [{"images": "0.jpg"}, {"images": 7}, {"images": [["0.jpg"], {"a": 1}, None, "1.jpg"]}, {}]
    (pictures / "posts.json").write_text(json.dumps(records))
    done = run("embed", pictures / "posts.json", "--out", "vectors.parquet")
    assert done.exit_code == 0, done.output
    assert pq.read_table("vectors.parquet")["file"].to_pylist() == ["1.jpg"]


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


@pytest.mark.parametrize("command", ["caption", "embed", "cluster"])
def test_work_of_which_all_failed_says_so_and_does_not_exit_0(run: Run, tmp_path: Path, command: str) -> None:
    folder = tmp_path / "pages"
    folder.mkdir()
    for name in ("one.jpg", "two.jpg"):
        (folder / name).write_text("<html>Log in</html>")
    done = run(command, folder)
    assert done.exit_code == 1
    assert "2 images, 2 without one" in done.output or "2 files, 2 failed: 2 " in done.output
