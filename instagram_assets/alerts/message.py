"""The content of alerts: names from this program's code, counts and the run, but no personal data.

An error's message can contain an account, a caption, a URL or a path, and a partition key contains an account. An Alert
has no field for messages or partition keys, so none can be sent.
"""

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Literal

AlertKind = Literal["run", "check", "freshness", "source", "test"]
WebhookFormat = Literal["json", "slack", "discord"]
WHERE_ELSE = "instagram-assets status"
_LONGEST_DISCORD = 2_000


@dataclass(frozen=True)
class Alert:
    """A failure to report; `day` is in the configured time zone, `step` is the failed step, named after its asset."""

    kind: AlertKind
    day: date
    job: str = ""
    step: str = ""
    asset: str = ""
    check: str = ""
    severity: str = ""
    error: str = ""
    """The exception's class name."""
    cells: int = 0
    """Number of account × day partitions of the run; 0 if it has none."""
    files: int = 0
    """Number of rejected files."""
    run: str = ""

    @property
    def cause(self) -> str:
        """Key for deduplication: alerts with the same cause are sent once a day."""
        return ":".join(part for part in (self.kind, self.job, self.step, self.asset, self.check) if part)

    @property
    def title(self) -> str:
        """One-line summary of the failure."""
        error = f": {self.error}" if self.error else ""
        match self.kind:
            case "run":
                return f"A run of {self.job} failed{f' at {self.step}' if self.step else ''}{error}"
            case "check":
                return f"The check {self.check} of {self.asset} failed ({self.severity})"
            case "freshness":
                return f"{self.asset} is overdue: nothing was made within its time window"
            case "source" if self.files:
                return f"{self.files:,} export {'file was' if self.files == 1 else 'files were'} refused"
            case "source":
                return f"The source of {self.step} refuses{error}"
            case "test":
                return "This is a test: failures will be told here"


def as_text(alert: Alert, ui: str) -> str:
    """Returns the alert as lines of text: the title, the details, and a link; `ui` is the URL of the Dagster UI."""
    known = {
        "day": alert.day.isoformat(),
        "cells of the run": f"{alert.cells:,}" if alert.cells else "",
        "run": alert.run,
        "look at": link_of(alert, ui),
        "or run": WHERE_ELSE,
    }
    lines = [f"instagram_assets: {alert.title}.", *(f"{name}: {value}" for name, value in known.items() if value)]
    return "\n".join(lines if alert.kind == "test" else [*lines, "This cause is not told again that day."])


def as_json(alert: Alert, ui: str) -> dict[str, Any]:
    """Returns the alert as JSON values, without empty fields."""
    values = asdict(alert) | {"day": alert.day.isoformat(), "cause": alert.cause, "title": alert.title}
    values |= {"link": link_of(alert, ui), "command": WHERE_ELSE}
    return {name: value for name, value in values.items() if value}


def payload(alert: Alert, form: WebhookFormat, ui: str) -> dict[str, Any]:
    """Returns the JSON body for a webhook: plain, or in the format of Slack's or Discord's incoming webhooks."""
    match form:
        case "json":
            return as_json(alert, ui)
        case "slack":
            return {"text": _for_slack(as_text(alert, ui))}
        case "discord":
            # Suppresses notifications of people: no @everyone, no mention.
            return {"content": as_text(alert, ui)[:_LONGEST_DISCORD], "allowed_mentions": {"parse": []}}


def link_of(alert: Alert, ui: str) -> str:
    """Returns the URL of the run in the Dagster UI, or of the asset, or of the UI itself."""
    root = ui.rstrip("/")
    if alert.run:
        return f"{root}/runs/{alert.run}"
    return f"{root}/assets/{alert.asset}" if alert.asset else root


def _for_slack(text: str) -> str:
    """Escapes the three characters that are special in Slack, as its reference for formatting text requires."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
