"""The peer of `benchmarks.pipeline`: the script of twenty lines that one writes instead.

`python benchmarks/script.py posts.json profiles.json FOLDER`. It imports nothing of ours.
"""

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
from kiwipiepy import Kiwi


def main(posts_file: str, profiles_file: str, folder: str) -> None:
    """Posts with their profile, day, impression and tokens, as `posts.json` and `posts.csv` in the folder."""
    posts, profiles = (pd.DataFrame(json.loads(Path(file).read_bytes())) for file in (posts_file, profiles_file))
    merged = posts.merge(profiles, "left", left_on="ownerUsername", right_on="username", suffixes=("", "_profile"))
    merged["day"] = pd.to_datetime(merged["timestamp"], utc=True).dt.tz_convert("Asia/Seoul").dt.date.astype(str)
    merged["likesCount"] = merged["likesCount"].where(merged["likesCount"] >= 0)  # -1: hidden
    merged["impression"] = (merged["likesCount"] + merged["commentsCount"]) / merged["followersCount"]
    analysed: Any = Kiwi().tokenize(merged["caption"].fillna("").to_list())
    merged["tokens"] = [[(token.form, token.tag) for token in tokens] for tokens in analysed]
    merged.to_json(Path(folder, "posts.json"), orient="records", force_ascii=False)
    merged.drop(columns=["childPosts"]).to_csv(Path(folder, "posts.csv"), encoding="utf-8-sig", index=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
