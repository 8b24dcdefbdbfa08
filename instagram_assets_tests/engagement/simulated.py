"""Accounts as they are, with posts that went viral planted among the others: what the rules are judged by.

`python -m instagram_assets_tests.engagement.simulated` prints how many of them `account_baseline` finds,
by how much the posts of an account differ.
"""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from instagram_assets.engagement.viral_labels import ITEM_COLUMNS, apply_rule
from instagram_assets.schemas import VIRAL_LABELS
from instagram_assets.settings import ViralitySettings

Row = dict[str, object]
BEGIN = datetime(2025, 1, 6, tzinfo=UTC)


def items(rows: list[Row]) -> pa.Table:
    """Items of these rows; what one does not say is a post of sun_diary, seen long after its publication."""
    plain: Row = {"kind": "post", "account": "sun_diary", "taken_at": BEGIN, "comments": 0}
    filled = [plain | {"id": str(number)} | row for number, row in enumerate(rows)]
    for row in filled:
        row.setdefault("observed_at", datetime(2027, 1, 1, tzinfo=UTC))
    return pa.Table.from_pylist(filled, pa.schema([VIRAL_LABELS.schema.field(name) for name in ITEM_COLUMNS]))


def account(
    name: str, seed: int, posts: int = 160, planted: float = 0.04, spread: float | None = None
) -> tuple[list[Row], set[str]]:
    """A year of an account, and the ids of the posts that went viral.

    Its posts differ in how they do (log-normal, by `spread`, the standard deviation of the logarithm, or one of 0.25 to
    0.6), the account grows or shrinks, it does better in some weeks, most are
    collected weekly and seen at any age; reactions come by a law other than the rule's (Weibull), and are counted.
    """
    random = np.random.default_rng(seed)
    usual, own, growth = np.exp(random.uniform(4, 9)), random.uniform(0.25, 0.6), random.uniform(-0.4, 0.8)
    spread = own if spread is None else spread
    rows: list[Row] = []
    viral: set[str] = set()
    for number, day in enumerate(np.sort(random.uniform(0, 365, posts))):
        final = usual * np.exp(random.normal(0, spread) + growth * day / 365 + 0.15 * np.sin(day / 20))
        if random.random() < planted:
            viral.add(f"{name}-{number}")
            final *= np.exp(random.uniform(np.log(8), np.log(40)))
        age = (7 - day % 7) * 24 + random.uniform(0, 6)
        come = 1 - np.exp(-((age / 26) ** 0.75))
        taken_at = BEGIN + timedelta(days=float(day))
        rows.append(
            {
                "account": name,
                "id": f"{name}-{number}",
                "taken_at": taken_at,
                "observed_at": taken_at + timedelta(hours=float(age)),
                "likes": None if random.random() < 0.02 else int(random.poisson(final * come)),
                "comments": int(random.poisson(0.03 * final * come)),
            }
        )
    return rows, viral


def measured(spread: float | None, accounts: int) -> tuple[float, float]:
    """The share of the planted posts that `account_baseline` finds, and the share of the others that it marks."""
    rows, planted = list[Row](), set[str]()
    for seed in range(accounts):
        made, viral = account(f"account{seed}", seed, spread=spread)
        rows += made
        planted |= viral
    table = apply_rule(items(rows), ViralitySettings(rule="account_baseline"))
    told = zip(table["id"].to_pylist(), table["viral"].to_pylist(), strict=True)
    labels = {name: viral for name, viral in told if viral is not None}
    marked, known = {name for name, viral in labels.items() if viral}, planted & labels.keys()
    return len(marked & known) / len(known), len(marked - known) / (len(labels) - len(known))


if __name__ == "__main__":
    for spread in (0.3, 0.5, 0.6, 0.7, 0.8, 1.0):
        recall, others = measured(spread, 60)
        print(f"standard deviation of the logarithm {spread:g}: {recall:.1%} found, {others:.1%} of the others marked")
