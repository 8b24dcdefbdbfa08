"""What a notebook imports: every name is there, typed and explained, and each example gives what it says."""

import doctest
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from upath import UPath

import instagram_assets
from instagram_assets import errors, merge_posts, read_export, tokenize
from instagram_assets.datasets.csv import write_csv
from instagram_assets.demo.search_site import Results, SearchPage
from instagram_assets.demo.synthetic_images import Scene, encode_image
from instagram_assets.settings import settings
from instagram_assets.storage.lake_writer import write_cells
from instagram_assets_tests.conftest import export, post, profile
from instagram_assets_tests.search.browsers import OPTIONS

DAYS = ("2026-10-20", "2026-10-21", "2026-11-02")
HEAVY = {"dagster", "pyarrow", "torch", "transformers", "pandas", "pydantic", "upath", "importlib.metadata"}


def pictures(folder: Path) -> Path:
    """A folder with four pictures each of two kinds, of which the demo's models know what they show."""
    folder.mkdir(parents=True, exist_ok=True)
    for shape, colour in (("circle", "red"), ("star", "blue")):
        for number in range(4):
            scene = Scene(shape, colour, "white", 400, 400, number)
            (folder / f"{colour}_{shape}_{number}.jpg").write_bytes(encode_image(scene))
    return folder


def lake(folder: Path, posts: pa.Table) -> None:
    """A lake with these posts and their words."""
    for name, table in {"posts": posts, "tokens": tokenize(posts)}.items():
        days = min(posts["day"].to_pylist()), max(posts["day"].to_pylist())
        write_cells(UPath(folder), name, sorted(set(posts["account"].to_pylist())), days, table)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, object]]:
    """The folder in which the examples are tried, and the names that they find there."""
    monkeypatch.chdir(tmp_path)
    for name, records in {
        "posts.json": [post(n, day=day) for n, day in enumerate(DAYS)],
        "profiles.json": [profile()],
    }.items():
        export(Path(name), records)
    lake(Path("data/lake"), merge_posts(read_export("posts.json", "profiles.json")))
    record = {"id": "10000", "caption": "#산책\none more line", "hashtags": ["산책"]}
    write_csv([record], Path("posts.csv"), kind="post", impression=False, columns=["id", "caption", "hashtags"])
    pictures(Path("pictures"))
    with SearchPage({"고양이": Results([Scene("star", "red", "blue", 64, 48, number) for number in range(3)])}) as page:
        file = page.site_file(tmp_path)
        for name, value in {"SITES_FILE": file, "FLAGS": OPTIONS.flags, "SCROLL_PAUSE": 0}.items():
            monkeypatch.setenv(f"INSTAGRAM_ASSETS_SEARCH__{name}", str(value))
        settings.cache_clear()
        yield {"address": f"{page.url}/original/고양이"}
    settings.cache_clear()


def test_every_example_gives_what_it_says(desk: dict[str, object]) -> None:
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for name in ("", *instagram_assets.__all__):
        it = getattr(instagram_assets, name) if name else instagram_assets
        module = sys.modules[it.__module__] if name else instagram_assets
        examples = [test for test in finder.find(it, name or None, module, extraglobs=desk) if test.examples]
        assert examples, f"{name} has no example"
        for test in examples:
            runner.run(test)
    assert runner.failures == 0


@pytest.mark.parametrize("name", instagram_assets.__all__)
def test_every_name_is_there_typed_and_explained(name: str) -> None:
    it = getattr(instagram_assets, name)
    assert name in dir(instagram_assets)
    assert inspect.getdoc(it)
    if inspect.isfunction(it):
        signature = inspect.signature(it)
        untyped = [one for one in signature.parameters.values() if one.annotation is inspect.Parameter.empty]
        assert not untyped
        assert signature.return_annotation is not inspect.Signature.empty
    with pytest.raises(AttributeError, match="Lakes"):
        _ = instagram_assets.Lakes  # pyright: ignore[reportAttributeAccessIssue]


def test_every_error_of_a_function_stands_in_one_module_below_one_base_and_says_that_it_is_one() -> None:
    for module in (
        "cli",
        "definitions",
        "local.image_analysis",
        "local.search_and_download",
        "local.text_analysis",
        "age.trainer",
        "alerts.deliver",
    ):
        __import__(f"instagram_assets.{module}")
    found = list(_below(errors.InstagramAssetsError))
    assert len(found) > 30
    # What only `dev` and the web app raise stands beside what raises it.
    of_servers = ("instagram_assets.web.", "instagram_assets.automation.dev_processes")
    elsewhere = {one.__module__ for one in found} - {errors.__name__}
    assert [module for module in elsewhere if not module.startswith(of_servers)] == []
    assert [one.__name__ for one in found if not one.__name__.endswith("Error")] == []


def test_importing_the_package_imports_nothing_that_takes_time() -> None:
    code = f"import sys, instagram_assets; dir(instagram_assets); print(sorted({HEAVY} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True, cwd=_root())
    assert ran.stdout == "[]\n"


def _root() -> Path:
    return Path(instagram_assets.__file__).parents[1]


def _below(error: type[Exception]) -> Iterator[type[Exception]]:
    for one in error.__subclasses__():
        yield one
        yield from _below(one)
