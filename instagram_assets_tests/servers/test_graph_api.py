"""The stand-in of the Graph API is as strict as the real one: what it would not answer there is refused here."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from instagram_assets.collect.site_adapter import Request
from instagram_assets.demo.graph_api_data import graph_hashtag
from instagram_assets.demo.graph_api_fields import InvalidFieldsError, QueryField, parse_fields
from instagram_assets.demo.graph_api_server import HASHTAGS_PER_WEEK, WEEK_SECONDS
from instagram_assets_tests.collect.graph import BEGIN, DIARY, SUN, Desk, desk

DISCOVERY = "business_discovery.username(sun_diary)"


def asked(at: Desk, place: str, **params: str) -> dict[str, object]:
    """The content of an answer to a request with the token."""
    headers = {"authorization": f"Bearer {at.graph.token}"}
    return json.loads(at.requester.send(Request(f"{at.graph.url}/v25.0/{place}", "it", params, headers=headers)).body)


def code(content: dict[str, object]) -> object:
    error = content["error"]
    assert isinstance(error, dict)
    return error["code"]


def test_fields_are_a_tree_with_what_stands_behind_their_dots() -> None:
    (discovery,) = parse_fields("business_discovery.username(a.b){id,media.after(X=).limit(5){id,children{media_url}}}")
    assert discovery.arguments == {"username": "a.b"}
    media = discovery.within("media")
    assert media
    assert media.arguments == {"after": "X=", "limit": "5"}
    assert media.fields == [QueryField("id"), QueryField("children", fields=[QueryField("media_url")])]


@pytest.mark.parametrize("text", ["", "id,", "a{b", "a.b", "a.b(c", "a}", "A"])
def test_fields_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InvalidFieldsError):
        parse_fields(text)


def test_only_what_was_asked_for_comes_and_the_id(tmp_path: Path) -> None:
    with desk(tmp_path, [SUN]) as at:
        about = asked(
            at, at.graph.own_id, fields=f"{DISCOVERY}{{followers_count,media.limit(1){{like_count,caption}}}}"
        )
        post = SUN.posts[0]
        assert about["business_discovery"] == {
            "followers_count": SUN.followers,
            "id": SUN.id,
            "media": {
                "data": [{"caption": post.caption, "like_count": post.likes, "id": post.id}],
                "paging": {"cursors": {"after": "MQ=="}},
            },
        }


@pytest.mark.parametrize(
    "fields",
    ["likes", "media{owner}", "media{children{caption}}", "media.after(zz){id}", "media{id", "media.limit(1{id}"],
)
def test_an_unknown_field_fails_the_whole_request(tmp_path: Path, fields: str) -> None:
    with desk(tmp_path, [SUN]) as at:
        assert code(asked(at, at.graph.own_id, fields=f"{DISCOVERY}{{{fields}}}")) == 100


def test_of_a_hashtag_the_owner_cannot_be_asked_for(tmp_path: Path) -> None:
    with desk(tmp_path, [], [DIARY]) as at:
        assert code(asked(at, f"{DIARY.id}/recent_media", user_id="1", fields="id,username")) == 100


def test_a_hashtag_shows_24_hours_and_not_what_is_still_to_come(tmp_path: Path) -> None:
    with desk(tmp_path, [], [graph_hashtag("산책", BEGIN - timedelta(days=2), 4, 10)]) as at:
        tag = at.graph.hashtags["산책"]
        content = asked(at, f"{tag.id}/recent_media", user_id="1", fields="id", limit="50")
        shown = {post.id for post in tag.posts if BEGIN - timedelta(days=1) < post.taken_at <= BEGIN}
        assert isinstance(content["data"], list)
        assert {node["id"] for node in content["data"]} == shown
        assert len(shown) == 10


def test_the_31st_hashtag_of_seven_days_is_refused_and_the_first_leaves_after_them(tmp_path: Path) -> None:
    tags = [graph_hashtag(f"tag{number}", BEGIN, 1, 1) for number in range(HASHTAGS_PER_WEEK + 1)]
    with desk(tmp_path, [], tags) as at:
        for tag in tags[:-1]:
            assert "data" in asked(at, "ig_hashtag_search", user_id="1", q=tag.name)
        assert code(asked(at, "ig_hashtag_search", user_id="1", q=tags[-1].name)) == 18
        assert "data" in asked(at, "ig_hashtag_search", user_id="1", q=tags[0].name)
        at.clock.sleep(WEEK_SECONDS)
        assert "data" in asked(at, "ig_hashtag_search", user_id="1", q=tags[-1].name)


def test_a_token_in_an_address_is_told_and_refused(tmp_path: Path) -> None:
    with pytest.raises(AssertionError), desk(tmp_path, [SUN]) as at:
        assert code(asked(at, at.graph.own_id, fields=DISCOVERY, access_token=at.graph.token)) == 190


@pytest.mark.parametrize("header", [{}, {"authorization": "Bearer other"}])
def test_without_the_token_nothing_is_answered(tmp_path: Path, header: dict[str, str]) -> None:
    with desk(tmp_path, [SUN]) as at:
        answer = at.requester.send(
            Request(f"{at.graph.url}/v25.0/{at.graph.own_id}", "it", {"fields": "id"}, headers=header)
        )
        assert (answer.status, code(json.loads(answer.body))) == (401, 190)
