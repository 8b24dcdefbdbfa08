"""Data of the age model page: the model's settings and metrics, predictions over all accounts, and the model card."""

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
from markupsafe import Markup
from pydantic import TypeAdapter, ValidationError

from instagram_assets.age.artifacts import FEWEST_SHOWN
from instagram_assets.age.audience_share import COLUMNS, share_of
from instagram_assets.age.card import NOT_FOR_PERSONS
from instagram_assets.age.model_files import AgeConfig
from instagram_assets.age.presets import OptionValue, TrainingPreset, training_preset
from instagram_assets.age.prevalence import too_few
from instagram_assets.age.statistics import Evaluation
from instagram_assets.errors import ModelError, StorageError
from instagram_assets.settings import Settings
from instagram_assets.storage.lake import lake_root, read_table

if TYPE_CHECKING:
    from markdown_it import MarkdownIt


AgeModelState = Literal["off", "untrained", "problem", "not_judged", "ready"]
"""`off`: switched off or without a purpose; `not_judged`: converted from an old model file without metrics."""

_EVALUATIONS = TypeAdapter(dict[Literal["model", "tfidf", "majority"], Evaluation])
_DATA = TypeAdapter(
    dict[Literal["train", "validation", "calibration", "test"], dict[Literal["users", "positives", "posts"], int]]
)
_OPTIONS = TypeAdapter(dict[str, OptionValue])


@dataclass(frozen=True)
class Audience:
    """Age predictions aggregated over all accounts of the lake, never of a single account.

    Of `accounts`, the model labelled `labelled` and abstained for `abstained`; predictions by other models
    (`by_others`) are not counted. `share` is the estimated share of accounts at or above the age cut-off, corrected for
    the model's error rates, with the interval from `low` to `high`, which is valid under the assumption in `assumes`.
    `share` is null if it cannot be estimated: `too_few` is true if the group is too small to be published, else `note`
    has the reason. `warnings` say in what respects the accounts differ from the test users, and what is not known of
    the model. `left_out` counts accounts that the share leaves out, since the model was trained or tested with them.
    """

    accounts: int
    labelled: int
    abstained: int
    by_others: int
    share: float | None = None
    low: float | None = None
    high: float | None = None
    too_few: bool = False
    note: str = ""
    assumes: str = ""
    warnings: list[str] = field(default_factory=list[str])
    left_out: int = 0


@dataclass(frozen=True)
class AgeFacts:
    """What the web app shows about the age model; if it is `off`, only its state."""

    state: AgeModelState
    warning: str = NOT_FOR_PERSONS
    problem: str = ""
    model: str = ""
    purpose: str = ""
    age_cutoff: int | None = None
    backbone: str = ""
    max_seq_len: int | None = None
    training: TrainingPreset | None = None
    data: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    evaluations: dict[str, Evaluation] = field(default_factory=dict[str, Evaluation])
    too_few: str = ""
    audience: Audience | None = None
    audience_problem: str = ""
    card: str = ""


def read_age_facts(settings: Settings) -> AgeFacts:
    """Reads the data of the configured age model; a damaged or missing model is reported in `problem`, not raised."""
    from instagram_assets.age.model_files import CARD, find_age_model
    from instagram_assets.age.pipeline import model_folder

    folder = model_folder(settings)
    if not settings.age.enabled or not settings.age.purpose.strip():
        return AgeFacts("off")
    if not folder.is_dir():
        return AgeFacts("untrained", purpose=settings.age.purpose)
    try:
        source = find_age_model(folder, settings.folder("models"))
        known = _judged(folder) if source.config.metrics else {}
        card = _text(folder / CARD)
    except (ModelError, StorageError) as error:
        return AgeFacts("problem", problem=str(error))
    about: dict[str, Any] = {
        "model": source.label,
        "purpose": source.config.purpose,
        "age_cutoff": source.config.age_cutoff,
        "backbone": source.config.model_name_or_path,
        "max_seq_len": source.config.max_seq_len,
        "card": card,
        **known,
    }
    try:
        audience = read_audience(settings, folder, source.label, source.config)
        return AgeFacts("ready" if known else "not_judged", audience=audience, **about)
    except (ModelError, StorageError) as error:  # the metrics can be shown all the same
        return AgeFacts("ready" if known else "not_judged", audience_problem=str(error), **about)


def read_audience(settings: Settings, folder: Path, model: str, config: AgeConfig) -> Audience | None:
    """Returns the model's predictions aggregated over all accounts of the lake; None if there are no predictions.

    `folder` is the model's folder, `model` its label. Raises StorageError for a damaged table.
    """
    table = read_table(lake_root(settings), "age_predictions", columns=["abstained", "model", *COLUMNS])
    own = table.filter(pa.array([each == model for each in table["model"].to_pylist()], pa.bool_()))
    if not table.num_rows:
        return None
    abstained = sum(1 for each in own["abstained"].to_pylist() if each)
    counts = (own.num_rows, own.num_rows - abstained, abstained, table.num_rows - own.num_rows)
    if len(own) - own["probability"].null_count < FEWEST_SHOWN:
        # The number of labelled accounts would reveal single ones.
        return Audience(own.num_rows, 0, 0, counts[3], too_few=True)
    if not config.metrics:
        return Audience(*counts)
    found = share_of(own, folder, config)
    if found.share.n < FEWEST_SHOWN:
        return Audience(own.num_rows, 0, 0, counts[3], too_few=True, left_out=found.left_out)
    share, warnings = found.share, list(found.warnings)
    limits = (None, None) if (share.low, share.high) == (0, 1) else (share.low, share.high)
    return Audience(
        *counts,
        share.share,
        *limits,
        note=share.note,
        assumes=share.assumes,
        warnings=warnings,
        left_out=found.left_out,
    )


def _judged(folder: Path) -> dict[str, Any]:
    """Returns the metrics on the test users, the statistics of the training data and the preset, from the folder.

    Raises ModelError if the file is missing or damaged.
    """
    import json

    from instagram_assets.age.artifacts import METRICS

    path = folder / METRICS
    try:
        content = json.loads(path.read_text("utf-8"))
        evaluations = _EVALUATIONS.validate_python(content["test"])
        data = _DATA.validate_python(content["data"])
        model = evaluations["model"]
        training = training_preset(_OPTIONS.validate_python(content["options"]))
    except FileNotFoundError as error:
        raise _unusable(path, "is missing") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"{len(error.errors())} values are not as we write them" if isinstance(error, ValidationError) else ""
        raise _unusable(path, f"is damaged or not ours ({what or type(error).__name__})") from error
    warning = too_few(model.n, model.positives)
    return {
        "evaluations": dict(evaluations),
        "data": {name: dict(part) for name, part in data.items()},
        "training": training,
        **({"too_few": warning} if warning else {}),
    }


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise _unusable(path, "cannot be read as text") from error


def _unusable(path: Path, problem: str) -> ModelError:
    return ModelError(f"{path}: {problem}. Train the age model again (`instagram-assets train`), or name another.")


_PICTURE = re.compile(r"^!\[[^\]\n]*\]\([^)\n]*\)[ \t]*$", re.MULTILINE)
_DEEPEST = 6


def markdown_html(text: str, below: int, wide: str) -> Markup:
    """Renders Markdown as HTML, with headings shifted below level `below` and tables in regions labelled `wide`.

    HTML in the Markdown is escaped. Images in a line of their own are left out, since the web app does not serve their
    files.

    >>> str(markdown_html("# A <b>\\n\\n`c`", 2, "table"))
    '<h3>A &lt;b&gt;</h3>\\n<p><code>c</code></p>\\n'
    """
    tokens = _parser().parse(_PICTURE.sub("", text))
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1:]) + below, _DEEPEST)}"
        if token.type == "td_open":
            token.attrSet("class", "whole")  # else small screens give a column the width of a letter
        token.attrs.pop("style", None)  # column alignment; the pages' content security policy forbids inline styles
    html = str(_parser().renderer.render(tokens, _parser().options, {}))
    region = Markup('<div class="scroll" tabindex="0" role="region" aria-label="{}"><table>').format(wide)
    return Markup(html.replace("<table>", region).replace("</table>", "</table></div>"))


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    made = MarkdownIt("commonmark", {"html": False}).enable("table")
    return made.disable(["link", "image", "autolink", "reference", "html_inline", "html_block"])
