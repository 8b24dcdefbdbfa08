"""Alert channels: webhook and SMTP. Error messages contain neither the webhook's secret URL nor e-mail addresses."""

import asyncio
import smtplib
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid, parsedate_to_datetime
from typing import Any, NamedTuple

from instagram_assets.alerts.message import Alert, as_text, payload
from instagram_assets.errors import UndeliveredError
from instagram_assets.settings import AlertSettings

NOWHERE = (
    "Failures are told nowhere outside this machine. Set INSTAGRAM_ASSETS_ALERTS__WEBHOOK_URL, or …__SMTP_HOST with "
    "…__MAIL_FROM and …__MAIL_TO, in the environment or .env"
)
WEBHOOK_SECONDS = 10.0
"""Timeout of a webhook request in seconds."""
SMTP_SECONDS = 5.0
"""Timeout of each SMTP response in seconds."""
_AGENT = "instagram_assets (alerts)"
# The name smtplib itself sends for a nameless machine; the real hostname may contain a person's name.
_HELLO = "[127.0.0.1]"
# Folded subjects look odd in some mail programs; the limit of RFC 5322 is 998.
_POLICY = SMTP.clone(max_line_length=500)
_HELP = {
    "SMTPNotSupportedError": "the mail server lacks STARTTLS or logins; see INSTAGRAM_ASSETS_ALERTS__SMTP_SECURITY",
    "SSLCertVerificationError": "its certificate cannot be trusted",
    "ClientConnectorCertificateError": "its certificate cannot be trusted",
    "ClientConnectorDNSError": "its host name was not found",
    "gaierror": "its host name was not found",
    "TimeoutError": "no answer in time",
}


class Channel(NamedTuple):
    """An alert channel: its name, `webhook` or `mail`, and the function that sends an alert.

    The function returns a remark about the delivery (usually empty), or raises UndeliveredError.
    """

    name: str
    send: Callable[[Alert], str]


def channels(options: AlertSettings) -> list[Channel]:
    """Returns the channels configured in the settings."""
    found: list[Channel] = []
    if options.webhook_url.get_secret_value():
        found.append(Channel("webhook", lambda alert: post_json(alert, options)))
    if options.smtp_host:
        found.append(Channel("mail", lambda alert: send_mail(alert, options)))
    return found


def post_json(alert: Alert, options: AlertSettings) -> str:
    """Posts an alert to the webhook, without following redirects. Raises UndeliveredError unless the status is 2xx."""
    body = payload(alert, options.webhook_form, options.ui_url)
    status, said = asyncio.run(_post(options.webhook_url.get_secret_value(), body))
    if not status:
        raise UndeliveredError(said)
    if not 200 <= status < 300:
        raise UndeliveredError(f"HTTP {status}", seconds_of(said, datetime.now(UTC)))
    return ""


async def _post(url: str, body: dict[str, Any]) -> tuple[int, str]:
    """Sends a POST request; returns the response's status and `Retry-After`, or 0 and the reason of a failure.

    It raises no errors, since their messages would contain the URL.
    """
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=WEBHOOK_SECONDS)
    headers = {"User-Agent": _AGENT}
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, headers=headers, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.post(url, json=body, allow_redirects=False) as answer,
        ):
            return answer.status, answer.headers.get("Retry-After", "")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return 0, in_words(error)


def send_mail(alert: Alert, options: AlertSettings) -> str:
    """Sends an alert by SMTP; returns a remark if some recipients were rejected. Raises UndeliveredError."""
    refused, reason = 0, ""
    try:
        with _connected(options) as server:
            if options.smtp_user:
                server.login(options.smtp_user, options.smtp_password.get_secret_value())
            refused = len(server.send_message(_mail(alert, options)))
    except (smtplib.SMTPException, OSError, ValueError) as error:
        reason = in_words(error)  # the error itself may contain addresses
    if reason:
        raise UndeliveredError(reason)
    # The other recipients have it: a retry would send it to them twice.
    return f"{refused} of {len(options.recipients)} addresses were refused" if refused else ""


def _connected(options: AlertSettings) -> smtplib.SMTP:
    if options.smtp_security == "tls":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(options.smtp_host, options.smtp_port, _HELLO, timeout=SMTP_SECONDS, context=context)
    server = smtplib.SMTP(options.smtp_host, options.smtp_port, _HELLO, timeout=SMTP_SECONDS)
    if options.smtp_security == "starttls":
        try:
            server.starttls(context=ssl.create_default_context())
        except BaseException:
            server.close()
            raise
    return server


def _mail(alert: Alert, options: AlertSettings) -> EmailMessage:
    mail = EmailMessage(policy=_POLICY)
    mail["Subject"] = f"instagram_assets: {alert.title}"
    mail["From"] = options.mail_from
    mail["To"] = ", ".join(options.recipients)
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = make_msgid(domain=options.mail_from.rpartition("@")[2])
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: suppresses automatic replies
    mail.set_content(as_text(alert, options.ui_url) + "\n")
    return mail


def in_words(error: BaseException) -> str:
    """Returns why delivery failed: a code or exception class and its meaning, never the error's own message."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return f"SMTP {min(code for code, _ in error.recipients.values())}: no address was taken"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"SMTP {error.smtp_code}{': the login was refused' if error.smtp_code == 535 else ''}"
    name = type(error).__name__
    return f"{_HELP[name]} ({name})" if name in _HELP else name


def seconds_of(wait: str, now: datetime) -> float:
    """Returns the seconds to wait by a `Retry-After` value (a number or a date); 0 if it is neither."""
    if wait.strip().isascii() and wait.strip().isdecimal():
        return float(wait)
    try:
        moment = parsedate_to_datetime(wait)
    except ValueError:
        return 0.0
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())
