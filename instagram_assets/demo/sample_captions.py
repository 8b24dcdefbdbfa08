"""Captions of the demo's posts: a Korean picture diary of children who cut shapes from coloured paper."""

import random
import unicodedata

from instagram_assets.demo.synthetic_images import Scene

_COLOURS = {
    "red": "빨간",
    "orange": "주황색",
    "yellow": "노란",
    "green": "초록",
    "blue": "파란",
    "purple": "보라색",
    "white": "하얀",
    "black": "까만",
}
_SHAPES = {"circle": "동그라미", "square": "네모", "triangle": "세모", "cross": "십자", "ring": "고리", "star": "별"}

_OPENINGS = (
    "오늘은 비가 와서 집에서 놀았어요.",
    "주말 아침, 늦잠 자고 일어나서 색종이를 꺼냈다",
    "어린이집 다녀와서 바로 책상에 앉은 우리 아이",
    "낮잠 안 자고 만든 작품 ㅋㅋㅋ",
    "드디어 완성!",
    "육아 일기, 스물두 달째 기록.",
    "할머니 댁에서 보낸 하루",
    "밥 먹다 말고 갑자기 그림 그리자고 해서",
)
_ABOUT = (
    "{background} 종이에 {colour} {shape}{object} 붙였어요",
    "{colour} {shape}{subject} 제일 좋대요",
    "혼자서 {colour} {shape}{object} 오렸다는 게 신기하다",
    "“엄마, {colour} {shape}!” 하고 백 번은 외친 듯",
    "{background} 바탕에 {colour} {shape}, 생각보다 잘 어울리네",
    "이번 주에만 {shape} 열 개째… {colour} 것만 골라서 만들어요",
)
_CLOSINGS = (
    "내일은 또 무엇을 만들까?",
    "다음엔 아빠랑 같이 하기로 약속!",
    "치우는 건 언제나 내 몫이지만 행복하다",
    "커피는 식었지만 괜찮아",
    "벽에 붙일 자리가 없네요",
    "아이의 하루는 참 길고 또 짧다.",
)
_EMOJIS = ("😊", "🥰", "✂️", "🎨", "👶🏻", "🌙", "☔️", "🌿", "👩‍👧", "🐱", "❤️", "✨")
_TAGS = (
    "#육아일기",
    "#육아스타그램",
    "#색종이놀이",
    "#집콕놀이",
    "#미술놀이",
    "#아이그림",
    "#일상",
    "#엄마표놀이",
    "#두돌아기",
    "#papercraft",
)
_JOINTS = ("\n", "\n", "\n\n", " ", " \n")

CAPTION_QUIRKS = (
    "empty",
    "separator",
    "commas",
    "carriage returns",
    "glued",
    "decomposed",
    "letters",
    "formula",
    "quotes",
)


def diary_caption(scene: Scene, rng: random.Random) -> str:
    """Return a caption about the image: one or more lines, emojis, and hashtags at the end."""
    lines = [rng.choice(_OPENINGS), _about(scene, rng) + rng.choice(("", f" {rng.choice(_EMOJIS)}", "!", "…"))]
    if rng.random() < 0.6:
        lines.append(rng.choice(_CLOSINGS) + rng.choice(("", f" {rng.choice(_EMOJIS)}{rng.choice(_EMOJIS)}")))
    lines.append(" ".join(rng.sample(_TAGS, rng.randint(1, 5))))
    return rng.choice(_JOINTS).join(lines)


def quirky_caption(quirk: str, scene: Scene, rng: random.Random, friend: str) -> str:
    """Return a caption with one of the `QUIRKS` that break naive parsers; `friend` is the account for a mention."""
    about = _about(scene, rng)
    texts = {
        "empty": "",
        "separator": f"{about} ||| 오전|||오후 ||| 저녁\n||| 끝\n\n#육아일기",
        "commas": f"풀, 가위, 색종이, 그리고 인내심,\n{about}, 정말로, #육아일기, #가위,풀 #미술놀이",
        "carriage returns": f"{about}\r\n두 번째 줄\r\n\r\n네 번째 줄 \n#육아일기\r\n",
        "glued": f"{about} #육아일기#아기, (#색종이놀이) #별_하나! with @{friend}, @{friend}. #집콕놀이… #3살",
        "decomposed": unicodedata.normalize("NFD", f"{about} 자음과 모음이 따로 적힌 글 #육아일기 #한글"),
        "letters": f"{_in_fancy_letters('Paper day')} ✂️ {about}\n#{_in_fancy_letters('paper')} #육아일기",
        "formula": f"=1+1 은 2!\n+ {about}\n- @{friend} 에게 배움 #육아일기",
        "quotes": f"\"{about}\" 라고 'tab\t뒤에서' 말했다; \\백슬래시\\ <b>굵게</b> &amp; #육아일기",
    }
    return texts[quirk]


def _in_fancy_letters(text: str) -> str:
    """Return the text in Unicode's mathematical bold italic letters, as used for decoration."""
    capital, small = ord("A") - 0x1D468, ord("a") - 0x1D482
    return "".join(chr(ord(c) - (capital if c.isupper() else small)) if c.isalpha() else c for c in text)


def _about(scene: Scene, rng: random.Random) -> str:
    shape = _SHAPES[scene.shape]
    ends_in_consonant = (ord(shape[-1]) - ord("가")) % 28 != 0
    return rng.choice(_ABOUT).format(
        colour=_COLOURS[scene.colour],
        background=_COLOURS[scene.background],
        shape=shape,
        object="을" if ends_in_consonant else "를",
        subject="이" if ends_in_consonant else "가",
    )
