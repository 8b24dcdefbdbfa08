"""The model card: an age model's purpose, training data, accuracy, and limits of use.

Sections as in Mitchell et al., Model Cards for Model Reporting (2019).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from instagram_assets.age.presets import describe_options, training_preset
from instagram_assets.age.prevalence import too_few
from instagram_assets.age.statistics import Evaluation, GroupMetrics, Share

NOT_FOR_PERSONS = "Not for decisions about a person: use the share of a group with its interval."
"""Said wherever single predictions are shown."""

PREDICTOR_NAMES = {"model": "age model", "tfidf": "TF-IDF + logistic regression", "majority": "always the larger class"}
"""What is compared, as it is called in tables and pictures."""

_USE = """`instagram-assets predict --input-dir TEXTS --finetuned-model-path FOLDER --prediction-output-file OUT.csv`
prints the share of all users with its interval. `age_config.json` says what the numbers mean, `metrics.json` holds all
of the above, and `test_users.parquet` the test users without names, by whom a share is corrected."""


@dataclass(frozen=True)
class TrainingFacts:
    """Facts about a training for the model card and metrics.json, except test predictions.

    `data` has the numbers of users, users with label 1, and posts of each set (`train`, `validation`, `calibration`,
    `test`). `calibration` has number of posts, slope and intercept of each calibration. `left_out` counts the rows,
    users and texts that could not be used. `history` has one entry per epoch.
    """

    purpose: str
    age_cutoff: int
    fingerprint: str
    backbone: str
    options: dict[str, Any]
    abstain_below: float
    data: dict[str, dict[str, int]]
    calibration: list[list[float]] = field(default_factory=lambda: [[1, 1.0, 0.0]])
    left_out: dict[str, int] = field(default_factory=dict[str, int])
    history: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


def model_card(facts: TrainingFacts, evaluations: Mapping[str, Evaluation], pictures: Sequence[str]) -> str:
    """The model card in Markdown, saved as README.md beside the weights.

    `evaluations` are those on the test users, with the keys `model`, `tfidf` and `majority` (the two baselines);
    `pictures` are names of PNG files with plots.
    """
    model, cutoff = evaluations["model"], facts.age_cutoff
    sections = [
        f"# Age model: {cutoff} or older?",
        f"The probability that the person behind an account is {cutoff} or older, from the texts of the posts. "
        f"The label is 1 for age ≥ {cutoff}.",
        f"**{NOT_FOR_PERSONS}** About one in {_one_in(model)} test users was labelled wrongly.",
        f"## Purpose\n\n{facts.purpose}",
        f"## Model\n\n{_table(('', ''), _about_model(facts))}",
        f"## Data\n\n{_table(('', ''), _about_data(facts))}",
        f"## On {model.n} test users\n\nThey were looked at once, when training and calibration were done. "
        "Intervals are 95 % (Wilson).",
        *([f"**{warning}**"] if (warning := too_few(model.n, model.positives)) else []),
        comparison(evaluations),
        baseline_verdict(evaluations),
        f"### Kinds of errors\n\n{_confusion(model, cutoff)}",
        f"### Calibration\n\n{_calibration(model)}",
        f"### Abstention\n\n{_abstention(model)}",
        *(f"### By {name}\n\n{breakdown(groups)}" for name, groups in model.groups.items()),
        *(f"![{name}]({name}.png)" for name in pictures),
        f"## Limits\n\n{_limits(facts)}",
        f"## Use\n\n{_USE}",
    ]
    return "\n\n".join(sections) + "\n"


def comparison(evaluations: Mapping[str, Evaluation]) -> str:
    """A Markdown table that compares the metrics of the model and the baselines."""
    heads = ("", "accuracy", "balanced accuracy", "AUC", "Brier score", "calibration error")
    lines = [
        (
            PREDICTOR_NAMES.get(name, name),
            _share(found.accuracy),
            *map(_number, (found.balanced_accuracy, found.auc, found.brier, found.calibration_error)),
        )
        for name, found in evaluations.items()
    ]
    return _table(heads, lines)


def breakdown(groups: Sequence[GroupMetrics]) -> str:
    """The metrics of each group of test users, as a Markdown table."""
    lines = [
        (
            group.name,
            str(group.accuracy.n),
            _number(group.positives / group.accuracy.n if group.accuracy.n else None),
            _number(group.predicted),
            _share(group.accuracy),
            _number(group.auc),
        )
        for group in groups
    ]
    return _table(("group", "users", "share of label 1", "mean probability", "accuracy", "AUC"), lines)


def baseline_verdict(evaluations: Mapping[str, Evaluation]) -> str:
    """Sentences that say for each baseline whether the model is clearly better."""
    sentences = [
        _beats(evaluations["model"].accuracy, evaluations[name].accuracy, name)
        for name in PREDICTOR_NAMES
        if name != "model"
    ]
    return " ".join(sentences)


def is_clearly_better(better: Share, worse: Share) -> bool:
    """Whether the confidence interval of `better` is entirely above that of `worse`."""
    return better.low > worse.high


def _beats(model: Share, baseline: Share, name: str) -> str:
    if is_clearly_better(model, baseline):
        return f"It is better than {PREDICTOR_NAMES[name]}: the intervals are disjoint."
    if is_clearly_better(baseline, model):
        return f"**It is worse than {PREDICTOR_NAMES[name]}.**"
    return f"**It is not shown to be better than {PREDICTOR_NAMES[name]}**: the intervals overlap."


def _about_model(facts: TrainingFacts) -> list[tuple[str, str]]:
    options = describe_options(facts.options)
    return [
        ("language model", f"`{facts.backbone}`"),
        ("reads", f"the first {facts.options['max_seq_len']} tokens of each post"),
        ("sees", "[CLS] of the last four layers, averaged over a user's posts; two layers on top"),
        ("trained", f"{training_preset(facts.options)}{options and f': {options}'}"),
        ("calibration", f"fitted on the calibration users alone: {_lines(facts)}"),
        ("made by", f"fingerprint `{facts.fingerprint[:12]}`, seed {facts.options['seed']}"),
    ]


def _lines(facts: TrainingFacts) -> str:
    return "; ".join(
        f"{posts:.0f} post{'s' if posts > 1 else ''}: slope {slope:.3g}, intercept {intercept:.3g}"
        for posts, slope, intercept in facts.calibration
    )


def _about_data(facts: TrainingFacts) -> list[tuple[str, str]]:
    lines = [
        (f"{part} users", f"{counts['users']:,}, of them {counts['positives']:,} of label 1; {counts['posts']:,} posts")
        for part, counts in facts.data.items()
    ]
    return lines + [(f"left out: {what}", f"{count:,}") for what, count in facts.left_out.items()]


def _limits(facts: TrainingFacts) -> str:
    return "\n".join(
        f"- {line}"
        for line in (
            "It knows the people, languages and years that it was trained on. For others its probabilities may be off "
            "without looking so.",
            "A corrected share is right where people of the same label write alike in the audience and among the test "
            "users; accounts of companies, of parents who write as their child, and of several people break this.",
            "`predict` leaves the people that it was trained or tested with out of a share, since about them it is "
            "surer: by salted hashes of their usernames. Leave out by hand who has another name in the audience.",
            "Age is personal data, and much of it is that of minors. Publish shares, not accounts, and only of groups "
            "that are large enough to hide in.",
            f"It says on which side of {facts.age_cutoff} somebody is, not how old; expect errors near it.",
        )
    )


def _confusion(model: Evaluation, cutoff: int) -> str:
    rows = (f"is under {cutoff}", f"is {cutoff} or older")
    lines = [(row, *map(str, counts)) for row, counts in zip(rows, model.confusion, strict=True)]
    return _table(("", f"said under {cutoff}", f"said {cutoff} or older"), lines)


def _calibration(model: Evaluation) -> str:
    return (
        f"Labels on predicted log-odds: slope {_number(model.slope)}, intercept {_number(model.intercept)}; "
        f"1 and 0 are perfect. Expected calibration error {_number(model.calibration_error)}."
    )


def _abstention(model: Evaluation) -> str:
    found = model.abstention
    return (
        f"There is no label where the likelier one has a probability below {found.below:g}. "
        f"{_share(found.coverage)} of the users get one, and {_share(found.accuracy)} of these are right."
    )


def _one_in(model: Evaluation) -> str:
    wrong = model.n - round((model.accuracy.share or 0) * model.n)
    return f"{model.n / wrong:.0f}" if wrong else f"{model.n} or more"


def _table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rule = "|".join("---" for _ in heads)
    return "\n".join([f"| {' | '.join(heads)} |", f"|{rule}|", *(f"| {' | '.join(line)} |" for line in lines)])


def _share(found: Share) -> str:
    return "–" if found.share is None else f"{found.share:.3f} [{found.low:.3f}, {found.high:.3f}]"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
