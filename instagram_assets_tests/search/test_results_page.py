"""From pages to addresses: originals, placeholders, what a page says of itself, and pages that somebody saved."""

from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from instagram_assets.errors import (
    ConsentPageError,
    FileError,
    NoResultsError,
    NothingMatchedError,
    SearchRequestError,
    SettingsError,
)
from instagram_assets.search.image_search import LONGEST_QUERY, clean_query, read_saved_results
from instagram_assets.search.results_page import image_address, unwrap
from instagram_assets.search.search_sites import load_site

SITE = load_site("naver")
SIGNS = "-._~:/?#[]@!$&'()*+,;=% "

paths = st.text(st.characters(exclude_categories=["Cc", "Cs"]) | st.sampled_from(SIGNS), max_size=60)
hosts = st.from_regex(r"[a-z]{1,8}\.(example|com)", fullmatch=True)
originals = st.builds("{}://{}/{}".format, st.sampled_from(["http", "https"]), hosts, paths)


def wrapped(original: str, host: str = "search.pstatic.net") -> str:
    return f"https://{host}/common/?src={quote(original, safe='')}&type=a340"


def ascii_address(address: str) -> str:
    """The address as it goes over the wire: without fragment and empty query, all but ASCII's signs escaped."""
    path, mark, query = address.partition("#")[0].strip().partition("?")
    return quote(f"{path}{mark}{query}" if query else path, safe="%/?[]@!$&'()*+,;=:~")


@given(originals)
def test_a_thumbnail_gives_its_original_and_stays_as_fallback(original: str) -> None:
    thumbnail = wrapped(original)
    assert unwrap(thumbnail, SITE) == (ascii_address(original), thumbnail)


@given(originals, st.integers(1, 3))
@example("http://a.example/?", 1)
def test_a_thumbnail_of_a_thumbnail_gives_the_original(original: str, times: int) -> None:
    address = original
    for _ in range(times):
        address = wrapped(address)
    assert unwrap(address, SITE)[0] == ascii_address(original)


@given(st.text() | st.text(alphabet="htps:/[]%.?=&src#@ \n"))
def test_any_text_is_an_address_in_ascii_or_none(text: str) -> None:
    address = image_address({"src": text, "data-src": text[::-1]}, SITE)
    assert address.isascii()
    assert not address or urlsplit(address).hostname
    assert unwrap(address, SITE)[0].isascii()


@pytest.mark.parametrize(
    ("address", "original"),
    [
        (wrapped("http://blog.example/a+b%20c.jpg"), "http://blog.example/a+b%20c.jpg"),
        (wrapped("https://blog.example/고양이.jpg"), "https://blog.example/%EA%B3%A0%EC%96%91%EC%9D%B4.jpg"),
        (wrapped("https://a.example/x.jpg", host="pstatic.net"), "https://a.example/x.jpg"),
        ("https://search.pstatic.net/common/?type=a&src=https%3A%2F%2Fa.example", "https://a.example"),
        (wrapped("javascript:alert(1)"), ""),
        (wrapped("file:///etc/passwd"), ""),
        (wrapped("https://a.example/x.jpg", host="notpstatic.net"), ""),
        ("https://search.pstatic.net/common/?type=a340", ""),
        ("https://img.pstatic.net/plain.jpg", ""),
    ],
)
def test_only_the_sites_own_thumbnails_are_unwrapped(address: str, original: str) -> None:
    assert unwrap(address, SITE) == ((original, address) if original else (address, ""))


@pytest.mark.parametrize(
    ("attributes", "address"),
    [
        ({"src": "https://a.example/x.jpg"}, "https://a.example/x.jpg"),
        ({"src": "//a.example/x.jpg"}, "https://a.example/x.jpg"),
        ({"src": "data:image/gif;base64,R0", "data-src": "https://a.example/x.jpg"}, "https://a.example/x.jpg"),
        ({"src": "https://a.example/x.jpg", "data-lazy-src": "https://a.example/y.jpg"}, "https://a.example/y.jpg"),
        ({"src": "https://a.example/blank.gif", "data-source": "https://a.example/y.jpg"}, "https://a.example/y.jpg"),
        ({"src": "https://a.example/x.jpg", "data-lazy-src": ""}, "https://a.example/x.jpg"),
        ({"src": "data:image/gif;base64,R0"}, ""),
        ({"src": "https://a.example/static/blank.gif"}, ""),
        ({"src": "https://a.example/x.jpg", "width": "1", "height": "1"}, ""),
        ({"src": "/relative.jpg"}, ""),
        ({"src": "blob:https://a.example/1"}, ""),
        ({"src": "https://[broken/x.jpg"}, ""),
        ({"src": "https://a.example:port/x.jpg"}, ""),
        ({"src": "https://a.example/" + "x" * 10_000}, ""),
        ({"alt": "none"}, ""),
    ],
)
def test_placeholders_are_no_images(attributes: dict[str, str], address: str) -> None:
    assert image_address(attributes, SITE) == address


def saved(tmp_path: Path, body: str) -> Path:
    file = tmp_path / "page.html"
    file.write_text(f"<html><head><title>제목</title></head><body>{body}</body></html>", encoding="utf-8")
    return file


def test_a_saved_page_is_read_without_a_browser(tmp_path: Path) -> None:
    tiles = "".join(
        f'<div class="tile_item _fe_image_tab_content_tile"><img class="_fe_image_tab_content_thumbnail_image" '
        f'src="{wrapped(f"https://a.example/{number % 5}.jpg").replace("&", "&amp;")}"></div>'
        for number in range(8)
    )
    report = read_saved_results(saved(tmp_path, f"<img src='https://a.example/logo.png'>{tiles}"), SITE)
    assert [(hit.rank, hit.url) for hit in report.hits] == [
        (number + 1, f"https://a.example/{number}.jpg") for number in range(5)
    ]
    assert report.hits[0].fallback_url == wrapped("https://a.example/0.jpg")
    assert report.selector == SITE.selectors[0]
    assert report.title == "제목"
    assert report.counts[SITE.selectors[1]] == 8


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("<div class=api_noresult_wrap>'x'에 대한 검색결과가 없습니다.</div>", NoResultsError),
        ("<img data-source='https://a.example/logo.png'><p>'x'에 대한 검색결과가 없습니다.", NoResultsError),
        ("<form action='/consent/save'></form>", ConsentPageError),
        ("<p>비정상적인 접근이 감지되었습니다", ConsentPageError),
        ("<!-- saved from url=(0026)https://nid.naver.com/login --><form></form>", ConsentPageError),
        ("<p>nothing", NothingMatchedError),
        ("", NothingMatchedError),
        ("<img class='_img' src='data:image/gif;base64,R0'>", NothingMatchedError),
    ],
)
def test_a_page_without_images_is_never_an_empty_answer(tmp_path: Path, body: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_saved_results(saved(tmp_path, body), SITE)


def test_a_caption_among_results_cannot_stop_the_search(tmp_path: Path) -> None:
    page = saved(tmp_path, "<p>비정상적인 접근</p><img class='_img' src='https://a.example/x.jpg'>")
    assert len(read_saved_results(page, SITE).hits) == 1


THUMBNAIL = '<img class="_fe_image_tab_content_thumbnail_image" {}>'
PLACEHOLDER = 'src="data:image/gif;base64,R0lGODlhAQABAAAAACw="'
NEW_MARKUP = "the markup is new"


@pytest.mark.parametrize("name", ["data-lazysrc", "data-original", "data-thumb-url"])
def test_of_an_address_in_another_attribute_the_attribute_is_told(tmp_path: Path, name: str) -> None:
    body = THUMBNAIL.format(f'{PLACEHOLDER} {name}="https://a.example/cat.jpg"') * 3
    with pytest.raises(NothingMatchedError) as caught:
        read_saved_results(saved(tmp_path, body), SITE)
    said = str(caught.value)
    assert f"They have addresses in {name} (3 of them: https://a.example/cat.jpg)" in said
    assert f"put '{name}' first in `attributes`" in said
    assert NEW_MARKUP not in said
    attributes = SITE.model_copy(update={"attributes": (name, *SITE.attributes)})
    assert [hit.url for hit in read_saved_results(saved(tmp_path, body), attributes).hits] == [
        "https://a.example/cat.jpg"
    ]


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        (
            'src="./고양이 _ 네이버_files/saved_resource(0)"',
            "saved with its pictures, so their addresses are gone: save it",
        ),
        ('src="고양이_files/a340.jpg"', "saved with its pictures, so their addresses are gone: save it"),
        (f'src="data:image/jpeg;base64,{"A" * 4000}"', "saved with its pictures inside, so their addresses are gone"),
        (PLACEHOLDER, "src=data:image/gif;base64,R0lGODlhAQABAAAAACw=), which the page replaces"),
        ('src="https://a.example/blank.gif"', "scroll to its end until the pictures show"),
        ('alt="none"', "scroll to its end until the pictures show"),
    ],
)
def test_a_saved_page_without_addresses_says_how_to_save_it(tmp_path: Path, attributes: str, said: str) -> None:
    with pytest.raises(NothingMatchedError) as caught:
        read_saved_results(saved(tmp_path, THUMBNAIL.format(attributes)), SITE)
    assert said in str(caught.value)
    assert "HTML Only" in str(caught.value)
    assert NEW_MARKUP not in str(caught.value)


def test_a_selector_is_asked_for_where_none_matched(tmp_path: Path) -> None:
    with pytest.raises(NothingMatchedError, match=f"{NEW_MARKUP}: copy search_sites.toml, put the new selector first"):
        read_saved_results(saved(tmp_path, "<img class=new src=./a.jpg>"), SITE)


@pytest.mark.parametrize("coding", ["quoted-printable", "base64", "8bit"])
def test_a_page_saved_as_an_archive_of_one_file_is_read(tmp_path: Path, coding: str) -> None:
    url = "https://search.naver.com/search.naver?where=image&query=%EA%B3%A0"
    page = EmailMessage()
    picture = THUMBNAIL.format('src="https://a.example/cat.jpg"')
    page.set_content(f"<title>고양이</title>{picture * 2}", subtype="html", cte=coding)
    page["Content-Location"] = url
    whole = EmailMessage()
    whole["From"], whole["Snapshot-Content-Location"] = "<Saved by Blink>", url
    whole.make_related()
    whole.attach(page)
    whole.add_related(b"\xff\xd8\xff", "image", "jpeg", cid="<x>")
    file = tmp_path / "page.mhtml"
    file.write_bytes(whole.as_bytes(policy=SMTP.clone(cte_type="8bit")))
    report = read_saved_results(file, SITE)
    assert ([hit.url for hit in report.hits], report.title, report.url) == (
        ["https://a.example/cat.jpg"],
        "고양이",
        url,
    )


@pytest.mark.parametrize(
    ("head", "said"), [(b"bplist00", "web archive of Safari"), (b"%PDF-1.7", "PDF"), (b"PK\x03\x04", "zip file")]
)
def test_what_is_no_page_is_named_with_what_to_save(tmp_path: Path, head: bytes, said: str) -> None:
    (tmp_path / "page.html").write_bytes(head + bytes(100))
    with pytest.raises(FileError, match=rf"{said}.*Save the page as HTML"):
        read_saved_results(tmp_path / "page.html", SITE)


@pytest.mark.parametrize("data", [b"<" * 10_000, "<img 고양이".encode("cp949")])
def test_a_file_that_is_hardly_a_page_has_no_images(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "page.html"
    file.write_bytes(data)
    with pytest.raises(NothingMatchedError, match="no selector"):
        read_saved_results(file, SITE)


def test_a_page_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    for file in (tmp_path, tmp_path / "missing.html"):
        with pytest.raises(FileError, match=str(file)):
            read_saved_results(file, SITE)


@given(st.text())
def test_a_query_is_refused_or_arrives_unchanged(text: str) -> None:
    try:
        query = clean_query(text)
    except SearchRequestError:
        return
    assert query == clean_query(query)
    parts = urlsplit(SITE.address(query))
    assert (parts.hostname, parts.path) == ("search.naver.com", "/search.naver")
    assert parse_qs(parts.query) == {"where": ["image"], "query": [query]}


@pytest.mark.parametrize(
    "query", ["고양이", "🐈‍⬛ 고양이", "../../etc/passwd", "a/b\\c", "..", "{query}", "100%", "x" * LONGEST_QUERY]
)
def test_emoji_slashes_and_dots_are_words(query: str) -> None:
    assert clean_query(f"  {query} ") == query


def test_a_word_typed_on_a_mac_is_the_same_word() -> None:
    assert clean_query("\u1100\u1169\u110b\u1163\u11bc\u110b\u1175") == "고양이"


@pytest.mark.parametrize("query", ["", " \t\n ", "x" * 500, "a\0b", "a\nb", "a\x7fb", "a\u2028b", "\ud800"])
def test_a_query_that_cannot_be_typed_is_refused(query: str) -> None:
    with pytest.raises(SearchRequestError, match="search word"):
        clean_query(query)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[naver]\nurl = 3", "url"),
        ("[naver]\nurl = 'ftp://x/{query}'\nselectors = ['img']", "an http address"),
        ("[naver]\nurl = 'https://x/'\nselectors = ['img']", "{query}"),
        ("[naver]\nurl = 'https://x/{query}'\nselectors = []", "selectors"),
        ("[naver]\nurl = 'https://x/{query}'\nselectors = ['a >']", "'a >': not understood"),
        ("[naver]\nurl = 'https://x/{query}'\nselectors = ['img']\nselector = 'x'", "selector"),
        ("[other]\nurl = 'x'", "no site 'naver'. It has: other"),
        ("[naver", "cannot be read as TOML"),
    ],
)
def test_a_sites_file_is_checked_and_the_mistake_named(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "sites.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_site("naver", str(file))
    assert str(file) in str(caught.value)
    assert problem in str(caught.value)
