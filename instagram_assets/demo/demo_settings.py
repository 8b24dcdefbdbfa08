"""The settings of the demo: its own small models, and its invented people for the age model."""

import os
from datetime import date
from pathlib import Path

from dotenv import dotenv_values

from instagram_assets.demo.age_people import LABELS, TEXTS, age_people, write_age_people
from instagram_assets.settings import NESTED, PREFIX, Settings

DEMO_PURPOSE = "synthetic demo"
# For a language model this small: larger steps, fewer passes, and fp32, which is faster where matrices are small.
# Chosen on other invented people (seeds 11 to 13).
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
    """Set what the demo needs in this process and its children, unless .env or the environment says otherwise.

    `models` is the folder of the demo's models, `settings` are those before. Who names own labels, texts or another
    language model for the age model keeps all of its settings. Raises SettingsError.
    """
    given = {name.upper() for name in (*dotenv_values(".env"), *os.environ)}
    wanted = {
        # Models this small are slower on several threads, and differ in the last bits from machine to machine.
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
    """Where the demo's people are written: labels and texts."""
    return settings.folder("demo") / "age"


def write_demo_people(settings: Settings) -> None:
    """Write the demo's people, if the settings ask for their ages and not for those of others."""
    folder = age_people_folder(settings)
    if settings.age.labels == str(folder / LABELS):
        write_age_people(folder, age_people(), date.today().year)


def _name(section: str, setting: str) -> str:
    return f"{PREFIX}{section}{NESTED}{setting}"
