"""Regular expressions of personal data in texts: addresses, @names, messenger ids, phone, bank and ID numbers.

Used for both comments and exports. Prices, dates, years and sizes are not personal: a number is personal because of its
format, never because of its length alone.
"""

import re
from functools import cache

from instagram_assets.schemas.account_names import UNSEEN

EMAIL, PHONE, LINK, HANDLE = "[e-mail]", "[phone]", "[link]", "[id]"
"""Placeholders for masked personal data: e-mail address; phone, bank account, card or resident registration number; URL
or id of a post or profile; messenger user name."""
PLACEHOLDERS = (EMAIL, PHONE, LINK, HANDLE)

ACCOUNT_NAME = r"[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*"
"""Pattern of an account name."""

NOT_A_NAME = (
    r"(?:\d{1,2}(?::\d\d)?(?:[aApP][mM](?![A-Za-z0-9_]|\.[A-Za-z0-9_])|(?=[시분층호관])|(?!\.[A-Za-z0-9_])(?!\w)))"
)
"""Pattern of a time or a small number after an @, which is not an account name: `@7pm`, `3@2`."""

_AT = r"(?:[@＠﹫]|%40|&\#0*64;|&\#[xX]0*40;|&commat;)"
# A URL ends before a hashtag in another script, and never includes final punctuation.
_IN_LINK = r"(?:(?!#[^!-~])[!-~])*(?<![.,;:!?)\]}'\"])"
_DOMAIN = r"(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,24}"
_ENDS = r"(?:kr|com|net|org|shop|store|co|io|me|KR|COM|NET|ORG|SHOP|STORE|CO|IO|ME)"
# Hosts of public services, which identify no person.
_OF_ALL = (
    r"(?i:(?:naver|google|gmail|youtube|instagram|facebook|tiktok|twitter|x|kakao|tistory|nate|coupang|amazon|netflix"
    r"|gmarket|musinsa|oliveyoung|kurly|yes24|cafe24|blogspot|wordpress|tumblr)\.com|(?:daum|hanmail|nate)\.net"
    r"|(?:kyobobook|aladin|11st|cgv|naver|google|yahoo)\.co\.kr|(?:t|naver|line)\.me)"
)
# A host without a path: two parts or more, with a letter in the one before the last.
_SITE = (
    rf"(?<![A-Za-z0-9_.%+@＠﹫\-])(?!{_OF_ALL}(?![A-Za-z0-9_.-]))(?=[0-9.-]*[A-Za-z])"
    rf"(?:[A-Za-z0-9][A-Za-z0-9-]*\.)*[A-Za-z0-9][A-Za-z0-9-]+\.{_ENDS}(?![A-Za-z0-9_@＠﹫/-]|\.[A-Za-z0-9_])"
)
# Hosts whose first label identifies the owner.
_HOMES = (
    r"(?:tistory\.com|blogspot\.(?:com|kr)|wordpress\.com|tumblr\.com|github\.io|carrd\.co|notion\.(?:site|so)|imweb\.me"
    r"|modoo\.at|cafe24\.com|egloos\.com|substack\.com|wixsite\.com|weebly\.com|bandcamp\.com|myshopify\.com|ameblo\.jp)"
)
_MAIL_HOSTS = (
    r"(?:(?:naver|daum|gmail|kakao|nate|hotmail|outlook|icloud|yahoo|live|qq|163)\.com|hanmail\.net|(?:daum|nate)\.net"
    r"|(?:yahoo|naver|hotmail)\.co\.(?:kr|jp|uk))"
)
_LOCAL = "A-Za-z0-9._%+\\-\u00c0-\u024f"
# With `at` and `dot` spelled out, spaces may surround them.
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
_ALONE = r"(?<!\d)(?<!\d[.,])(?<!\d[-/])"
# The last two letters of labels that precede an account or card number.
_BANKS = (
    "국민|신한|우리|하나|농협|기업|카뱅|토스|은행|뱅크|금고|마을|신협|수협|체국|부산|대구|광주|전북|경남|제주|제일|씨티|산업"
    "|계좌|입금|카드|KB|NH|MG|SC|BK"
)
_BEHIND_BANKS = (
    rf"(?<={_BANKS})|(?<=(?:{_BANKS})[ :：)])|(?<=(?:{_BANKS})[:：)] )|(?<=(?:{_BANKS}) [:：] )"
    r"|(?<=계좌번호)|(?<=계좌번호[ :：])|(?<=계좌번호[:：] )|(?<=계좌번호 [:：] )"
)
_DATE = r"(?:19|20)\d\d(?:(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])|-\d\d?-|-(?:19|20)\d\d)"
_NUMBERS = (
    # A resident registration number, whose first half is a date of birth.
    r"(?<!\d)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\s?[-–~]\s?[1-8]\d{6}(?!\d)",
    # 농협 301-0123-4567-81, 부산 112-2001-2345-06, 새마을금고 9002-1234-5678-9, 토스 1000-1234-5678
    rf"{_ALONE}\d{{3}}-\d{{4}}-\d{{4}}-\d\d(?!\d|-\d)",
    rf"{_ALONE}9\d{{3}}-\d{{4}}-\d{{4}}-\d(?!\d|-\d)",
    rf"{_ALONE}(?!(?:\d\d00-){{2}}\d\d00)10\d\d-\d{{4}}-\d{{4}}(?!\d|-\d)",
    # Payment cards: 4111-1111-1111-1111, 4111 1111 1111 1111, 3782 822463 10005; not years or round prices.
    rf"{_ALONE}(?!(?:\d\d00-){{3}}\d\d00)(?!(?:(?:19|20)\d\d-){{3}})\d{{4}}(?:-\d{{4}}){{3}}(?!\d|-\d)",
    rf"{_ALONE}(?<!\d )[3-9]\d{{3}}(?:[ \u00a0]\d{{4}}){{3}}(?!\d|-\d)",
    rf"{_ALONE}(?<!\d )3[47]\d\d[ \u00a0]\d{{6}}[ \u00a0]\d{{5}}(?!\d|-\d)",
    # Any number right after the name of a bank: 신한 110123456789, 하나은행: 12-1234-567890; but not a date.
    rf"{_ALONE}(?:{_BEHIND_BANKS})(?!{_DATE})(?:\d{{10,16}}(?![\d-])|(?=(?:\d-?){{10,16}}(?![\d-]))\d+(?:-\d+)+)",
    # Bank accounts: three or four parts, one with five digits or more, unlike dates and sizes.
    r"(?<!\d)(?<!\d[.,])(?<!\d[-/])(?=[\d-]*\d{5})(?=(?:\d-?){10,16}(?![\d-]))\d{2,8}(?:-\d{2,8}){2,3}(?![\d]|-\d)",
)

_MESSENGERS = (
    r"(?:카카오톡|카톡|카카오|오픈톡|텔레그램|인스타그램|인스타|위챗|왓츠앱|디스코드|스냅챗|틱톡|트위터|스레드"
    r"|(?<![A-Za-z0-9_.@/-])(?i:kakao(?:[ -]?talk)?|telegram|instagram|insta|wechat|whats ?app|discord|snapchat"
    r"|tik ?tok|twitter|threads))"
)
_LINE_WORD = r"(?:라인|(?<![A-Za-z0-9_.@/-])(?i:line))"  # also an ordinary word
_ID_WORD = r"[ _]?(?:(?i:id)(?![A-Za-z0-9_])|아이디|계정)"
_COLON = r" ?[:：=>→▶👉☞] ?"
# Path segments of actions, and our own pseudonyms.
_NO_HANDLE = (
    r"(?!(?i:follow|please|check|link|here|search|below|with|from|this|join|open|live|story|stories|reels?|post|http|https"
    r"|add|and|the|for|now|via)(?![A-Za-z0-9_.-]))(?!(?:person|post|profile)_[0-9a-f]{16})"
)
_HANDLE = (
    r"(?=[0-9_.-]*[A-Za-z])[A-Za-z0-9_]+(?:[.-][A-Za-z0-9_]+)*(?![A-Za-z0-9_@＠﹫/:]|[.-][A-Za-z0-9_]|\.?[@＠﹫/:])"
)
_DISTINCTIVE = r"(?=[A-Za-z_])(?=[A-Za-z-]*[0-9_.][A-Za-z0-9_])(?=[A-Za-z0-9_.-]{4})"

_KINDS: dict[str, str] = {
    "handle": rf"(?P<messenger>{_MESSENGERS}(?:{_ID_WORD}(?:{_COLON}| )?|{_COLON})"
    rf"|{_LINE_WORD}{_ID_WORD}(?:{_COLON}| )?|(?:{_MESSENGERS} |{_LINE_WORD}{_COLON}){_DISTINCTIVE})"
    rf"{_NO_HANDLE}(?P<handle>(?=[A-Za-z0-9_.-]{{3}}){_HANDLE})",
    "link": rf"(?P<link>(?<![A-Za-z0-9])(?:(?i:https?)://|(?i:www)\.){_IN_LINK}"
    rf"|(?<![A-Za-z0-9.@_-])(?:{_DOMAIN}/{_IN_LINK}|(?:[A-Za-z0-9-]+\.)+(?i:{_HOMES})(?![A-Za-z0-9_-])))"
    rf"|(?P<site>{_SITE})",
    # Linear time: no run of letters is scanned more than once.
    "at": rf"(?P<mail>(?<![{_LOCAL}])[{_LOCAL}]+{UNSEEN}*(?:(?<!\.){_AT}\s?|\s{_AT}\s){UNSEEN}*{_DOMAIN}"
    r"(?![A-Za-z0-9_])"
    rf"|(?<![\w.%+\-])[\w.%+\-]+\s?{_AT}\s?(?i:{_MAIL_HOSTS})(?![A-Za-z0-9_])"
    rf"|(?<![{_LOCAL}])[{_LOCAL}]+ ?{_SPELT_AT} ?[A-Za-z0-9-]+(?: ?{_SPELT_DOT} ?[A-Za-z0-9-]+)+)"
    rf"|(?P<sign>{_AT}{UNSEEN}*)(?!{NOT_A_NAME})(?P<name>{ACCOUNT_NAME}|\w+)"
    # After a space only what cannot be an ordinary word: `@ home`, `@ 7pm` stay.
    rf"|(?P<spaced>{_AT}\s)(?P<apart>(?=[A-Za-z_])(?=[A-Za-z]*[0-9_.][A-Za-z0-9_]){ACCOUNT_NAME})",
    # Fast path: characters that start no number are skipped.
    "phone": rf"(?P<phone>(?=[\d(+＋공영oO])(?:{'|'.join((*_PHONES, *_NUMBERS))}))",
}
"""Kind of personal data → pattern; the named groups of a pattern tell what exactly was found."""

_SIGNS: dict[str, re.Pattern[str]] = {
    # The last letter of a messenger's name, and what may stand between it and an id.
    "handle": re.compile(
        rf"[톡오램타챗앱드터인oOmMaAtTpPdDkKrRsSeE](?:{_COLON}(?=[0-9_.-]*[A-Za-z])|{_ID_WORD}| {_DISTINCTIVE})"
    ),
    # Starts with literal letters instead of a character class, which is faster to search.
    "link": re.compile(rf"://|w(?i:ww)\.|W(?i:ww)\.|\.(?:[A-Za-z]{{2,24}}/|{_ENDS}(?![A-Za-z0-9_])|(?i:{_HOMES}))"),
    "at": re.compile(r"@|＠|﹫|%40|&#|&commat|골뱅이|앳|\( ?at|\[ ?at|\{ ?at|< ?at"),
    "phone": re.compile(rf"\d(?:{_GAP}{{0,5}}\d){{7}}|[공영0０oO][일1１lI][공영0０oO]"),
}
"""Kind of personal data → fast pattern that matches in every text that contains data of this kind."""


def pii_pattern_for(text: str) -> re.Pattern[str] | None:
    """Returns a pattern for the kinds of personal data that a text may contain; None if it contains none."""
    kinds = tuple(kind for kind, sign in _SIGNS.items() if sign.search(text))
    return _finder(kinds) if kinds else None


@cache
def _finder(kinds: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(_KINDS[kind] for kind in kinds))


_PRICE_BEFORE = re.compile(r"(?<!\d)\d{1,3}(?:,\d{3})*,$")
_YEAR_AND_MONTH_BEFORE = re.compile(r"(?<!\d)\d{4}\s?[-./년]\s?\d{1,2}\s?[-./월]\s?$")
_IN_SPACES = re.compile(r"\d{4}(?:[ \u00a0]\d{4}){3}|\d{4}[ \u00a0]\d{6}[ \u00a0]\d{5}")
_DAY = re.compile(r"[0-3]\d(?!\d)")


def is_personal_number(found: re.Match[str]) -> bool:
    """Whether a match is a personal number, not part of a price, a date or a list of prices (12,010 1234 5678)."""
    if _IN_SPACES.fullmatch(found[0]):
        return _is_number_of_card(found[0])
    before = found.string[max(0, found.start() - 20) : found.start()]
    if _PRICE_BEFORE.search(before):
        return False
    return not (_DAY.match(found[0]) and _YEAR_AND_MONTH_BEFORE.search(before))


def _is_number_of_card(text: str) -> bool:
    """Whether the check digit of a payment card number is valid (Luhn algorithm, ISO/IEC 7812-1)."""
    digits = [int(sign) for sign in reversed(text) if sign.isdigit()]
    return sum(digit if place % 2 == 0 else sum(divmod(2 * digit, 10)) for place, digit in enumerate(digits)) % 10 == 0
