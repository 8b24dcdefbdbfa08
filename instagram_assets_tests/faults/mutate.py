"""One file of real shape, changed in one place, and which of its posts and profiles the change left alone.

What is left alone is found by plain `json`, which knows nothing of our formats: the same value at the same place.
"""

import gzip
import json
import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

Kind = Literal["cut", "flip", "double", "retype", "nest", "delete", "rename"]
KINDS: tuple[Kind, ...] = get_args(Kind)

GOLDEN = Path(__file__).parents[1] / "ingest" / "golden"

# From the outside in: the first is the place of the record in its file where that holds several.
Place = tuple[str | int, ...]
_HOLE = "__the place of the change__"
_WRAPPERS = ("data", "items")
_DEEP = 100_000
# As texts, since JSON's readers take more than Python writes.
_VALUES = (
    *("null", "true", "0", "-1", "3.7", "1e400", "NaN", "-Infinity", "9" * 30, "9" * 5000, "-" + "9" * 5000),
    *('""', '"x"', '"2025-02-30"', '"' + "9" * 19 + '"', r'"\ud83d"', r'"\u0000"', '"' + "가" * 3000 + '"'),
    *("[]", "{}", "[null]", '[["a"]]', '{"a": 1}', '[{"node": 1}]', '{"edges": [1, {"node": []}]}', '{"text": "x"}'),
)


@dataclass(frozen=True)
class Seed:
    """A file of real shape; `lines` where each line is a record."""

    name: str
    content: bytes
    lines: bool = False

    @property
    def text(self) -> str:
        """What is in it, unpacked."""
        return _unpacked(self.content).decode()


@dataclass(frozen=True)
class Mutation:
    """What was done to a file and what it holds now; `alone` are the places that were left alone, null for all."""

    kind: Kind
    what: str
    content: bytes
    alone: frozenset[Place] | None = field(default=None)


def seeds() -> list[Seed]:
    """One file for each format, and some of them in other layouts: lines, a wrapper, packed."""
    files = sorted(path for path in GOLDEN.glob("*.json") if not path.name.endswith(".expected.json"))
    found = [Seed(path.name, path.read_bytes(), _is_lines(path.read_text("utf-8"))) for path in files]
    several = json.loads((GOLDEN / "apify_2025_2025-08-01.json").read_text("utf-8"))
    plain = [{**several[0], "id": f"1{n}", "shortCode": f"C{n}", "caption": f"오늘 {n} #산책"} for n in range(40)]
    written = {
        "lines.json": "\n".join(json.dumps(record, ensure_ascii=False) for record in [*several, *plain[:4]]),
        "wrapped.json": json.dumps({"count": 3, "items": [*several, *plain[:4]], "next": None}),
        "alike.json": json.dumps(plain, ensure_ascii=False),
    }
    found += [Seed(name, text.encode(), name == "lines.json") for name, text in written.items()]
    return [*found, Seed("packed.json", gzip.compress(written["alike.json"].encode(), mtime=0))]


def mutate(seed: Seed, kind: Kind, chance: random.Random) -> Mutation:
    """The file changed in one place, the same for the same `chance`."""
    if kind in ("delete", "rename"):
        return Mutation(kind, kind, seed.content)
    if kind in ("cut", "flip"):
        at = chance.randrange(len(seed.content))
        if kind == "cut":
            return _seen(seed, kind, f"at byte {at}", seed.content[:at])
        bit = chance.randrange(8)
        changed = bytearray(seed.content)
        changed[at] ^= 1 << bit
        return _seen(seed, kind, f"bit {bit} of byte {at}", bytes(changed))
    return _rewritten(seed, kind, chance)


def values(text: str, *, lines: bool) -> dict[Place, Any]:
    """Every value of a JSON text with its place, as plain `json` reads it. Raises ValueError when it does not."""
    if not lines:
        return dict(_walk(json.loads(text), ()))
    found: dict[Place, Any] = {}
    for number, line in enumerate(line for line in text.split("\n") if line.strip()):
        try:
            found |= dict(_walk(json.loads(line), (number,)))
        except (ValueError, RecursionError):
            continue  # a bad line costs no other
    return found


def record_of(place: Place, document: Any, *, lines: bool) -> tuple[int, Place]:
    """Which record of its file a place is in, and where in it."""
    if lines or isinstance(document, list):
        return int(place[0]), place[1:]
    if len(place) > 1 and place[0] in _WRAPPERS and isinstance(document[place[0]], list):
        return int(place[1]), place[2:]
    return 0, place


def written(place: Place) -> str:
    """A place as it stands in quarantine: data.user.edges[3].node."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).lstrip(".")


def _seen(seed: Seed, kind: Kind, what: str, content: bytes) -> Mutation:
    """A change of bytes: what is left alone is what plain `json` still finds where it was."""
    before = values(seed.text, lines=seed.lines)
    try:
        text = _unpacked(content).decode("utf-8", "replace" if seed.lines else "strict")
        after = values(text, lines=seed.lines)
    except (ValueError, RecursionError, OSError, EOFError, zlib.error):
        return Mutation(kind, what, content, frozenset())
    if not seed.lines:
        alone = {place for place, value in before.items() if place in after and _same(after[place], value)}
        return Mutation(kind, what, content, frozenset(alone))
    # Lines may have become one or two, which moves those behind them.
    places = {(place[1:], _text(value)) for place, value in after.items()}
    alone = {place for place, value in before.items() if (place[1:], _text(value)) in places}
    return Mutation(kind, what, content, frozenset(alone))


def _rewritten(seed: Seed, kind: Kind, chance: random.Random) -> Mutation:
    """A change of one value: what is left alone is all that does not hold it and is not in it."""
    text = seed.text
    chosen = chance.choice([place for place in values(text, lines=seed.lines) if len(place) > seed.lines])
    records = [json.loads(line) for line in text.split("\n") if line.strip()] if seed.lines else json.loads(text)
    value, what = chance.choice(_VALUES), f"{kind} at {written(chosen)}"
    if kind == "nest":
        opening, closing = chance.choice([("[", "]"), ('{"a":', "}"), ('[{"b": ', "}]")])
        value = opening * _DEEP + "1" + closing * _DEEP
    key: str | None = None
    if kind == "double" and isinstance(chosen[-1], str):
        key = chosen[-1]
    changed, alone = _with_hole(records, chosen, key, last=chance.random() < 0.5)
    plain, indent = chance.random() < 0.5, None if seed.lines else chance.choice([None, 1])
    dumped = [json.dumps(part, ensure_ascii=plain, indent=indent) for part in (changed if seed.lines else [changed])]
    hole = json.dumps(_HOLE)
    instead = f"{json.dumps(key)}: {value}" if key is not None else value
    content = "\n".join(dumped).replace(f"{hole}: {hole}" if key is not None else hole, instead).encode()
    shown = value if len(value) < 40 else f"{value[:20]}… ({len(value):,} characters)"
    left = frozenset(place for place in values(text, lines=seed.lines) if not _touches(place, chosen) or alone)
    content = gzip.compress(content, mtime=0) if seed.content.startswith(b"\x1f\x8b") else content
    return Mutation(kind, f"{what}: {shown}", content, left)


def _with_hole(document: Any, place: Place, doubled: str | None, *, last: bool) -> tuple[Any, bool]:
    """The document with a hole at a place, or beside it under a doubled key; True when plain `json` sees no change."""
    if not place:
        return _HOLE, False
    inner, step = document, place[0]
    if len(place) > 1:
        changed, alone = _with_hole(inner[step], place[1:], doubled, last=last)
    elif doubled is not None:
        # The last value counts, so a double in front changes nothing.
        members = [*inner.items(), (_HOLE, _HOLE)] if last else [(_HOLE, _HOLE), *inner.items()]
        return dict(members), not last
    else:
        changed, alone = _HOLE, False
    if isinstance(inner, list):
        return [changed if number == step else item for number, item in enumerate(inner)], alone
    return {key: changed if key == step else item for key, item in inner.items()}, alone


def _touches(place: Place, chosen: Place) -> bool:
    shorter = min(len(place), len(chosen))
    return place[:shorter] == chosen[:shorter]


def _walk(value: Any, place: Place) -> Iterator[tuple[Place, Any]]:
    yield place, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, item in inner:
        yield from _walk(item, (*place, step))


def _same(one: Any, other: Any) -> bool:
    return one is other or _text(one) == _text(other)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _unpacked(content: bytes) -> bytes:
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content


def _is_lines(text: str) -> bool:
    first, _, rest = text.partition("\n")
    return first.startswith("{") and rest.lstrip().startswith("{") and first.endswith("}")
