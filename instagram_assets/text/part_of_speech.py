"""Part-of-speech classes, and the mapping of each tokenizer's tags to them."""

TaggedWord = tuple[str, str]
"""A word and its part-of-speech class."""

POS_CLASSES = {
    "noun": "common noun, also the one before 하다: 산책, 육퇴",
    "proper_noun": "name of a person, place or brand",
    "bound_noun": "noun that never stands alone, also a counter: 것, 중, 개월",
    "pronoun": "나, 우리, 이거",
    "number": "하나, 100, 12:30",
    "verb": "먹다",
    "adjective": "예쁘다, also one made with 하다: 행복하다",
    "auxiliary": "verb or copula that only helps another word: (먹어) 보다, 이다, 아니다",
    "determiner": "이, 그, 첫, 세",
    "adverb": "빨리, 같이",
    "conjunction": "그리고, 그래서",
    "interjection": "exclamation, laughter or emoticon: 우와, ㅋㅋ, ㅠㅠ, :)",
    "particle": "은, 를, 에서",
    "ending": "ending of a verb or adjective: 었, 어요",
    "affix": "prefix or suffix: 들, 님, the 하다 of 산책하다",
    "foreign": "word in other letters than Korean: ootd, かわいい",
    "symbol": "punctuation and signs: !!, ♡",
    "emoji": "emoji, whole",
    "hashtag": "hashtag without #",
    "mention": "account without @",
    "unknown": "what the tokenizer could not analyse",
}
"""Every part-of-speech class with its meaning."""

CONTENT_CLASSES = ("noun", "proper_noun", "verb", "adjective", "adverb", "foreign")
"""Part-of-speech classes of content words."""

KIWI_TAGS = {
    "NNG": "noun",
    "NNP": "proper_noun",
    "NNB": "bound_noun",
    "NP": "pronoun",
    "NR": "number",
    "VV": "verb",
    "VA": "adjective",
    "VX": "auxiliary",
    "VCP": "auxiliary",
    "VCN": "auxiliary",
    "MM": "determiner",
    "MAG": "adverb",
    "MAJ": "conjunction",
    "IC": "interjection",
    **dict.fromkeys(("JKS", "JKC", "JKG", "JKO", "JKB", "JKV", "JKQ", "JX", "JC"), "particle"),
    **dict.fromkeys(("EP", "EF", "EC", "ETN", "ETM", "Z_CODA"), "ending"),
    **dict.fromkeys(("XPN", "XSN", "XSV", "XSA", "XSM", "Z_SIOT"), "affix"),
    "XR": "noun",
    **dict.fromkeys(("SF", "SP", "SS", "SSO", "SSC", "SE", "SO", "SW", "SB"), "symbol"),
    "SL": "foreign",
    "SH": "foreign",
    "SN": "number",
    "W_SERIAL": "number",
    "W_EMOJI": "emoji",
    "W_HASHTAG": "hashtag",
    "W_MENTION": "mention",
    "W_URL": None,
    "W_EMAIL": None,
    "UN": "unknown",
    **dict.fromkeys(("USER0", "USER1", "USER2", "USER3", "USER4"), "unknown"),
}
"""Tag of Kiwi (the Sejong tag set with Kiwi's additions) → class; words with None, such as URLs, are left out."""

OKT_TAGS = {
    "Noun": "noun",
    "ProperNoun": "proper_noun",
    "Number": "number",
    "Verb": "verb",
    "Adjective": "adjective",
    "Determiner": "determiner",
    "Modifier": "determiner",
    "Adverb": "adverb",
    "Conjunction": "conjunction",
    "Exclamation": "interjection",
    "KoreanParticle": "interjection",
    "Josa": "particle",
    "Eomi": "ending",
    "PreEomi": "ending",
    "VerbPrefix": "affix",
    "Suffix": "affix",
    "Alpha": "foreign",
    "Foreign": "symbol",
    "Punctuation": "symbol",
    "Hashtag": "hashtag",
    "ScreenName": "mention",
    "CashTag": "foreign",
    "URL": None,
    "Email": None,
    "Space": None,
    "Korean": "unknown",
    "Unknown": "unknown",
    "Others": "unknown",
}
"""The class of each tag of Okt, which does not distinguish bound nouns, pronouns and auxiliaries."""
