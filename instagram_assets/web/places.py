"""Where the folder of a job lies, for people who want to open it."""

from pathlib import Path

from instagram_assets.errors import SearchRequestError
from instagram_assets.search.requests import search_folder
from instagram_assets.settings import Settings
from instagram_assets.web.jobs import Job, folder_of


def path_of(settings: Settings, job: Job) -> Path | None:
    """The folder, if it is there. That of an earlier dashboard is never joined with ours."""
    try:
        path = search_folder(settings, job.folder) if folder_of(job) else Path(job.folder)
        return path if job.folder and path.is_absolute() and path.is_dir() else None
    except (OSError, ValueError, SearchRequestError):  # a name that no file, or no search, can have
        return None
