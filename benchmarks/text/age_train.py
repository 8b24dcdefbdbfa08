"""Training of the age model against the source system's loop: one user a batch, fp32, every post padded to 18 tokens.

Speed is that of steps on a full-size BERT with random weights, optimiser included, in seconds of one processor
thread. Loss curves are those of a small BERT that has seen such people before, as a language model has seen text, every
layer trained on both sides: at no pass may the means over three seeds differ by more than the seeds do on average.
"""

import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.measure import ROUNDS, Report, in_child

SEEDS = (1, 2, 3)

Tick = Callable[[], None]
"""Called at the end of each step of the optimiser."""

_PASSES = 8
_LENGTH = 18
_RATE = 2e-5
_CURVE_RATE = 3e-4
_WORDS = [f"w{number}" for number in range(400)]
_SMALL = {"hidden_size": 64, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 128}
# By name: layers trained, and the precision that matrices are multiplied in; `auto` is bf16 where that is the faster.
_OURS = {"all layers": (12, "auto"), "all layers, fp32": (12, "fp32"), "default": (4, "auto")}


def measure(report: Report, quick: bool) -> None:
    """Add `age_train_ratio` and what belongs to it; nothing in a quick run, for which this takes too long."""
    if quick:
        return
    report.note(f"age training, precision auto is {in_child('benchmarks.text.age_train:chosen').result}")
    _measure_curves(report)
    few, many = (
        in_child("benchmarks.text.age_train:speeds", *users).result for users in ((30, 4, 12, 10), (8, 30, 60, 4))
    )
    for posts, times in (("4 to 12", few), ("30 to 60", many)):
        for side, seconds in times.items():
            ratio = times["source"] / seconds
            report.note(f"age training, {posts} posts a user, {side:<16} {seconds * 1e3:6.1f} ms a post, {ratio:.1f} x")
    report.figures |= {
        "age_train_ratio": few["source"] / few["all layers"],
        "age_train_ratio_fp32": few["source"] / few["all layers, fp32"],
        "age_train_ratio_default": few["source"] / few["default"],
        "age_train_ratio_45_posts": many["source"] / many["all layers"],
        "age_train_ratio_default_45_posts": many["source"] / many["default"],
    }


def chosen() -> str:
    """In a child: the type of numbers that `auto` takes on this machine."""
    import torch

    from instagram_assets.models.devices import choose_dtype

    return str(choose_dtype("auto", torch.device("cpu")))


def speeds(users: int, fewest: int, most: int, per_step: int) -> dict[str, float]:
    """In a child: median processor seconds a post of each side, all sides in turn, on BERT-base shapes.

    The first step of each is not counted: what it makes ready serves all that follow in a training.
    """
    import torch

    torch.set_num_threads(1)
    work = _Work.of(seed=0, users=users, posts=(fewest, most), per_step=per_step)
    model = work.model()
    ends: list[float] = []

    def tick() -> None:
        ends.append(time.process_time())

    sides: dict[str, Callable[[], object]] = {"source": lambda: _source(work, model, 1, _RATE, tick)}
    for name, (layers, precision) in _OURS.items():
        sides[name] = lambda layers=layers, precision=precision: _ours(work, model, 1, _RATE, layers, precision, tick)
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, side in sides.items():
            ends.clear()
            side()
            seconds[name].append(ends[-1] - ends[0])
    posts = sum(len(work.users.posts[user]) for step in work.order(0)[1:] for user in step)
    return {name: statistics.median(some) / posts for name, some in seconds.items()}


def curves(seed: int) -> dict[str, list[float]]:
    """In a child: the mean loss of each pass, of both sides, from the same first weights."""
    import torch

    torch.set_num_threads(1)
    backbone = _experienced_backbone()
    work = _Work.of(seed, users=80, posts=(4, 12))

    def model() -> Any:
        own = work.model(**_SMALL)
        own.backbone.load_state_dict(backbone)
        return own

    layers = _SMALL["num_hidden_layers"]
    return {
        "source": _source(work, model(), _PASSES, _CURVE_RATE),
        "auto": _ours(work, model(), _PASSES, _CURVE_RATE, layers, "auto"),
        "fp32": _ours(work, model(), _PASSES, _CURVE_RATE, layers, "fp32"),
    }


def _experienced_backbone() -> dict[str, Any]:
    """Weights of a small BERT that has learnt to tell other people of this kind apart, plainly and all of it."""
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits

    work = _Work.of(seed=0, users=200, posts=(4, 12))
    model = work.model(**_SMALL).eval()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(12):
        for step in work.order(epoch):
            posts = [work.users.posts[user] for user in step]
            tokens = work.read(np.concatenate(posts), padding=True)
            owners = torch.from_numpy(np.repeat(np.arange(len(step)), [len(own) for own in posts]))
            logits = model(tokens["input_ids"], tokens["attention_mask"], owners, len(step))
            optimizer.zero_grad()
            binary_cross_entropy_with_logits(logits, torch.from_numpy(work.users.labels[step])).backward()
            optimizer.step()
    return model.backbone.state_dict()


def _measure_curves(report: Report) -> None:
    found = [in_child("benchmarks.text.age_train:curves", seed).result for seed in SEEDS]
    losses = {side: np.array([one[side] for one in found]) for side in found[0]}
    for side, values in losses.items():
        report.note(f"age training, mean loss by pass, {side:<7}" + " ".join(f"{x:.3f}" for x in values.mean(axis=0)))
    source = losses.pop("source")
    # Three seeds tell little of a single pass: their spread is averaged over all.
    spread = float(np.ptp(source, axis=0).mean())
    for side, own in losses.items():
        apart = np.abs(own.mean(axis=0) - source.mean(axis=0))
        report.note(f"  {side}: at most {apart.max():.3f} from the source; its seeds are {spread:.3f} apart on average")
        if apart.max() > spread:
            raise AssertionError(f"{side}: the loss curves differ by {apart}, the seeds by {spread}")


@dataclass(frozen=True)
class _Work:
    """Invented people, all to train with, and the tokenizer of their words."""

    seed: int
    tokenizer: Any
    texts: Any
    users: Any
    per_step: int

    @staticmethod
    def of(seed: int, users: int, posts: tuple[int, int], per_step: int = 10) -> "_Work":
        """Posts of 11 tokens on average; one in two holds a word that tells the label."""
        import pyarrow as pa
        from transformers import BertTokenizer

        from instagram_assets.age.batching import read_users
        from instagram_assets.age.labels import LABELLED_SCHEMA

        chance = random.Random(seed)

        def post(label: int) -> str:
            words = chance.choices(_WORDS[40:], k=min(16, max(2, round(chance.gauss(9.3, 4.5)))))
            if chance.random() < 0.5:
                words[0] = chance.choice(_WORDS[20 * label : 20 * label + 20])
            return " ".join(words)

        rows = [
            {
                "username": f"u{user}",
                "label": user % 2,
                "texts": [post(user % 2) for _ in range(chance.randint(*posts))],
            }
            for user in range(users)
        ]
        tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *_WORDS]
        tokenizer = BertTokenizer(vocab={token: place for place, token in enumerate(tokens)}, model_max_length=512)
        people = pa.Table.from_pylist(rows, schema=LABELLED_SCHEMA)
        texts, parts = read_users(people, {str(row["username"]): "train" for row in rows}, ["train"])
        return _Work(seed, tokenizer, texts, parts["train"], per_step)

    def model(self, **sizes: int) -> Any:
        """An age model with random weights, the same for the same seed; a BERT-base where `sizes` say nothing."""
        import torch
        from transformers import BertConfig, BertModel

        from instagram_assets.age.model import AgeModel

        torch.manual_seed(self.seed)
        config: dict[str, Any] = {"vocab_size": 30_522, **sizes, **({"initializer_range": 0.1} if sizes else {})}
        return AgeModel(BertModel(BertConfig(**config), add_pooling_layer=False))

    def read(self, posts: Any, padding: bool | str) -> Any:
        """The posts of these numbers as tensors of tokens."""
        texts = [self.texts[int(post)].as_py() for post in posts]
        return self.tokenizer(texts, truncation=True, max_length=_LENGTH, padding=padding, return_tensors="pt")

    def order(self, epoch: int) -> list[Any]:
        """The users of each step, as `fit` draws them."""
        from instagram_assets.age.batching import shuffled_steps

        return shuffled_steps(len(self.users.names), self.per_step, (self.seed, 0, epoch))


def _source(work: _Work, model: Any, passes: int, rate: float, after_step: Tick = lambda: None) -> list[float]:
    """As the source system trains: a user's posts are a batch, gradients add up over the users of a step.

    But that embeddings stay as they are, as on our side: then both learn the same, and the source is the faster.
    """
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits

    model.train().requires_grad_(True)
    model.backbone.embeddings.eval().requires_grad_(False)
    optimizer = torch.optim.Adam([weight for weight in model.parameters() if weight.requires_grad], lr=rate)
    losses: list[float] = []
    for epoch in range(passes):
        total = 0.0
        for step in work.order(epoch):
            for user in step:
                tokens = work.read(work.users.posts[user], padding="max_length")
                owners = torch.zeros(len(work.users.posts[user]), dtype=torch.long)
                logit = model(tokens["input_ids"], tokens["attention_mask"], owners, 1)
                loss = binary_cross_entropy_with_logits(logit, torch.from_numpy(work.users.labels[[user]]))
                (loss / len(step)).backward()
                total += loss.item()
            optimizer.step()
            optimizer.zero_grad()
            after_step()
        losses.append(total / len(work.users.names))
    return losses


def _ours(
    work: _Work, model: Any, passes: int, rate: float, layers: int, precision: str, after_step: Tick = lambda: None
) -> list[float]:
    """The second stage alone, with the source's one learning rate and no validation."""
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits

    from instagram_assets.age.training_loop import TrainingPlan, TrainingState, train_stage
    from instagram_assets.age.training_stages import fine_tuning_stage
    from instagram_assets.models.devices import choose_dtype
    from instagram_assets.settings import AgeSettings

    def loss(logits: Any, labels: Any) -> Any:
        return binary_cross_entropy_with_logits(logits, torch.from_numpy(labels), reduction="sum")

    model.requires_grad_(False)
    options = AgeSettings(
        learn_rate=rate, head_learn_rate=rate, epoch_num=passes, trained_layers=layers, seed=work.seed
    )
    users = work.users
    dtype = choose_dtype(precision, torch.device("cpu"))
    stage = fine_tuning_stage(model, work.tokenizer, work.texts, users, users, loss, options, dtype)
    stage = replace(stage, judge=lambda: torch.linspace(0, 1, len(users.names)))
    plan = TrainingPlan(
        len(users.names), work.per_step, passes, work.seed, 1, users.labels, lambda logits: logits.sum()
    )
    state = TrainingState()
    train_stage(stage, plan, state, lambda now: None, lambda progress: after_step())
    return [epoch.train_loss for epoch in state.history]
