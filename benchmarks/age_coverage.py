"""Coverage of the age model's intervals, simulated: `python -m benchmarks.age_coverage [--quick] [--json]`.

How often the 95 % interval of an audience's share holds the truth, by what the test people are like and what the
audience is: one post each, 300 each, mixed, scores that are moved or stretched. Logits are drawn
(`instagram_assets.demo.age_simulation`), so no language model is needed. Before stands what was done until the age
model kept its test people's logits by number of posts. Also what calibration by number of posts does to the labels of
single people, and what it costs to calibrate on the people who chose the best epoch. Nothing is timed.
"""

from collections.abc import Iterator

import numpy as np

from benchmarks.measure import Report, options
from instagram_assets.age.calibration import calibrate
from instagram_assets.age.statistics import calibration_line
from instagram_assets.demo.age_simulation import (
    AUDIENCE,
    AUDIENCES,
    CALIBRATION,
    SHIFTS,
    TEST,
    coverage,
    labels_of_single_people,
)


def slopes_of_selection(repeats: int, epochs: int = 20, users: int = 60, seed: int = 0) -> Iterator[tuple[str, float]]:
    """Median slope still needed on new people when the best of many like epochs is calibrated, by whom it is."""
    random = np.random.default_rng(seed)
    found: dict[str, list[float]] = {"before": [], "now": []}
    for _ in range(repeats):
        labels, others = ((random.random(number) < 0.5).astype(int) for number in (users, 2000))
        shared = 0.5**0.5 * random.normal(size=users)
        runs = [labels - 0.5 + shared + 0.5**0.5 * random.normal(size=users) for _ in range(epochs)]
        unseen = others - 0.5 + random.normal(size=2000)
        half = users // 2
        for name, by, of in (("before", slice(None), slice(None)), ("now", slice(half), slice(half, None))):
            best = max(runs, key=lambda logits: np.corrcoef(labels[by], logits[by])[0, 1])
            line = calibrate(best[of], labels[of])
            found[name].append(calibration_line(others, line.probabilities(unseen))[0] or 0.0)
    for name, own in found.items():
        yield name, float(np.median(own))


def measure(report: Report, quick: bool) -> None:
    """Add the figures; a quick run has a quarter of the audiences."""
    audiences = 50 if quick else 200
    report.note(f"{audiences} audiences of {AUDIENCE} people each; {CALIBRATION} to calibrate, {TEST} test people")
    for kind in (*AUDIENCES, *SHIFTS):
        found = coverage(kind, audiences)
        report.note(f"{kind.name}: " + "; ".join(f"{name} {own}" for name, own in found.items()))
        key = kind.name.replace(", ", " ").replace(" ", "_")
        report.figures |= {f"coverage_{key}_{name}": own.held for name, own in found.items()}
        report.figures |= {f"unknown_{key}_now": found["now"].unknown}
    for posts in (1, 3, 10, 300):
        for name, own in labels_of_single_people(posts, audiences // 5).items():
            report.note(f"single people with {posts} posts, {name}: {own}")
            report.figures |= {f"slope_{posts}_posts_{name}": own.slope, f"right_{posts}_posts_{name}": own.right}
    for name, slope in slopes_of_selection(audiences):
        report.note(f"best of 20 epochs by 60 people, {name}: slope {slope:.2f}")
        report.figures[f"slope_selection_{name}"] = slope


if __name__ == "__main__":
    chosen = options(__doc__ or "")
    made = Report("age_coverage", ["numpy", "scipy", "scikit-learn"])
    measure(made, chosen.quick)
    made.show(as_json=chosen.json)
