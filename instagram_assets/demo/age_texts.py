"""Templates for the posts of the demo's synthetic people: Korean and English sentences by theme, with placeholders.

Themes overlap on purpose: pupils and parents both mention homework, students below and above the age limit mention
exams, and everybody food, weather and cats. No sentence is by a real person.
"""

import random
import string
from collections.abc import Mapping, Sequence
from typing import Literal

from instagram_assets.demo.dataset_splits import all_subjects
from instagram_assets.demo.sample_captions import diary_caption
from instagram_assets.demo.synthetic_images import Scene

PostLanguage = Literal["ko", "en"]

_KOREAN: Mapping[str, tuple[str, ...]] = {
    "everyday": (
        "비 오는 {day} {drink} 한 잔",
        "{day} 산책, 바람이 좋다",
        "오랜만에 {food} 먹으러 옴",
        "고양이가 키보드 위에서 안 비켜줌",
        "강아지랑 한강 {count}바퀴",
        "하늘이 예뻐서 찍은 사진",
        "{food} 맛집 찾았다 {mood}",
        "{day} 영화 보고 {food}",
        "노래 하나만 {count}번째 듣는 중",
        "벌써 {season}이라니 {mood}",
        "바다 보러 다녀왔어요",
        "운동 {count}일째 {mood}",
        "집에서 {food} 만들어 먹기",
        "늦잠 잔 {day} {mood}",
    ),
    "school": (
        "{subject} 숙제 아직도 안 끝남 {mood}",
        "{subject} 시간에 졸다가 선생님한테 걸림",
        "급식에 {food} 나와서 두 번 받음",
        "체육 대회 우리 반 {count}등 {mood}",
        "야자 끝나고 친구들이랑 {food}",
        "{subject} 수행평가 망했다 {mood}",
        "학원 끝나니까 밤 {count}시",
        "교복 입고 네컷 사진",
        "모의고사 {subject} {count}등급 실화냐",
        "수능까지 {count}0일 {mood}",
        "담임 선생님이 {drink} 사주심",
        "짝꿍이 {subject} 필기 보여줌",
    ),
    "exams": (
        "중간고사 {count}일 남음 {mood}",
        "기말 {subject} 범위 왜 이렇게 넓어",
        "독서실에서 {subject} 문제집 푸는 중",
        "시험 끝 이제 놀자 {mood}",
        "밤새 공부하고 {drink}",
        "{subject} 과제 제출 {count}분 전",
        "도서관 자리 맡기 성공",
    ),
    "fandom": (
        "최애 컴백 무대 {count}번 돌려봄",
        "친구랑 노래방 {count}시간 {mood}",
        "포카 교환 구함 {mood}",
        "게임 {count}판 하고 잠 {mood}",
        "굿즈 사느라 용돈 끝",
        "콘서트 티켓팅 성공 {mood}",
        "릴스 안무 연습 {count}시간째",
    ),
    "freshman": (
        "새내기 오티 다녀옴 {mood}",
        "기숙사 룸메랑 {food}",
        "동아리 면접 붙었다 {mood}",
        "과잠 드디어 도착",
        "첫 엠티 {count}시에 잠",
        "교양 수업 {subject} 첫 과제",
        "첫 알바비로 {food} {mood}",
    ),
    "graduate": (
        "졸업 논문 {count}장째 {mood}",
        "자소서 {count}번째 고치는 중",
        "인턴 첫 주 {mood}",
        "막학기 수강 신청 끝",
        "면접 스터디 끝나고 {food}",
        "취준생의 {day} {drink}",
        "학사모 쓰고 부모님이랑 사진",
    ),
    "office": (
        "{day} 회의만 {count}개",
        "퇴근길 지하철에서 {mood}",
        "야근하고 먹는 {food}",
        "연차 내고 쉬는 {day}",
        "월급날 대출 이자부터 나감",
        "팀장님 휴가라 조용한 {day}",
        "출장길 기차에서 {drink}",
        "거래처 미팅 {count}시간 {mood}",
        "점심 회식으로 {food}",
        "신입 사원 교육 {count}일째",
    ),
    "children": (
        "아이 재우고 마시는 {drink}",
        "어린이집 등원 준비 {count}분 컷",
        "유치원 상담 다녀온 {day}",
        "이유식 한 그릇 뚝딱 {mood}",
        "둘째가 감기라 밤새 열 쟀다",
        "아이랑 놀이터에서 {count}시간",
        "남편이랑 교대로 육아 {mood}",
        "우리 아이 {subject} 숙제 봐주는 {day}",
        "육아 {count}년째 {mood}",
        "아기 낮잠 {count}시간의 기적",
        "엄마표 놀이 준비한 {day}",
        "아이랑 색종이 오려 붙인 {day}",
        "할머니 댁에서 낮잠 자는 우리 아이",
        "아이가 그린 동그라미만 {count}개 {mood}",
        "엄마 소리 백 번 듣는 {day}",
        "딸이 그려준 내 얼굴 {mood}",
    ),
    "household": (
        "전세 계약 갱신하고 온 {day}",
        "김장 {count}포기 끝 {mood}",
        "아내랑 결혼기념일 {food}",
        "이사 {count}일째 아직 상자",
        "부모님 댁에서 {food}",
        "텃밭 상추가 잘 자란다",
        "건강검진 끝나고 {food}",
    ),
}
_ENGLISH: Mapping[str, tuple[str, ...]] = {
    "everyday": (
        "rainy {day} and a {drink}",
        "{day} walk, good air",
        "finally had {food} again",
        "the cat will not leave my keyboard",
        "took the dog round the lake {count} times",
        "the sky looked like this",
        "best {food} in town {mood}",
        "{day} movie and {food}",
        "same song {count} times in a row",
        "how is it {season} already {mood}",
        "a day at the beach",
        "day {count} of running {mood}",
        "made {food} at home",
        "slept in this {day} {mood}",
    ),
    "school": (
        "{subject} homework still not done {mood}",
        "fell asleep in {subject} class and the teacher saw",
        "cafeteria had {food} so i went twice",
        "our class came {count} on sports day {mood}",
        "after school {food} with the girls",
        "failed the {subject} quiz {mood}",
        "school bus was {count} minutes late",
        "prom dress found {mood}",
        "{count} weeks until finals and graduation",
        "locker next to my bestie {mood}",
        "substitute teacher in {subject} {mood}",
        "picture day in school uniform",
    ),
    "exams": (
        "midterms in {count} days {mood}",
        "why is the {subject} chapter so long",
        "{subject} problems in the library again",
        "exams are over {mood}",
        "studied all night, now {drink}",
        "handed in {subject} {count} minutes before the deadline",
        "saved a seat in the library",
    ),
    "fandom": (
        "watched the comeback stage {count} times",
        "karaoke with friends for {count} hours {mood}",
        "trading photocards {mood}",
        "{count} rounds of this game then bed {mood}",
        "spent my allowance on merch",
        "got concert tickets {mood}",
        "learning this dance for {count} hours",
    ),
    "freshman": (
        "freshman orientation done {mood}",
        "dorm night, roommate and {food}",
        "got into the club {mood}",
        "college hoodie arrived",
        "first campus party ended at {count}",
        "first {subject} lecture of college",
        "first paycheck from my part time job {mood}",
    ),
    "graduate": (
        "thesis page {count} {mood}",
        "cover letter number {count}",
        "first week of my internship {mood}",
        "last semester begins",
        "interview practice then {food}",
        "job hunting {day} and {drink}",
        "cap and gown with my parents",
    ),
    "office": (
        "{count} meetings on a {day}",
        "commute home {mood}",
        "overtime and {food}",
        "took a day off this {day}",
        "payday, then the mortgage",
        "my manager is away, quiet {day}",
        "business trip, train and {drink}",
        "client call took {count} hours {mood}",
        "team lunch with {food}",
        "training the new colleague, day {count}",
    ),
    "children": (
        "the kids are asleep, {drink} at last",
        "daycare drop off in {count} minutes",
        "kindergarten parents evening this {day}",
        "baby finished the whole bowl {mood}",
        "toddler had a fever all night",
        "{count} hours at the playground with the kids",
        "my husband and i take turns {mood}",
        "helping my son with {subject} homework this {day}",
        "year {count} of being a mom {mood}",
        "nap time lasted {count} hours",
        "crafts with my daughter this {day}",
        "{count} paper stars cut out by the kids",
        "my daughter drew me {mood}",
    ),
    "household": (
        "signed the new lease this {day}",
        "canned {count} jars of tomatoes {mood}",
        "anniversary {food} with my wife",
        "day {count} after moving, still boxes",
        "{food} with my parents in law",
        "the lettuce in our garden grows",
        "annual checkup done, now {food}",
    ),
}
_KOREAN_BLANKS: Mapping[str, tuple[str, ...]] = {
    "day": ("월요일", "화요일", "금요일", "토요일", "일요일", "주말", "오후", "아침", "저녁"),
    "drink": ("커피", "아아", "라떼", "밀크티", "레몬차"),
    "food": ("떡볶이", "김치찌개", "치킨", "마라탕", "파스타", "냉면", "돈까스", "붕어빵", "샐러드", "김밥"),
    "subject": ("수학", "영어", "과학", "국어", "한국사", "미술"),
    "season": ("봄", "여름", "가을", "겨울"),
    "mood": ("ㅋㅋㅋ", "ㅠㅠ", "너무 좋다", "행복", "피곤해", "대박", "괜찮아", "!!", "…", ""),
    "count": tuple("23456789"),
}
_ENGLISH_BLANKS: Mapping[str, tuple[str, ...]] = {
    "day": ("monday", "tuesday", "friday", "saturday", "sunday", "weekend", "morning", "evening"),
    "drink": ("coffee", "iced latte", "matcha", "bubble tea", "lemon tea"),
    "food": ("pizza", "ramen", "tacos", "pasta", "fried chicken", "dumplings", "pancakes", "salad", "sushi"),
    "subject": ("math", "english", "biology", "history", "chemistry", "art"),
    "season": ("spring", "summer", "autumn", "winter"),
    "mood": ("lol", "so tired", "love it", "happy", "ugh", "so good", "finally", "!!", "...", ""),
    "count": tuple("23456789"),
}
_FRAMES: Mapping[PostLanguage, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "ko": (
        ("오늘", "어제", "방금", "요즘", "드디어", "결국"),
        ("내일도 힘내자", "사진은 나중에", "기록용", "오늘도 끝", "또 가고 싶다", "자야 하는데"),
        ("#일상", "#데일리", "#소통", "#기록", "#좋아요", "#주말"),
    ),
    "en": (
        ("today", "yesterday", "right now", "these days", "finally", "again"),
        ("see you tomorrow", "more photos later", "note to self", "that was my day", "good night", "back soon"),
        ("#daily", "#life", "#photo", "#mood", "#weekend", "#goodday"),
    ),
}
_TAGS: Mapping[str, tuple[str, ...]] = {
    "school": ("#고등학생", "#학교", "#school"),
    "exams": ("#공스타그램", "#시험기간", "#studygram"),
    "fandom": ("#덕질", "#kpop", "#최애"),
    "freshman": ("#새내기", "#대학생", "#campus"),
    "graduate": ("#취준", "#대학생", "#campus"),
    "office": ("#직장인", "#퇴근", "#worklife"),
    "children": ("#육아일기", "#육아스타그램", "#momlife"),
    "household": ("#신혼", "#집스타그램", "#homelife"),
}
_EMOJIS = ("😊", "😂", "🥰", "✨", "🌙", "☕️", "🐱", "🌸", "📷", "💪", "🙏", "❤️")
_SHORT = ("ㅋㅋㅋ", "굿모닝", "좋은 하루", "good morning", "throwback", "no caption", "일상", "weekend")

PAPERCRAFT = "papercraft"
"""The theme of the demo's own accounts; posts about it use their captions, in Korean."""
POST_THEMES = (*_KOREAN, PAPERCRAFT)


def sample_post(theme: str, language: PostLanguage, rng: random.Random) -> str:
    """Return a random post text about a theme: a sentence, often with introduction, ending, emojis and hashtags."""
    if theme == PAPERCRAFT:
        return diary_caption(Scene(*rng.choice(all_subjects()), 640, 640, seed=0), rng)
    if theme == "everyday" and rng.random() < 0.08:
        return rng.choice(_SHORT)
    openings, closings, tags = _FRAMES[language]
    parts = [_sentence(theme, language, rng)]
    if rng.random() < 0.3:
        parts.insert(0, rng.choice(openings))
    if rng.random() < 0.3:
        parts.append(rng.choice(closings))
    if rng.random() < 0.35:
        parts.append("".join(rng.choices(_EMOJIS, k=rng.randint(1, 3))))
    chosen = rng.sample(tags, rng.choice((0, 0, 0, 1, 2)))
    if theme in _TAGS and rng.random() < 0.1:
        chosen.append(rng.choice(_TAGS[theme]))
    return " ".join(parts) + (rng.choice((" ", "\n")) + " ".join(chosen) if chosen else "")


def emoji_post(rng: random.Random) -> str:
    """Return the text of a random post that consists of emojis only."""
    return "".join(rng.choices(_EMOJIS, k=rng.randint(1, 4)))


def _sentence(theme: str, language: PostLanguage, rng: random.Random) -> str:
    sentences, blanks = (_KOREAN, _KOREAN_BLANKS) if language == "ko" else (_ENGLISH, _ENGLISH_BLANKS)
    sentence = rng.choice(sentences[theme])
    return sentence.format_map({name: _fill(blanks[name], rng) for name in _blanks_of(sentence)}).strip()


def _blanks_of(sentence: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(sentence) if name]


def _fill(words: Sequence[str], rng: random.Random) -> str:
    return rng.choice(words)
