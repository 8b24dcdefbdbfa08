"""One at a time works on a folder, and nobody waits for who works on others."""

import asyncio
from pathlib import Path

import pytest

from instagram_assets.settings import load_settings
from instagram_assets.web.dagster_api import DagsterApi
from instagram_assets.web.dependencies import Services
from instagram_assets.web.job_actions import alone_with
from instagram_assets_tests.web.clients import NOBODY

SECONDS = 10


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return Services(load_settings(data_dir=tmp_path), DagsterApi(NOBODY), NOBODY)


def steps_of(services: Services, *each: list[str]) -> list[str]:
    """What happens when all of these begin at once, each with its folders: its number and where it is."""
    told: list[str] = []

    async def work(number: int, folders: list[str]) -> None:
        async with alone_with(services, folders):
            told.append(f"{number} begins")
            for _ in range(5):
                await asyncio.sleep(0)
            told.append(f"{number} ends")

    async def all_of_them() -> None:
        async with asyncio.timeout(SECONDS):
            await asyncio.gather(*(work(number, folders) for number, folders in enumerate(each)))

    asyncio.run(all_of_them())
    return told


ONE_AFTER_THE_OTHER = ["0 begins", "0 ends", "1 begins", "1 ends"]


@pytest.mark.parametrize(
    ("first", "second"), [(["cats"], ["cats"]), (["a", "b"], ["b", "a"]), (["a", "b"], ["b"]), (["a", "a"], ["a"])]
)
def test_who_comes_second_waits(services: Services, first: list[str], second: list[str]) -> None:
    assert steps_of(services, first, second) == ONE_AFTER_THE_OTHER


@pytest.mark.parametrize(("first", "second"), [(["cats"], ["dogs"]), ([""], [""]), ([], []), (["cats"], [])])
def test_who_works_elsewhere_does_not(services: Services, first: list[str], second: list[str]) -> None:
    assert steps_of(services, first, second) != ONE_AFTER_THE_OTHER


def test_who_fails_lets_the_next_one_in(services: Services) -> None:
    async def fail() -> None:
        async with alone_with(services, ["cats"]):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(fail())
    assert steps_of(services, ["cats"]) == ["0 begins", "0 ends"]
