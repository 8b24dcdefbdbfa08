"""What can go wrong in an image search, as exceptions that say what to do next."""

from instagram_assets.errors import InstagramAssetsError, SourceRefusedError


class SearchError(InstagramAssetsError):
    """Base of all errors of an image search; `kept` says where the page that it is about was kept."""

    kept: str = ""

    def __str__(self) -> str:
        return f"{super().__str__()} {self.kept}".strip()


class QueryError(SearchError):
    """The search word or the number of images cannot be searched for."""


class NoResultsError(SearchError):
    """The page itself says that it has nothing for the search word."""


class NothingMatchedError(SearchError):
    """The page shows no image that a known selector finds: most often its markup has changed."""


class ConsentPageError(SearchError, SourceRefusedError):
    """The site asks for consent, a login or a challenge, or refuses: a person has to look at it."""


class PageError(SearchError):
    """The page cannot be reached, answers with an error, or never finishes loading."""


class BrowserMissingError(SearchError):
    """There is no browser or driver that can be started."""


class BrowserDiedError(SearchError):
    """The browser ended or stopped answering in the middle of a search."""
