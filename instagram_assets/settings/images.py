"""Settings of everything done with images: download, models, quality, captions, embeddings, clusters, image search."""

from typing import Literal

from pydantic import Field

from instagram_assets.settings.validation import SettingsSection


class DownloadSettings(SettingsSection):
    """How images and videos are fetched."""

    download_images: bool = Field(default=True, description="Fetch images at all")
    images_per_post: int = Field(default=0, ge=0, le=100, description="Images fetched per post; 0 fetches all")
    max_concurrent_requests: int = Field(default=50, ge=1, le=1000, description="Requests under way at once")
    max_per_host: int = Field(
        default=0, ge=0, le=1000, description="Requests under way at once to one host; 0: no limit of its own"
    )
    retry_count: int = Field(default=3, ge=0, le=20, description="Further tries after a passing failure")
    timeout: float = Field(default=5, gt=0, le=600, description="Seconds without progress before a try is given up")
    deadline: float = Field(default=120, gt=0, le=3600, description="Seconds for one image, all tries included")
    cache_images: bool = Field(default=True, description="Use what is stored; false fetches again and replaces it")
    max_image_mb: float = Field(default=50, gt=0, le=1024, description="Larger images are refused")
    max_video_mb: float = Field(default=500, gt=0, le=10_240, description="Larger videos are refused")
    max_megapixels: float = Field(default=40, gt=0, le=1000, description="Larger pictures are refused")
    allow_http: bool = Field(default=False, description="Also fetch http:// addresses; off: https only")
    allow_loopback: bool = Field(default=False, description="Also connect to this machine; for the demo and tests")
    honour_noai: bool = Field(
        default=False, description="Refuse what its server marks `X-Robots-Tag: noai` or `noimageai`"
    )


class ModelSettings(SettingsSection):
    """The models that caption and embed images, and the device they run on."""

    caption_model: str = Field(
        default="Salesforce/blip-image-captioning-base", description="Captioning model: a hub id or a folder"
    )
    caption_revision: str = Field(default="main", description="Its revision on the hub; pin a commit to keep it")
    embedding_model: str = Field(
        default="openai/clip-vit-base-patch32",
        description="Embedding model: a hub id or a folder; for words in Korean one that reads it, see docs/search.md",
    )
    embedding_revision: str = Field(
        default="refs/pr/15",
        description="Its revision on the hub; pin a commit to keep it. `main` of the default model has no safetensors",
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        default="auto", description="`auto`, `cpu`, `cuda` or `mps`; `auto` takes the fastest there is"
    )
    precision: Literal["auto", "fp32", "bf16", "int8"] = Field(
        default="auto",
        description="`fp32`, `bf16`, or `auto`: bf16 where the hardware multiplies in it; elsewhere it is slower. "
        "`int8` is less exact and faster, on processors with AVX-512 VNNI or AMX alone",
    )
    draft: bool = Field(
        default=False, description="Decode JPEGs smaller than they are: faster, and embeddings differ by about 0.0001"
    )


class QualitySettings(SettingsSection):
    """Which images are good enough for captions, embeddings and datasets."""

    min_side: int = Field(default=300, ge=1, le=10_000, description="Both sides have at least this many pixels")
    sharpness: Literal["standard", "native"] = Field(
        default="standard",
        description="`standard`: focus and sharpness are judged, measured at one size for all images; `native`: "
        "blur is judged by sharpness alone, at each image's own size; light and noise are judged as ever",
    )
    min_focus: float = Field(
        default=1.6,
        ge=0,
        le=100,
        description="Least focus, a ratio: blurred pictures have 1 to 1.5, sharp edges 2, fine detail more, whatever "
        "the light; 0: not judged",
    )
    min_sharpness: float = Field(
        default=6,
        ge=0,
        le=100_000,
        description="Least sharpness (variance of the Laplacian, in squared grey levels) at standard size, which grows "
        "with contrast and noise: less shows no detail; 0: nothing is refused as blurred, except by `native`",
    )
    min_sharpness_native: float = Field(default=50, ge=0, le=100_000, description="Least sharpness at native size")
    min_brightness: float = Field(
        default=20,
        ge=0,
        le=255,
        description="Grey level, 0 to 255, that the brightest thousandth of the pixels reaches: less is nearly black",
    )
    min_contrast: float = Field(
        default=10,
        ge=0,
        le=255,
        description="Grey levels, 0 to 255, between the darkest and brightest thousandth of the pixels: less is one "
        "colour; fog has 20 and more",
    )
    max_noise: float = Field(
        default=25,
        ge=0,
        le=255,
        description="Most noise, a standard deviation in grey levels at standard size: photos have under 10",
    )
    near_duplicate_bits: int = Field(
        default=6, ge=0, le=32, description="Near-duplicates differ in at most this many of the 64 bits of their hashes"
    )
    near_duplicate_view_bits: int = Field(
        default=45,
        ge=0,
        le=128,
        description="Of an account's day also images are near-duplicates of which one is the other cropped, bordered, "
        "rotated a little or mirrored: at most this many of the 256 bits of such hashes differ; 0: not searched",
    )
    only_passed: bool = Field(default=True, description="Caption and embed only the images that pass")
    num_workers: int = Field(
        default=0, ge=0, le=64, description="Threads that read, decode and measure images; 0: one per core, at most 16"
    )


class CaptionSettings(SettingsSection):
    """How images are captioned."""

    enabled: bool = Field(default=True, description="Caption images at all")
    use_scoring: bool = Field(default=True, description="Make several captions and keep the one that fits best")
    num_captions: int = Field(default=5, ge=1, le=32, description="Captions to choose from, when scoring")
    max_caption_length: int = Field(default=30, ge=2, le=200, description="Longest caption, in tokens of the model")
    batch_processing: bool = Field(default=True, description="Caption several images at once")
    batch_size: int = Field(default=8, ge=1, le=1024, description="Images at once")
    num_workers: int = Field(
        default=0, ge=0, le=64, description="Threads that read and decode images; 0: one per core, at most 16"
    )
    skip_existing: bool = Field(default=True, description="Keep captions that are there; false makes all anew")
    max_images_per_post: int = Field(default=0, ge=0, le=100, description="Images captioned per post; 0: all")
    top_p: float = Field(default=0.9, gt=0, le=1, description="Nucleus sampling: share of probability drawn from")
    temperature: float = Field(default=1.0, gt=0, le=5, description="Sampling temperature")
    no_repeat_ngram_size: int = Field(
        default=3, ge=0, le=20, description="No phrase of so many tokens is said twice in a caption; 0: no limit"
    )
    seed: int = Field(default=2021, ge=0, description="Seed of the sampling; each image adds its own")
    run_in_background: bool = Field(default=False, description="`caption` starts the work and returns at once")


class EmbeddingSettings(SettingsSection):
    """How images are embedded."""

    enabled: bool = Field(default=True, description="Embed images at all")
    batch_size: int = Field(default=32, ge=1, le=4096, description="Images at once")
    num_workers: int = Field(
        default=0, ge=0, le=64, description="Threads that read and decode images; 0: one per core, at most 16"
    )


class ClusterSettings(SettingsSection):
    """How images are grouped by what they show: DBSCAN on cosine distance."""

    eps: float = Field(default=0.18, gt=0, le=2, description="Images nearer than this are neighbours; 0 to 2")
    min_samples: int = Field(default=3, ge=1, le=10_000, description="Neighbours, itself included, of a core image")
    scope: Literal["all", "account"] = Field(default="all", description="Cluster all images, or each account's own")


class SearchSettings(SettingsSection):
    """How image search pages are read."""

    site: str = Field(default="naver", description="Which site of the sites file is searched")
    sites_file: str = Field(default="", description="TOML file of sites and selectors; empty: the package's own")
    limit: int = Field(default=50, ge=1, le=500, description="Images wanted of one search")
    browser: str = Field(default="", description="Chromium or Chrome; empty: the one that is found on PATH")
    driver: str = Field(default="", description="Its chromedriver; empty: the one that is found on PATH")
    fetch_driver: bool = Field(
        default=False,
        description="Let Selenium Manager fetch a chromedriver that fits, from Google, where none is found on PATH",
    )
    flags: str = Field(default="", description="Further flags of the browser, separated by spaces")
    headless: bool = Field(default=True, description="Without a window")
    page_timeout: float = Field(default=20, gt=0, le=300, description="Seconds that a page may take to load")
    scroll_pause: float = Field(default=0.5, ge=0, le=60, description="Seconds between two steps of scrolling")
