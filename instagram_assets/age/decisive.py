"""Which options decide what comes out of a training."""

from instagram_assets.settings import AgeSettings

_OF_WEIGHTS = (
    *("learn_rate", "head_learn_rate", "epoch_num", "head_epoch_num", "trained_layers", "patience"),
    *("max_seq_len", "max_posts", "accumulation_steps", "seed"),
)
_OF_PEOPLE = ("age_cutoff", "validation_share", "test_share")


def decides_weights(options: AgeSettings) -> dict[str, int | float]:
    """The options that decide the weights, once it is settled who is in which part with which label."""
    return options.model_dump(include=set(_OF_WEIGHTS))


def decisive(options: AgeSettings) -> dict[str, int | float]:
    """The options that decide which model comes out, with those of labels and parts."""
    return options.model_dump(include={*_OF_WEIGHTS, *_OF_PEOPLE})
