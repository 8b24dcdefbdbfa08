"""How people write what leads to somebody: addresses, @names, and numbers of telephones and accounts.

One place for all of it, which comments and exports read alike. Prices, dates, years and sizes are nobody's: a number
counts by its form, never by its length alone.
"""

import re
from functools import cache

from instagram_assets.account_words import UNSEEN

EMAIL, PHONE, LINK = "[e-mail]", "[phone]", "[link]"
"""What stands in the place of an e-mail address; of a number of a telephone, a bank account or a resident; and of a web
address or an id that leads to a post or a profile."""

NAME = r"[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*"
"""The name of an account."""

_AT = r"(?:[@＠﹫]|%40|&\#0*64;|&\#[xX]0*40;|&commat;)"
# An address ends where a hashtag in another script is glued to it, and never with what ends a sentence.
_IN_LINK = r"(?:(?!#[^!-~])[!-~])*(?<![.,;:!?)\]}'\"])"
_DOMAIN = r"(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,24}"
# Where the first part of the host says whose it is.
_HOMES = (
    r"(?:tistory\.com|blogspot\.(?:com|kr)|wordpress\.com|tumblr\.com|github\.io|carrd\.co|notion\.(?:site|so)|imweb\.me"
    r"|modoo\.at|cafe24\.com|egloos\.com|substack\.com|wixsite\.com|weebly\.com|bandcamp\.com|myshopify\.com|ameblo\.jp)"
)
_MAIL_HOSTS = (
    r"(?:(?:naver|daum|gmail|kakao|nate|hotmail|outlook|icloud|yahoo|live|qq|163)\.com|hanmail\.net|(?:daum|nate)\.net"
    r"|(?:yahoo|naver|hotmail)\.co\.(?:kr|jp|uk))"
)
_LOCAL = "A-Za-z0-9._%+\\-\u00c0-\u024f"
# With `at` and `dot` in words a space may stand beside them.
_SPELT_AT = r"(?:[(\[{<] ?(?:at|앳|골뱅이) ?[)\]}>]|골뱅이)"
_SPELT_DOT = r"(?:\.|[(\[{<] ?(?:dot|닷|점) ?[)\]}>])"
_GAP = r"[\s().\-/·•∙・~_ㅡ‐-―−－．ー]"
_MOBILE = r"[0０][1１][016789０１６７８９]"
_LINE = r"[0０]\d{1,3}"
_SPELT = "공영일이삼사오육칠팔구"
_SERVICE = r"1(?:522|533|544|566|577|588|599|644|661|666|670|688|811|833|855|877|899)"

_PHONES = (
    # 82-10-1234-5678, +82 (0)10 1234 5678
    rf"(?<!\d)(?:\(?[+＋])?82{_GAP}{{0,3}}[0０]?{_GAP}{{0,2}}[1１]\d{_GAP}{{0,3}}\d{{3,4}}{_GAP}{{0,3}}\d{{4}}(?!\d)",
    # +82 2-123-4567, +1 (555) 123-4567, (+82)10 …, 0082-10-…
    rf"(?<!\d)\(?[+＋]\d(?:{_GAP}{{0,3}}\d){{7,14}}",
    rf"(?<!\d)[0０]{{2}}[1-9](?:{_GAP}{{0,3}}\d){{8,13}}(?!\d)",
    # 010-1234-5678 in all its forms, (02) 123 4567, 0505-123-4567
    rf"(?<!\d)\(?{_MOBILE}{_GAP}{{0,4}}\d{{3,4}}{_GAP}{{0,4}}\d{{4}}(?!\d)",
    rf"(?<!\d)(?<!\d[-/.:])\(?{_LINE}{_GAP}{{0,3}}\d{{3,4}}{_GAP}{{0,3}}\d{{4}}(?!\d)",
    r"(?<!\d)(?<!\d[-/.,])10[-.·]\d{4}[-.·]\d{4}(?!\d)",
    r"(?<!\d)(?<!\d[.,])0\d{3,4}[ \u00a0]\d{6}(?!\d)",  # 07911 123456
    r"(?<!\d)(?<!\d[.,])(?<!\d[-/:])0\d(?:[ .\-]\d\d){4}(?!\d)",  # 06 12 34 56 78
    r"(?<!\d)(?<!\d[.,])(?<!\d[-/])(?:\(\d{3}\) ?\d{3}[ .\-]|\d{3}[-.]\d{3}[-.])\d{4}(?!\d|[-.]\d)",  # (555) 123-4567
    rf"(?<!\d)(?<!\d[.,])(?<!\d[-/]){_SERVICE}[ \-]\d{{4}}(?!\d)",  # 1588-1234
    r"(?<!\d)(?<!\d[.,])(?<!\d[-/])1[68]00-(?!1[5-9]|20)\d{4}(?!\d)",
    # 공일공 일이삼사 오육칠팔, 공1공-1234-5678, 010-일이삼사-오육칠팔, O1O-1234-5678
    rf"(?<![A-Za-z0-9])[공영0０oO][일1１lI][공영0０oO](?:{_GAP}{{0,3}}[{_SPELT}\d]){{7,8}}",
)
_NUMBERS = (
    # A resident's number, whose first half is a date of birth.
    r"(?<!\d)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\s?[-–~]\s?[1-8]\d{6}(?!\d)",
    # A bank account: three or four parts, of which one has five digits or more, as no date and no size does.
    r"(?<!\d)(?<!\d[.,])(?<!\d[-/])(?=[\d-]*\d{5})(?=(?:\d-?){10,16}(?![\d-]))\d{2,8}(?:-\d{2,8}){2,3}(?![\d]|-\d)",
)

_KINDS: dict[str, str] = {
    "link": rf"(?P<link>(?<![A-Za-z0-9])(?:(?i:https?)://|(?i:www)\.){_IN_LINK}"
    rf"|(?<![A-Za-z0-9.@_-])(?:{_DOMAIN}/{_IN_LINK}|(?:[A-Za-z0-9-]+\.)+(?i:{_HOMES})(?![A-Za-z0-9_-])))",
    # No run of letters is looked through more than once, so that a long one takes no long time.
    "at": rf"(?P<mail>(?<![{_LOCAL}])[{_LOCAL}]+{UNSEEN}*(?:(?<!\.){_AT}\s?|\s{_AT}\s){UNSEEN}*{_DOMAIN}"
    r"(?![A-Za-z0-9_])"
    rf"|(?<![\w.%+\-])[\w.%+\-]+\s?{_AT}\s?(?i:{_MAIL_HOSTS})(?![A-Za-z0-9_])"
    rf"|(?<![{_LOCAL}])[{_LOCAL}]+ ?{_SPELT_AT} ?[A-Za-z0-9-]+(?: ?{_SPELT_DOT} ?[A-Za-z0-9-]+)+)"
    rf"|(?P<sign>{_AT}{UNSEEN}*)(?P<name>{NAME}|\w+)"
    # Behind a space only what cannot be an ordinary word: `@ home`, `@ 7pm`.
    rf"|(?P<spaced>{_AT}\s)(?P<apart>(?=[A-Za-z_])(?=[A-Za-z]*[0-9_.][A-Za-z0-9_]){NAME})",
    # What no number begins with is passed over at once.
    "phone": rf"(?P<phone>(?=[\d(+＋공영oO])(?:{'|'.join((*_PHONES, *_NUMBERS))}))",
}
"""Everything that leads to somebody, by what is looked for together: groups say what it is."""

_SIGNS: dict[str, re.Pattern[str]] = {
    # Each begins with letters, not with a set of them: such are found fast.
    "link": re.compile(rf"://|w(?i:ww)\.|W(?i:ww)\.|\.(?:[A-Za-z]{{2,24}}/|(?i:{_HOMES}))"),
    "at": re.compile(r"@|＠|﹫|%40|&#|&commat|골뱅이|앳|\( ?at|\[ ?at|\{ ?at|< ?at"),
    "phone": re.compile(rf"\d(?:{_GAP}{{0,5}}\d){{7}}|[공영0０oO][일1１lI][공영0０oO]"),
}
"""What stands in every text in which something of a kind does."""


def personal_in(text: str) -> re.Pattern[str] | None:
    """A pattern that finds all that leads to somebody in this very text; null when nothing does."""
    kinds = tuple(kind for kind, sign in _SIGNS.items() if sign.search(text))
    return _finder(kinds) if kinds else None


@cache
def _finder(kinds: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(_KINDS[kind] for kind in kinds))


_PRICE_BEFORE = re.compile(r"(?<!\d)\d{1,3}(?:,\d{3})*,$")
_YEAR_AND_MONTH_BEFORE = re.compile(r"(?<!\d)\d{4}\s?[-./년]\s?\d{1,2}\s?[-./월]\s?$")
_DAY = re.compile(r"[0-3]\d(?!\d)")


def is_number_of_somebody(found: re.Match[str]) -> bool:
    """False for what has a telephone's form by chance: the end of a price or date, such as 12,010 1234 5678."""
    before = found.string[max(0, found.start() - 20) : found.start()]
    if _PRICE_BEFORE.search(before):
        return False
    return not (_DAY.match(found[0]) and _YEAR_AND_MONTH_BEFORE.search(before))
