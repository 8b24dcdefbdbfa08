"""The preset that an age model was trained with, and which of its options were set otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from instagram_assets.settings import ALL_LAYERS, LIKE_SOURCE, AgeSettings

OptionValue = bool | int | float | str

_OPTIMIZERS = {"adam": "Adam", "adamw": "AdamW"}


@dataclass(frozen=True)
class ChangedOption:
    """A training option with another value than its preset has."""

    name: str
    value: OptionValue
    preset: OptionValue

    def __str__(self) -> str:
        return f"{self.name} {_shown(self.value)} instead of {_shown(self.preset)}"


@dataclass(frozen=True)
class TrainingPreset:
    """The preset of a training: `source` (as bumc_instascraping) or `own`, the defaults; and what was set otherwise.

    As text it is a phrase for cards and logs:

    >>> from instagram_assets.age.presets import training_preset
    >>> print(training_preset({"like_source": True, "epoch_num": 3, "patience": 1000}))
    like bumc_instascraping (--like-source), but epoch_num 3 instead of 10
    """

    name: Literal["own", "source"]
    changed: tuple[ChangedOption, ...]

    def __str__(self) -> str:
        name = "like bumc_instascraping (--like-source)" if self.name == "source" else "with our own defaults"
        return f"{name}, but {', '.join(map(str, self.changed))}" if self.changed else name


def training_preset(options: Mapping[str, Any]) -> TrainingPreset:
    """The preset behind the options of a training, as in `metrics.json`; options that it lacks count as unchanged."""
    like_source = bool(options.get("like_source"))
    preset = LIKE_SOURCE if like_source else AgeSettings().model_dump(include=set(LIKE_SOURCE))
    changed = [
        ChangedOption(name, options[name], preset[name])
        for name in LIKE_SOURCE
        if options.get(name, preset[name]) != preset[name]
    ]
    return TrainingPreset("source" if like_source else "own", tuple(changed))


def describe_options(options: Mapping[str, Any]) -> str:
    """How a model was trained, in words; empty for a model whose options are not known.

    >>> from instagram_assets.age.dataset import defining_options
    >>> from instagram_assets.settings import AgeSettings
    >>> print(describe_options(defining_options(AgeSettings(like_source=True))))
    Adam; learning rate 5e-06, of the head 5e-06; all layers and the embeddings; no class weights; 10 users a step, ...
    """
    if not LIKE_SOURCE.keys() <= options.keys():
        return ""
    layers = options["trained_layers"]
    parts = [
        _OPTIMIZERS.get(str(options["optimizer"]), _shown(options["optimizer"])),
        f"learning rate {_shown(options['learn_rate'])}, of the head {_shown(options['head_learn_rate'])}",
        "all layers and the embeddings" if layers == ALL_LAYERS else f"top layers: {layers}" if layers else "head only",
        "both classes weighted alike" if options["class_weights"] else "no class weights",
        f"{options['accumulation_steps']} users a step, up to {options['epoch_num']} epochs",
    ]
    return "; ".join(parts)


def _shown(value: Any) -> str:
    """A value as text; whatever an edited `metrics.json` has is shown as it is."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, int | float) else str(value)
