"""Refreshes expired video URLs: one request per reel to Instagram through Instaloader, with the user's session."""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol

from instagram_assets.errors import (
    MediaFailedError,
    MediaTransientError,
    RateLimitedError,
    SessionRefusedError,
    SettingsError,
)
from instagram_assets.reels.instagram_session import SESSION_FILE, InstagramSession

if TYPE_CHECKING:
    from instaloader import Instaloader, RateController

WAIT = 666.0
"""Seconds for which Instaloader waits after Instagram's `429`: its window of eleven minutes, and a little more."""
REEL_GONE = "Instagram no longer shows it"
NOT_A_VIDEO = "Instagram shows a picture, not a video"
_STRANGE = "Instagram's answer is not understood"
_LOST = "Instagram gave no answer"
_TIMEOUT = 30.0


class UrlSource(Protocol):
    """A source of current video URLs of reels, for those whose stored URL has expired."""

    def ask(self, shortcode: str) -> str:
        """Returns the current URL of a reel's video.

        Raises MediaFailedError if the reel has no video URL, MediaTransientError if there was no response,
        RateLimitedError if Instagram's rate limit is reached, SessionRefusedError if no more requests may be sent with
        this session.
        """
        ...


def check_instaloader() -> None:
    """Raises SettingsError, with the install command, if Instaloader is not installed."""
    if find_spec("instaloader") is None:
        raise SettingsError(
            f"{SESSION_FILE} needs Instaloader, which is not installed. Run `pip install 'instagram_assets[reels]'`, "
            f"or unset it: videos whose address expired are then left out."
        )


class UrlRefresher:
    """A `UrlSource` that uses Instaloader: one request per reel, no request after a refusal, and no waiting.

    Raises SettingsError if Instaloader is not installed.
    """

    def __init__(self, session: InstagramSession) -> None:
        check_instaloader()
        self._loader = _loader(session)
        self._refusal = ""

    def ask(self, shortcode: str) -> str:
        """Returns the current URL of a reel's video, with one request. Raises the errors of `UrlSource.ask`."""
        if self._refusal:
            raise SessionRefusedError(self._refusal)
        try:
            return self._asked(shortcode)
        except SessionRefusedError as refusal:
            self._refusal = str(refusal)
            raise

    def _asked(self, shortcode: str) -> str:
        from instaloader import Post
        from instaloader.exceptions import (
            AbortDownloadException,
            BadResponseException,
            ConnectionException,
            InstaloaderException,
            LoginException,
            LoginRequiredException,
            PostChangedException,
            QueryReturnedNotFoundException,
        )

        # Instaloader's messages contain URLs and server texts: ours are the same on every run.
        try:
            url = Post.from_shortcode(self._loader.context, shortcode).video_url
        except (AbortDownloadException, LoginRequiredException, LoginException) as error:
            raise SessionRefusedError(_refused(str(error))) from None
        except (QueryReturnedNotFoundException, PostChangedException):
            raise MediaFailedError(REEL_GONE) from None
        except ConnectionException as error:
            raise _connection_problem(error) from None
        except BadResponseException:
            raise MediaFailedError(REEL_GONE) from None
        except (InstaloaderException, KeyError, TypeError, ValueError, IndexError, AttributeError):
            raise MediaFailedError(_STRANGE) from None
        if not url:
            raise MediaFailedError(NOT_A_VIDEO)
        return url


def _loader(session: InstagramSession) -> "Instaloader":
    from instaloader import Instaloader, RateController

    class NeverWaiting(RateController):
        """A rate controller for Instaloader that raises instead of sleeping: the caller decides how to wait."""

        def sleep(self, secs: float) -> None:
            raise RateLimitedError(_too_many(secs), secs)

        def handle_429(self, query_type: str) -> None:
            raise RateLimitedError(_too_many(WAIT), WAIT)

    def controller(context: Any) -> "RateController":
        return NeverWaiting(context)

    loader = Instaloader(
        sleep=False,
        quiet=True,
        # Instaloader's retry would be a second request; retries are decided above.
        max_connection_attempts=1,
        request_timeout=_TIMEOUT,
        rate_controller=controller,
        # Its iPhone API would be a second request per reel.
        iphone_support=False,
    )
    # It prints to standard error even in quiet mode.
    loader.context.error = _say_nothing
    loader.load_session(session.user, dict(session.cookies))
    return loader


def _say_nothing(msg: str, repeat_at_end: bool = True) -> None:
    pass


def _connection_problem(error: Exception) -> Exception:
    from instaloader.exceptions import TooManyRequestsException

    cause, text = error.__cause__, str(error)
    # Instagram also signals it with 401 and this message.
    if isinstance(cause, TooManyRequestsException) or "wait a few minutes" in text:
        return RateLimitedError(_too_many(WAIT), WAIT)
    if any(f" {status} " in text for status in ("401", "403")):
        return SessionRefusedError(_refused(""))
    return MediaTransientError(_LOST)


def _too_many(seconds: float) -> str:
    return f"Instagram wants fewer requests: ask again in {seconds / 60:.0f} minutes."


def _refused(text: str) -> str:
    if any(word in text for word in ("checkpoint_required", "challenge_required", "feedback_required")):
        return (
            "Instagram asks for a checkpoint. Open it in a browser with the account of the session, confirm, and wait "
            "a day before you run again"
        )
    return "Instagram does not take the session. Log in again: `instaloader --login NAME --sessionfile FILE`"
