"""Images are seen, kept and dropped by hand in the web app, and the folder follows: beside a real Dagster."""

import asyncio
import hashlib
import io
import re
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image
from starlette.testclient import TestClient

from instagram_assets.errors import ConflictError
from instagram_assets.web.app import create_app
from instagram_assets.web.collection_jobs import Job, State
from instagram_assets.web.dependencies import Services
from instagram_assets.web.job_actions import apply_decisions, start
from instagram_assets.web.job_requests import SearchBody
from instagram_assets_tests.servers.dev import Dev
from instagram_assets_tests.servers.searching_dev import CATS
from instagram_assets_tests.web.with_dagster.jobs_of import services_for, until

ENDED = (State.done, State.failed, State.cancelled)
TRAP = '<img src=x onerror="alert(1)"> ![x](http://127.0.0.1:1/x.png) 개'


class Cats(NamedTuple):
    """A search that was done, and the app that shows it."""

    services: Services
    client: TestClient
    job: Job

    @property
    def folder(self) -> Path:
        return self.services.settings.folder("datasets") / "search" / self.job.folder

    def images(self, **asked: Any) -> dict[str, Any]:
        answer = self.client.get(f"/api/jobs/{self.job.job_id}/images", params=asked)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def image(self, image_id: str) -> dict[str, Any]:
        (found,) = [image for image in self.images(size=1000)["images"] if image["image_id"] == image_id]
        return found

    def get(self, name: str, **asked: Any) -> Any:
        headers = asked.pop("headers", {})
        return self.client.get(f"/api/jobs/{self.job.job_id}/images/{name}", params=asked, headers=headers)

    def decide(self, decision: str | None, image_ids: list[str], **said: Any) -> Any:
        body = {"decision": decision, "image_ids": image_ids, **said}
        return self.client.post(f"/api/jobs/{self.job.job_id}/images/decisions", json=body)

    def apply(self) -> Job:
        answer = self.client.post(f"/api/jobs/{self.job.job_id}/apply")
        assert answer.status_code == 201, answer.text
        return self.until_ended(answer.json()["job_id"])

    def again(self, **given: Any) -> Job:
        """The same search again."""
        wanted = {"query": self.job.query, "folder": self.job.folder, "limit": 10, **given}
        started = asyncio.run(start(self.services, SearchBody.model_validate(wanted)))
        return self.until_ended(started.job_id)

    def until_ended(self, job_id: str) -> Job:
        job = asyncio.run(until(self.services, job_id, *ENDED))
        assert job.state is State.done, job.error
        return job

    def page(self, **asked: Any) -> str:
        answer = self.client.get(f"/jobs/{self.job.job_id}/images", params=asked, headers={"Accept-Language": "en"})
        assert answer.status_code == 200, answer.text
        return answer.text


@pytest.fixture(scope="module")
def cats(collecting_dev: Dev) -> Cats:
    services = services_for(collecting_dev)
    wanted = SearchBody(query=CATS, folder="kept and dropped", limit=10)
    started = asyncio.run(start(services, wanted))
    job = asyncio.run(until(services, started.job_id, *ENDED))
    assert job.state is State.done, job.error
    return Cats(services, TestClient(create_app(services), raise_server_exceptions=False), job)


def test_images_are_listed_in_pages_with_what_is_known_of_each(cats: Cats) -> None:
    every = cats.images()
    kept = [image for image in every["images"] if image["place"] == "kept"]
    assert len(kept) == 10
    assert [image["name"] for image in kept] == sorted(path.name for path in cats.folder.glob("img_*"))
    assert all(image["width"] and image["sharpness"] and image["cluster"] == 0 for image in kept)
    assert {image["reason"] for image in cats.images(show="left_out")["images"]} == {"beyond the limit of 10 images"}
    assert every["counts"]["all"] == 12
    assert (cats.images(size=5)["pages"], len(cats.images(size=5, page=3)["images"])) == (3, 2)
    assert cats.images(page=99)["images"] == []


def test_a_picture_is_sent_whole_or_small_and_is_kept_for_good_by_its_version(cats: Cats) -> None:
    image = cats.images()["images"][0]
    sent = cats.get(image["name"], v=image["version"])
    assert hashlib.sha256(sent.content).hexdigest() == image["image_id"]
    assert sent.headers["content-type"] == "image/jpeg"
    assert sent.headers["x-content-type-options"] == "nosniff"
    assert "immutable" in sent.headers["cache-control"]
    assert "no-cache" in cats.get(image["name"]).headers["cache-control"]
    small = cats.get(image["name"], thumbnail=True)
    assert max(Image.open(io.BytesIO(small.content)).size) <= 320
    again = cats.get(image["name"], thumbnail=True, headers={"If-None-Match": small.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "name",
    [
        *("../manifest.jsonl", "..%2Fmanifest.jsonl", "%2e%2e%2f%2e%2e%2f.env", "manifest.jsonl", "dataset_card.md"),
        *("/etc/passwd", "%2Fetc%2Fpasswd", "img_0001.jpg%00.png", "img_9999.jpg", "a" * 300, "..\\manifest.jsonl"),
    ],
)
def test_no_name_leads_out_of_the_list(cats: Cats, name: str) -> None:
    answer = cats.client.get(f"/api/jobs/{cats.job.job_id}/images/{name}")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith(("application/json", "text/html"))
    assert b"sha256" not in answer.content


@pytest.mark.parametrize("job_id", ["00000000-0000-0000-0000-000000000000", "..", "x", "%2e%2e%2f"])
def test_of_a_job_that_there_is_not_nothing_is_shown(cats: Cats, job_id: str) -> None:
    for path in ("images", "images/img_0001.jpg"):
        assert cats.client.get(f"/api/jobs/{job_id}/{path}").status_code == 404
    assert cats.client.post(f"/api/jobs/{job_id}/apply").status_code == 404
    assert cats.client.get(f"/jobs/{job_id}/images").status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"decision": "keep", "image_ids": ["0" * 64]}, 404),
        ({"decision": "keep", "filenames": ["../x"]}, 404),
        ({"decision": "keep"}, 422),
        ({"decision": "delete", "image_ids": ["x"]}, 422),
        ({"image_ids": ["x"]}, 422),
        ({"decision": "drop", "filenames": ["img_0001.jpg"], "why": "x" * 1001}, 422),
        ([], 422),
    ],
)
def test_what_is_no_decision_is_refused_and_nothing_changes(cats: Cats, body: Any, status: int) -> None:
    answer = cats.client.post(f"/api/jobs/{cats.job.job_id}/images/decisions", json=body)
    assert answer.status_code == status
    assert set(answer.json()) == {"detail", "error"}
    assert cats.images(show="by_hand")["images"] == []


def test_what_was_decided_by_hand_holds_over_runs_and_peoples_files_stay(cats: Cats) -> None:
    kept = cats.images(show="kept")["images"]
    spare = cats.images(show="left_out")["images"][0]
    (cats.folder / "labels.csv").write_text("img_0001.jpg,star")
    (cats.folder / kept[3]["name"]).write_bytes(b"cropped")
    dropped = [kept[0]["image_id"], kept[1]["image_id"]]
    answer = cats.decide("drop", dropped, why=TRAP)
    assert (answer.status_code, answer.json()["pending"]) == (200, 2)
    assert cats.decide("keep", [], filenames=[spare["name"]]).json()["pending"] == 3
    assert (cats.folder / kept[0]["name"]).exists()
    page = cats.page()
    assert "3 decisions are not in the folder yet." in page
    assert "<img src=x" not in page
    assert TRAP in unescape(page)

    assert cats.apply().query == CATS
    assert cats.images()["pending"] == 0
    for refresh in (False, True):
        for image_id in dropped:
            assert cats.image(image_id)["reason"] == f"dropped by hand: {TRAP}"
            assert cats.image(image_id)["decided_at"]
        assert (cats.image(spare["image_id"])["place"], cats.image(spare["image_id"])["decision"]) == ("kept", "keep")
        names = {image["name"] for image in cats.images(show="kept", size=1000)["images"]}
        assert names == {path.name for path in cats.folder.glob("img_*")}
        assert (cats.folder / "labels.csv").read_text() == "img_0001.jpg,star"
        assert (cats.folder / kept[3]["name"]).read_bytes() == b"cropped"
        if not refresh:
            cats.again(refresh=True)
    # What is no picture is not sent, whatever its name says.
    assert cats.get(kept[3]["name"]).status_code == 422

    assert cats.decide(None, [*dropped, spare["image_id"]]).json()["pending"] == 3
    cats.apply()
    assert cats.images(show="all")["pending"] == 0
    assert {image["decision"] for image in cats.images()["images"]} == {None}


@pytest.mark.parametrize("show", ["all", "kept", "left_out", "by_hand", "nonsense"])
def test_the_part_of_the_page_shows_one_kind_with_names_that_readers_are_told(cats: Cats, show: str) -> None:
    page = cats.page(show=show)
    tiles = re.findall(r'data-image="([^"]+)" data-place="([^"]+)"', page)
    every = cats.images(show=show if show != "nonsense" else "all", size=1000)["images"]
    assert tiles == [(image["name"], image["place"]) for image in every]
    assert page.count("<img ") == len(tiles) == page.count('loading="lazy"')
    assert all(f'alt="{name}, ' in page for name, _ in tiles)
    assert page.count("aria-pressed") == 4 + 2 * len(tiles)
    assert "style=" not in page
    assert "onclick" not in page


def test_of_two_who_write_the_folder_at_once_one_does(cats: Cats) -> None:
    async def both() -> list[str | BaseException]:
        twice = (apply_decisions(cats.services, cats.job.folder) for _ in range(2))
        return await asyncio.gather(*twice, return_exceptions=True)

    found = asyncio.run(both())
    (started,) = [each for each in found if isinstance(each, str)]
    assert [type(each) for each in found if not isinstance(each, str)] == [ConflictError]
    cats.until_ended(started)


def test_with_a_job_that_was_deleted_its_images_are_gone_at_once(cats: Cats) -> None:
    job = cats.apply()
    image = f"/api/jobs/{job.job_id}/images/{cats.images(show='kept')['images'][0]['name']}"
    assert cats.client.get(image).status_code == 200
    assert cats.client.delete(f"/api/jobs/{job.job_id}").status_code == 200
    assert cats.client.get(image).status_code == 404
    assert cats.images(show="kept")["images"], "what another job of the same folder shows stays"
