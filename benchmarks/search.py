"""From the results of an image search to a folder of one subject: ours against the first source's way.

`python -m benchmarks.search [--quick] [--json]`. 300 results (100 with --quick) on a page of this machine, 100 ms per
picture, the demo's CLIP. The source's way: one urllib request after another, one picture per CLIP forward, the same
limits of size and sharpness, the same clustering. `whole_ratio` adds the same visit of Chromium to both sides.
"""

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.measure import Measured, Report, alternate, in_child, median_cpu_seconds, median_seconds, options
from instagram_assets.demo import MODELS
from instagram_assets.demo.search_site import Results, SearchPage, mixed

_ROOT = Path(__file__).parents[1]
_WORD = "고양이"
_DELAY = 0.1
_LIMIT = 500


def ours(hits_file: str, folder: str) -> int:
    """The stages of the job `search` after its page, in a child; how many images the subject's cluster has."""
    from instagram_assets.datasets.image_folder import write_folder
    from instagram_assets.search.candidate_images import embeddings_table, fetch_results, images_table
    from instagram_assets.search.image_selection import select_images
    from instagram_assets.search.results_page import SearchHit
    from instagram_assets.search.search_requests import SearchRequest, results_table
    from instagram_assets.search.subject_cluster import clusters_table
    from instagram_assets.settings import load_settings
    from instagram_assets.vision import pipeline

    settings = load_settings(data_dir=folder)
    os.chdir(folder)
    request = SearchRequest.of(settings, _WORD, limit=_LIMIT)
    results = results_table(request, "naver", [SearchHit(**hit) for hit in json.loads(Path(hits_file).read_bytes())])
    images = images_table(fetch_results(results, settings), request, settings)
    embeddings = embeddings_table(images, request, settings)
    clusters = clusters_table(embeddings, images, request, settings).table
    files = pipeline.media_files(images, settings)
    rows = select_images(results, images, clusters, request.limit)
    write_folder(Path(folder) / "made", rows, files, request.model_dump())
    return sum(clusters["is_subject"].to_pylist())


def source(hits_file: str, folder: str) -> int:
    """The first source's way, in a child; how many images the largest cluster has."""
    import shutil
    from urllib.request import urlopen

    import cv2
    import numpy as np
    import torch
    from PIL import Image
    from sklearn.cluster import DBSCAN
    from transformers import AutoModel, AutoProcessor

    from instagram_assets.settings import load_settings

    settings = load_settings()
    model: Any = AutoModel.from_pretrained(settings.models.embedding_model).eval()
    processor: Any = AutoProcessor.from_pretrained(settings.models.embedding_model, backend="pil")
    files: list[Path] = []
    seen: set[bytes] = set()
    for number, hit in enumerate(json.loads(Path(hits_file).read_bytes())):
        with urlopen(hit["url"]) as answer:
            data = answer.read()
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
        assert picture is not None
        short = min(picture.shape)
        if data in seen or short < settings.quality.min_side:
            continue
        seen.add(data)
        size = (round(picture.shape[1] * 300 / short), round(picture.shape[0] * 300 / short))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        if cv2.Laplacian(small, cv2.CV_64F).var() < settings.quality.min_sharpness:
            continue
        files.append(Path(folder, f"{number}.jpg"))
        files[-1].write_bytes(data)
    vectors: list[Any] = []
    for file in files:
        with torch.inference_mode(), Image.open(file) as image:
            inputs = processor(images=image.convert("RGB"), return_tensors="pt")
            vectors.append(model.get_image_features(**inputs).pooler_output[0].numpy())
    scan = DBSCAN(eps=settings.clusters.eps, min_samples=settings.clusters.min_samples, metric="cosine")
    labels = scan.fit_predict(np.stack(vectors))
    largest = np.bincount(labels[labels >= 0]).argmax()
    made = Path(folder, "made")
    made.mkdir()
    for file, label in zip(files, labels, strict=True):
        if label == largest:
            shutil.copy(file, made)
    return len(list(made.iterdir()))


def main() -> None:
    """Search, measure, print."""
    chosen = options(__doc__ or "")
    report = Report("search", ["torch", "transformers", "aiohttp", "scikit-learn"])
    pictures = mixed(100 if chosen.quick else 300)
    numbers = count()
    with SearchPage({_WORD: Results(pictures)}, delay=_DELAY) as server, tempfile.TemporaryDirectory() as folder:
        for scene in pictures:
            server.draw(scene)  # now, so that no side waits for it
        page_seconds, hits = _hits(server, len(pictures))
        hits_file = Path(folder) / "hits.json"
        hits_file.write_text(json.dumps(hits), encoding="utf-8")
        environment = {
            "INSTAGRAM_ASSETS_DOWNLOAD__ALLOW_HTTP": "true",
            "INSTAGRAM_ASSETS_DOWNLOAD__ALLOW_LOOPBACK": "true",
            "INSTAGRAM_ASSETS_MODELS__EMBEDDING_MODEL": str(MODELS / "clip"),
        }

        def side(name: str) -> Callable[[], Measured]:
            def run() -> Measured:
                place = Path(folder) / f"{name}{next(numbers)}"
                place.mkdir()
                return in_child(f"benchmarks.search:{name}", str(hits_file), str(place), environment=environment)

            return run

        runs = alternate({"ours": side("ours"), "source": side("source")}, rounds=1 if chosen.quick else 3)
    mine, theirs = median_seconds(runs["ours"]), median_seconds(runs["source"])
    report.note(f"{len(hits)} results, {runs['ours'][0].result} images in the subject's cluster on both sides")
    report.figures |= {
        "ours_seconds": mine,
        "source_seconds": theirs,
        "page_seconds": page_seconds,
        "ratio_vs_source": theirs / mine,
        "whole_ratio": (page_seconds + theirs) / (page_seconds + mine),
        "ours_cpu_seconds": median_cpu_seconds(runs["ours"]),
        "source_cpu_seconds": median_cpu_seconds(runs["source"]),
    }
    report.show(as_json=chosen.json)


def _hits(server: SearchPage, wanted: int) -> tuple[float, list[dict[str, object]]]:
    """What a Chromium finds on the page, and the seconds that it takes."""
    from instagram_assets.search.image_search import BrowserSearch
    from instagram_assets.settings import SearchSettings

    search_options = SearchSettings(flags="--no-sandbox", scroll_pause=0)
    with tempfile.TemporaryDirectory() as reports:
        found = BrowserSearch(server.site(), search_options, Path(reports)).report(_WORD, wanted)
    return found.seconds, [asdict(hit) for hit in found.hits]


if __name__ == "__main__":
    main()
