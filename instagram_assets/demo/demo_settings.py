"""The settings of the demo: its own small models, and its synthetic people for the age model."""

import os
from datetime import date
from pathlib import Path

from dotenv import dotenv_values

from instagram_assets.demo.age_people import LABELS, TEXTS, age_people, write_age_people
from instagram_assets.settings import ENV_NESTED, ENV_PREFIX, Settings

DEMO_PURPOSE = "synthetic demo"
# For a model this small: larger steps, fewer epochs, and fp32, which is faster for small matrices.
# Chosen on other synthetic people (seeds 11 to 13).
_AGE = {
    "ENABLED": "true",
    "PURPOSE": DEMO_PURPOSE,
    "LEARN_RATE": 6e-4,
    "HEAD_LEARN_RATE": 1e-3,
    "EPOCH_NUM": 5,
    "PATIENCE": 3,
    "MAX_SEQ_LEN": 24,
    "PRECISION": "fp32",
    "TEST_SHARE": 0.2,
}
_OWN_PEOPLE = ("LABELS", "TEXTS", "MODEL_NAME_OR_PATH")


def use_demo_settings(models: Path, settings: Settings) -> None:
    """Set the demo's environment variables for this process and its children, unless they are set already.

    Variables that the user has set in `.env` or in the environment are kept.

    `models` is the folder of the demo's models, `settings` are the settings before the change. If the user has
    configured labels, texts or another language model for the age model, all of its settings are kept. Raises
    SettingsError.
    """
    given = {name.upper() for name in (*dotenv_values(".env"), *os.environ)}
    wanted = {
        # Models this small are slower on several threads, and then differ in the last bits between machines.
        "OMP_NUM_THREADS": 1,
        _name("REELS", "ENABLED"): "true",
        _name("MODELS", "CAPTION_MODEL"): models / "blip",
        _name("MODELS", "EMBEDDING_MODEL"): models / "clip",
    }
    if not any(_name("AGE", name) in given for name in _OWN_PEOPLE):
        folder = age_people_folder(settings)
        own = {"MODEL_NAME_OR_PATH": models / "bert", "LABELS": folder / LABELS, "TEXTS": folder / TEXTS}
        wanted |= {_name("AGE", name): value for name, value in (_AGE | own).items()}
    os.environ.update({name: str(value) for name, value in wanted.items() if name not in given})


def age_people_folder(settings: Settings) -> Path:
    """Return the folder for the age labels and post texts of the demo's synthetic users."""
    return settings.folder("demo") / "age"


def write_demo_people(settings: Settings) -> None:
    """Write age labels and post texts of the demo's synthetic users, unless the settings name other files."""
    folder = age_people_folder(settings)
    if settings.age.labels == str(folder / LABELS):
        write_age_people(folder, age_people(), date.today().year)


def _name(section: str, setting: str) -> str:
    return f"{ENV_PREFIX}{section}{ENV_NESTED}{setting}"
