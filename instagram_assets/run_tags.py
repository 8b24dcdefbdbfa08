"""The tags of runs that lists of runs read, so that they need to look into no run's events or config."""

QUERY = "instagram_assets/query"
"""What a run collects: the search word, or whom."""
LIMIT = "instagram_assets/limit"
"""The number of images wanted."""
FOLDER = "instagram_assets/folder"
"""The name of its folder below `datasets/search`."""
KEPT, CANDIDATES = "instagram_assets/kept", "instagram_assets/candidates"
"""The number of images in its folder, and of those looked at."""
COUNTED_BY = "instagram_assets/counted_by"
"""The id of the run that counted: one that is made again has the tags of the first."""

HISTORY = "instagram_assets/history"
"""Of runs that collect: the history of the web app lists those that have it, which is SHOWN."""
SHOWN = "shown"

IMPORTED = "instagram_assets/imported"
"""Of imported runs: the job's id in the earlier dashboard."""
ERROR, OUT_DIR = "instagram_assets/error", "instagram_assets/out_dir"
"""Of imported runs: why it failed, and the folder as the earlier dashboard had it."""


def search_tags(query: str, limit: int, folder: str) -> dict[str, str]:
    """The tags that say what a run searches for."""
    return {QUERY: query, LIMIT: str(limit), FOLDER: folder}
