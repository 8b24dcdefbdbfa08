"""Commands of the built-in collector: Meta's API for any account, Instagram's site for explicitly allowed accounts."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from instagram_assets.cli.command_options import JsonOption, settings_with_options
from instagram_assets.cli.messages import print_stderr, report_errors

if TYPE_CHECKING:
    from instagram_assets.collect.collection_results import RunResult
    from instagram_assets.collect.collector_database import CollectorDatabase
    from instagram_assets.settings import Settings

commands = typer.Typer()

_Again = Annotated[
    bool, typer.Option(help="Also what was collected already, and who was not found, private or renamed.")
]
_Wait = Annotated[
    bool, typer.Option(help="Wait, for days if need be, where the site wants a pause or a budget is used.")
]
_NewerThan = Annotated[str, typer.Option(help="The day of the oldest post wanted, such as 2026-11-20.")]
_Site = Literal["graph_api", "instagram"]
_NO_PROXIES = (
    "--useproxies: proxies are not fetched. Free lists are mostly machines of people who do not know that they are "
    "used, and who runs one reads and changes what goes through, your login as well; the author of this option found "
    "that Instagram blocks them anyway. To ask from another address because one is throttled would go around a limit: "
    "limits belong to who asks, whichever way it goes. Give proxies of your own with --proxies FILE."
)


@commands.command("collect")
@report_errors
def collect_command(
    names: Annotated[
        list[str] | None, typer.Argument(help="Accounts, and hashtags with their #; none: whom the registry names.")
    ] = None,
    newer_than: _NewerThan = "",
    posts: Annotated[int | None, typer.Option(help="Most posts of one account.")] = None,
    by: Annotated[_Site | None, typer.Option(help="The site; else as the registry says, or the official API.")] = None,
    rereads: Annotated[
        bool, typer.Option(help="Back to posts whose numbers are due to be read again, for growth over time.")
    ] = True,
    again: _Again = False,
    wait: _Wait = False,
    cleared: Annotated[
        bool, typer.Option(help="You have done what the site wanted of a person: requests may go on.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Collect accounts and hashtags into the inbox, by Meta's official API, or permitted accounts from the site.

    Repeat the command to continue an interrupted one; no page is requested twice.
    """
    from instagram_assets.collect.clock import SystemClock
    from instagram_assets.collect.collect_targets import choose_targets
    from instagram_assets.collect.collection_scope import CollectionScope
    from instagram_assets.sources.apify_inputs import parse_day

    chosen, day = settings_with_options(collection={"posts_per_account": posts}), parse_day(newer_than)
    database = _database(chosen)
    if cleared:
        _clear_stops(database)
        if not names:
            return
    targets = choose_targets(chosen, names or [], by=by)
    for note in targets.notes:
        print_stderr(note)
    from instagram_assets.cli.collection_progress import CollectionProgress
    from instagram_assets.collect.collect_all_sites import CollectionOptions, collect_all
    from instagram_assets.collect.collection_results import RunResult

    done, most = RunResult(), chosen.collection.posts_per_account
    scope = CollectionScope(most, day, behind_known=posts is not None, rereads=rereads)
    options = CollectionOptions(chosen, database, SystemClock(), scope, chosen.folder("inbox"), again=again, waits=wait)
    collect_all(options, targets, CollectionProgress(), done)
    if done.requests:
        _update_ui_table(database)
    _finish(done, as_json, hint="Read it with: instagram-assets ingest (a running `dev` does so by itself)")


@commands.command("scrape-users")
@report_errors
def scrape_users(
    user_file: Annotated[Path, typer.Option(help="A file with one user on each line, or a CSV with a column of them.")],
    output_dir: Annotated[Path, typer.Option(help="Where USER.json of each user will be.")],
    posts_per_user: Annotated[int | None, typer.Option(help="Most posts of one user; 100 unless set.")] = None,
    newer_than: _NewerThan = "",
    ratelimit: Annotated[
        list[str] | None, typer.Option(help="CALLS,SECONDS, several times: 5,60 is at most 5 requests in any 60 s.")
    ] = None,
    backoff_mult: Annotated[float | None, typer.Option(help="Longest first wait after a failure, in seconds.")] = None,
    backoff_exp: Annotated[float | None, typer.Option(help="By what the waits grow.")] = None,
    backoff_mode: Annotated[
        Literal["geometric", "tower"] | None, typer.Option(help="mult * exp^n, or each wait to the power of exp.")
    ] = None,
    proxies: Annotated[
        Path | None, typer.Option(help="A file of your own proxies, http://host:port on a line.")
    ] = None,
    useproxies: Annotated[bool, typer.Option(help="Refused, and says why.")] = False,
    again: _Again = False,
    wait: _Wait = True,
    as_json: JsonOption = False,
) -> None:
    """Collect users from Instagram's site into a folder, rate-limited: a USER.json of each, written when complete.

    Only users that INSTAGRAM_ASSETS_COLLECTION__ALLOWED names are requested. It can be stopped at any time: repeat the
    command to continue; no page is requested twice.
    """
    from instagram_assets.errors import SettingsError
    from instagram_assets.sources.apify_inputs import parse_day

    if useproxies:
        raise SettingsError(_NO_PROXIES)
    chosen = settings_with_options(
        collection={
            "posts_per_account": posts_per_user,
            "ratelimits": ";".join(ratelimit) if ratelimit else None,
            "backoff_mult": backoff_mult,
            "backoff_exp": backoff_exp,
            "backoff_mode": backoff_mode,
        }
    )
    from instagram_assets.cli.collection_progress import CollectionProgress
    from instagram_assets.collect.account_list_file import read_account_list
    from instagram_assets.collect.clock import SystemClock
    from instagram_assets.collect.collect_all_sites import CollectionOptions, collect_all
    from instagram_assets.collect.collect_targets import Targets
    from instagram_assets.collect.collection_results import RunResult
    from instagram_assets.collect.collection_scope import CollectionScope
    from instagram_assets.collect.instagram_permission import check_allowed
    from instagram_assets.collect.output_folder import OutputFolder
    from instagram_assets.collect.proxies import read_proxies
    from instagram_assets.collect.site_adapter import INSTAGRAM

    day, users = parse_day(newer_than), read_account_list(user_file)
    own_proxies = read_proxies(proxies) if proxies else ()
    check_allowed(chosen, users.names)
    if output_dir.resolve() == chosen.folder("inbox").resolve():
        raise SettingsError(f"--output-dir {output_dir}: is the inbox. For that use: instagram-assets collect.")
    folder = OutputFolder(output_dir)
    for note in users.notes:
        print_stderr(f"{user_file}, {note}")
    database, clock, done = _database(chosen), SystemClock(), RunResult()
    with folder.alone(database):
        folder.publish_arrived(database, clock.now())
        there = [name for name in users.names if not again and folder.path(name).exists()]
        if there:
            print_stderr(
                f"{len(there):,} of {len(users.names):,} users have their file already; --again collects them anew"
            )
        # Existing files tell which users are complete; the progress of others depends on the requested posts.
        scope = CollectionScope(chosen.collection.posts_per_account, day, fresh=0.0)
        options = CollectionOptions(
            *(chosen, database, clock, scope, folder.arrivals),
            again=again,
            waits=wait,
            stops_at_known=False,
            proxies=own_proxies,
            publish=folder.publish,
        )
        if left := tuple(name for name in users.names if name not in set(there)):
            collect_all(options, Targets({INSTAGRAM: left}, is_named=True), CollectionProgress(), done)
        folder.tidy()
    _finish(done, as_json, there=len(there))


def _database(chosen: "Settings") -> "CollectorDatabase":
    from instagram_assets.collect.collector_database import CollectorDatabase

    return CollectorDatabase(chosen.folder("collection"))


def _clear_stops(database: "CollectorDatabase") -> None:
    """End the suspension of all identities (logins, tokens), after a person has resolved the problem at the site."""
    from instagram_assets.collect.circuit_breaker import clear_stop, identity_states

    stopped = [
        identity
        for identity, state in identity_states(database).items()
        if state.stopped and clear_stop(database, identity)
    ]
    for identity in stopped:
        print_stderr(f"{identity} may ask again")
    if not stopped:
        print_stderr("Nothing was stopped")


def _update_ui_table(database: "CollectorDatabase") -> None:
    """Update the table `collected_accounts` in the lake and the Dagster UI, as a Dagster run would."""
    from instagram_assets.automation.collect_job import note_status
    from instagram_assets.automation.shell_runs import open_instance
    from instagram_assets.collect.clock import SystemClock
    from instagram_assets.errors import InstagramAssetsError

    try:
        with open_instance() as instance:
            note_status(instance, database, SystemClock().now())
    except InstagramAssetsError as error:  # the collected data is safe all the same
        print_stderr(f"The table of accounts in the UI is not up to date: {error}")


def _finish(done: "RunResult", as_json: bool, *, there: int = 0, hint: str = "") -> None:
    """Print the summary of a collection, and raise an error if it is incomplete.

    `there` is the number of users whose output file existed before the command.
    """
    from instagram_assets.cli.collection_progress import collection_json, collection_table, raise_collection_errors

    if as_json:
        typer.echo(json.dumps(collection_json(done, there), ensure_ascii=False))
    elif done.found:
        from rich.console import Console

        Console().print(collection_table(done))
    if hint and done.brought:
        print_stderr(hint)
    raise_collection_errors(done, there)
