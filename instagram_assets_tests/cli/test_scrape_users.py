"""`scrape-users` as a person types it: a file for each user, nothing asked twice, and nobody asked about by mistake."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from instagram_assets import read_export
from instagram_assets.age.user_texts import texts_of_folder
from instagram_assets.demo.instagram_data import SitePerson
from instagram_assets_tests import commands
from instagram_assets_tests.servers.instagram_site import (
    CHECKPOINT,
    LIMIT,
    MISSING,
    PRIVATE,
    SESSION,
    Asked,
    InstagramSiteServer,
)

ROOT = Path(__file__).parents[2]
USERS = ("sun_diary", "sea.walks")
FAST = ("--ratelimit", "1000,1")


@pytest.fixture
def site() -> Iterator[InstagramSiteServer]:
    with InstagramSiteServer({name: SitePerson.made(name, 30) for name in USERS}) as server:
        yield server


def environment(site: InstagramSiteServer, **more: str) -> dict[str, str]:
    return {
        **os.environ,
        "COLUMNS": "200",
        "PYTHONPATH": str(ROOT),
        "INSTAGRAM_ASSETS_COLLECTION__PURPOSE": "A study of diaries; the writers agreed.",
        "INSTAGRAM_ASSETS_COLLECTION__ALLOWED": "sun_diary, sea.walks, moon",
        "INSTAGRAM_ASSETS_COLLECTION__INSTAGRAM_URL": site.url,
        "INSTAGRAM_ASSETS_COLLECTION__BACKOFF_MULT": "0.01",
        **more,
    }


def words(
    folder: Path, *more: str, users: str = "# mine\n@Sun_Diary\r\nhttps://instagram.com/sea.walks/\n"
) -> list[str]:
    (folder / "users.csv").write_text(users)
    return ["scrape-users", "--user-file", "users.csv", "--output-dir", "scraped", *more]


def shortcodes(path: Path) -> list[str]:
    records = [line["record"] for line in json.loads(path.read_bytes())]
    return [record["shortcode"] for record in records if "shortcode" in record]


def expected(site: InstagramSiteServer, name: str, posts: int) -> list[str]:
    return [post.shortcode for post in site.people[name].shown()[:posts]]


def run(folder: Path, site: InstagramSiteServer, *more: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return commands.run(*words(folder, *FAST, *more), cwd=folder, environment=environment(site, **variables))


def test_each_user_becomes_a_file_once_and_the_same_command_again_asks_nothing(
    site: InstagramSiteServer, tmp_path: Path
) -> None:
    first = run(tmp_path, site, "--posts-per-user", "24")
    assert first.returncode == 0, first.stderr
    assert sorted(path.name for path in (tmp_path / "scraped").iterdir()) == ["sea.walks.json", "sun_diary.json"]
    for name in USERS:
        assert shortcodes(tmp_path / "scraped" / f"{name}.json") == expected(site, name, 24)
    assert "[1/2] sun_diary: complete, 24 posts, 2 requests; about " in first.stderr
    assert "[2/2] sea.walks: complete, 24 posts, 2 requests\n" in first.stderr
    assert "scraped/sun_diary.json" in first.stdout
    count = len(site.asked)
    again = run(tmp_path, site, "--posts-per-user", "24")
    assert again.returncode == 0, again.stderr
    assert "2 of 2 users have their file already; --again collects them anew" in again.stderr
    assert len(site.asked) == count == 4
    anew = run(tmp_path, site, "--again", "--posts-per-user", "12")
    assert anew.returncode == 0, anew.stderr
    assert shortcodes(tmp_path / "scraped" / "sun_diary.json") == expected(site, "sun_diary", 12)


def test_what_it_writes_is_read_as_an_export_and_as_texts_of_users(site: InstagramSiteServer, tmp_path: Path) -> None:
    done = run(tmp_path, site)
    assert done.returncode == 0, done.stderr
    found = read_export(*(tmp_path / "scraped" / f"{name}.json" for name in USERS))
    read = {*found.posts["shortcode"].to_pylist(), *found.reels["shortcode"].to_pylist()}
    assert read == {post.shortcode for name in USERS for post in site.people[name].posts}
    assert sorted(found.profiles["account"].to_pylist()) == sorted(USERS)
    assert found.quarantine.num_rows == 0
    texts = {row["username"]: len(row["texts"]) for row in texts_of_folder(tmp_path / "scraped").to_pylist()}
    assert texts == {name: sum(post.caption != "" for post in site.people[name].posts) for name in USERS}


def test_a_login_is_used_and_stands_in_nothing_that_is_written(site: InstagramSiteServer, tmp_path: Path) -> None:
    cookies = {"sessionid": SESSION, "csrftoken": "canary-csrf", "ds_user_id": "77"}
    lines = [f".instagram.com\tTRUE\t/\tTRUE\t0\t{name}\t{value}" for name, value in cookies.items()]
    secret = tmp_path / "cookies.txt"
    secret.write_text("# Netscape HTTP Cookie File\n" + "\n".join(lines) + "\n")
    secret.chmod(0o600)
    done = run(tmp_path, site, INSTAGRAM_ASSETS_COLLECTION__COOKIE_FILE="cookies.txt")
    assert done.returncode == 0, done.stderr
    assert all(one.logged_in for one in site.asked)
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path != secret]
    for value in (SESSION, "canary-session", "canary-csrf"):
        assert value not in done.stdout + done.stderr
        assert not any(value.encode() in path.read_bytes() for path in written)


@pytest.mark.parametrize(
    ("more", "variables", "problem"),
    [
        ((), {"INSTAGRAM_ASSETS_COLLECTION__PURPOSE": ""}, "INSTAGRAM_ASSETS_COLLECTION__PURPOSE is empty"),
        ((), {"INSTAGRAM_ASSETS_COLLECTION__ALLOWED": ""}, "INSTAGRAM_ASSETS_COLLECTION__ALLOWED is empty"),
        ((), {"INSTAGRAM_ASSETS_COLLECTION__ALLOWED": "moon, sun_diary"}, "sea.walks: is not among the accounts"),
        (("--ratelimit", "5/60"), {}, "'5/60' is no rate. Write CALLS,SECONDS"),
        (("--ratelimit", "1,0"), {}, "'1,0' is no rate that can be kept"),
        (("--backoff-mult", "0"), {}, "BACKOFF_MULT=0.0: input should be greater than 0"),
        (("--backoff-exp", "1"), {}, "BACKOFF_EXP=1.0: input should be greater than 1"),
        (("--posts-per-user", "0"), {}, "POSTS_PER_ACCOUNT=0: input should be greater than or equal to 1"),
        (("--newer-than", "yesterday"), {}, "'yesterday': not a day"),
        (("--useproxies",), {}, "--useproxies: proxies are not fetched."),
        (("--proxies", "users.csv"), {}, "users.csv: holds what is no proxy (line 2: "),
        ((), {"INSTAGRAM_ASSETS_COLLECTION__COOKIE_FILE": "cookies.txt"}, "cookies.txt: does not exist"),
    ],
)
@pytest.mark.bad_input("setting out of range")
def test_a_mistake_is_told_before_anything_is_asked(
    site: InstagramSiteServer, tmp_path: Path, more: tuple[str, ...], variables: dict[str, str], problem: str
) -> None:
    done = commands.run(*words(tmp_path, *more), cwd=tmp_path, environment=environment(site, **variables))
    assert done.returncode == 1
    assert problem in done.stderr
    assert site.asked == []


def test_a_line_that_names_no_user_is_told_before_anything_is_asked(site: InstagramSiteServer, tmp_path: Path) -> None:
    command = words(tmp_path, users="sun_diary\nsea walks\n#육아일기\n")
    done = commands.run(*command, cwd=tmp_path, environment=environment(site))
    assert done.returncode == 1
    assert "users.csv: 2 lines name no account." in done.stderr
    assert "line 2, sea walks: " in done.stderr
    assert "line 3, #육아일기: " in done.stderr
    assert site.asked == []


@pytest.mark.bad_input("limit that never binds")
def test_a_limit_that_never_binds_is_a_warning(site: InstagramSiteServer, tmp_path: Path) -> None:
    done = run(tmp_path, site, "--ratelimit", "1000,2", "--ratelimit", "3000,2", "--posts-per-user", "12")
    assert done.returncode == 0, done.stderr
    assert "The limit 3000,2 can never bind: 1000,1 already allows at most 2,000 requests in 2 seconds." in done.stderr


def test_one_user_that_fails_ends_nothing_for_the_others(site: InstagramSiteServer, tmp_path: Path) -> None:
    refusals = {"gone": MISSING, "closed": PRIVATE}
    site.script = lambda asked: refusals.get(asked.subject)
    names = "gone, closed, sun_diary"
    command = words(tmp_path, *FAST, "--posts-per-user", "12", users="gone\nclosed\nsun_diary\n")
    allowed = environment(site, INSTAGRAM_ASSETS_COLLECTION__ALLOWED=names)
    done = commands.run(*command, cwd=tmp_path, environment=allowed)
    assert done.returncode == 0, done.stderr
    assert "[1/3] gone: not found, 1 request" in done.stderr
    assert "[2/3] closed: private, 1 request" in done.stderr
    assert [path.name for path in (tmp_path / "scraped").iterdir()] == ["sun_diary.json"]
    count = len(site.asked)
    nothing = commands.run(*words(tmp_path, *FAST, users="gone\nclosed\n"), cwd=tmp_path, environment=allowed)
    assert nothing.returncode == 1
    assert "Nothing could be collected. The lines above say why." in nothing.stderr
    assert len(site.asked) == count


def test_a_checkpoint_ends_all_requests_until_a_person_says_that_it_is_cleared(
    site: InstagramSiteServer, tmp_path: Path
) -> None:
    site.script = lambda asked: CHECKPOINT if asked.number == 2 else None
    first = run(tmp_path, site, "--posts-per-user", "24", "--json")
    assert first.returncode == 1
    assert "stopped" in first.stderr
    assert "instagram-assets collect --cleared" in first.stderr
    assert [one["outcome"] for one in json.loads(first.stdout)["collected"]] == ["stopped", "not_asked"]
    again = run(tmp_path, site, "--posts-per-user", "24")
    assert again.returncode == 1
    assert len(site.asked) == 2
    cleared = commands.run("collect", "--cleared", cwd=tmp_path, environment=environment(site))
    assert cleared.returncode == 0, cleared.stderr
    assert "instagram:anonymous may ask again" in cleared.stderr
    done = run(tmp_path, site, "--posts-per-user", "24")
    assert done.returncode == 0, done.stderr
    assert [shortcodes(tmp_path / "scraped" / f"{name}.json") for name in USERS] == [
        expected(site, name, 24) for name in USERS
    ]
    assert len(site.answered) == len(set(site.answered)) == 4


def test_who_does_not_wait_for_a_pause_is_told_when_to_go_on_and_what_came_is_kept(
    site: InstagramSiteServer, tmp_path: Path
) -> None:
    site.script = lambda asked: LIMIT if asked.number == 2 else None
    first = run(tmp_path, site, "--posts-per-user", "24", "--no-wait")
    assert first.returncode == 1
    assert "2 of 2 are not whole yet (the first may go on at " in first.stderr
    again = run(tmp_path, site, "--posts-per-user", "24", "--no-wait")
    assert again.returncode == 1
    assert len(site.asked) == 2
    assert list((tmp_path / "scraped").glob("*.json")) == []


def test_ctrl_c_leaves_what_the_same_command_goes_on_with(site: InstagramSiteServer, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "instagram_assets.cli", *words(tmp_path, *FAST, "--posts-per-user", "30")]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(site), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:

        def stop(asked: Asked) -> None:
            if asked.number == 5:
                process.send_signal(signal.SIGINT)

        site.before = stop
        _, told = process.communicate()
    assert process.returncode == 130, told
    assert "Stopped: 1 of 2 accounts done, and every page that came is kept. Run the same command again" in told
    site.before = lambda _: None
    done = run(tmp_path, site, "--posts-per-user", "30")
    assert done.returncode == 0, done.stderr
    for name in USERS:
        assert shortcodes(tmp_path / "scraped" / f"{name}.json") == expected(site, name, 30)
    stored = [one for one in site.answered if site.answered.count(one) > 1]
    assert len(set(stored)) <= 1  # the page that was on its way when Ctrl-C came
