"""Forty captions with the nouns that a reader finds in them, written down before any tokenizer saw them.

Counted are common nouns and names in the running text: coined words and compounds whole, the nouns of `…하다`
verbs too (산책했다: 산책), but not those of `…하다` adjectives (행복하다). Not counted are hashtags, mentions,
pronouns, numbers, counters, bound nouns (것, 중, 때문) and words of time that only place the sentence (오늘, 어제,
내일, 이번, 요즘).
"""

import unicodedata
from typing import NamedTuple


class Checked(NamedTuple):
    """A caption, and its nouns in any order."""

    kind: str
    caption: str
    nouns: frozenset[str]


def _checked(kind: str, caption: str, nouns: str) -> Checked:
    return Checked(kind, caption, frozenset(nouns.split()))


HAND_CHECKED = (
    _checked("plain", "오늘은 비가 와서 집에서 놀았어요.", "비 집"),
    _checked("plain", "할머니가 이유식을 만들어 주셨다", "할머니 이유식"),
    _checked("plain", "어린이집 다녀와서 바로 낮잠 자는 우리 아기", "어린이집 낮잠 아기"),
    _checked("plain", "아빠랑 공원에서 산책했어요", "아빠 공원 산책"),
    _checked("plain", "책을 읽어 주면 금방 잠이 든다", "책 잠"),
    _checked("plain", "동생이 태어나고 첫째가 부쩍 의젓해졌다", "동생 첫째"),
    _checked("plain", "주말 아침, 늦잠 자고 일어나서 색종이를 꺼냈다", "주말 아침 늦잠 색종이"),
    _checked("plain", "예방접종 하고 왔는데 열이 나서 밤새 간호", "예방접종 열 간호"),
    _checked("emoticons", "드디어 통잠 성공ㅋㅋㅋㅋ 엄마는 웃는다", "통잠 성공 엄마"),
    _checked("emoticons", "감기 걸려서 콧물 줄줄 ㅠㅠㅠㅠ", "감기 콧물"),
    _checked("emoticons", "첫 생일 축하해 🎂🎉 사랑하는 우리 딸❤️", "생일 축하 사랑 딸"),
    _checked("emoticons", "아 진짜 귀여워 죽겠음ㅋㅋㅋㅋㅋㅠㅠ 볼살 어쩔", "볼살"),
    _checked("emoticons", "^^ 오늘 간식은 고구마 (>_<) 맛있대요!!", "간식 고구마"),
    _checked("emoticons", "엄마👩🏻‍🍼아기👶🏻 둘만의 데이트 ☕️", "엄마 아기 데이트"),
    _checked("emoticons", "ㅎㅎ 기저귀 갈다가 물벼락ㄷㄷㄷ", "기저귀 물벼락"),
    _checked("spacing", "오늘도육퇴성공", "육퇴 성공"),
    _checked("spacing", "아기가밥을안먹어요 어떡해요", "아기 밥"),
    _checked("spacing", "주말에는키즈카페에다녀왔어요", "주말 키즈카페"),
    _checked("spacing", "우리아들첫걸음마", "아들 걸음마"),
    _checked("spacing", "낮 잠 재 우 기 실 패", "낮잠 실패"),
    _checked("spacing", "이유식완밥하고 기분최고", "이유식 완밥 기분 최고"),
    _checked("slang", "문센 다녀와서 떡뻥 먹방 중", "문센 떡뻥 먹방"),
    _checked("slang", "쪼꼬미 등센서 작동해서 육퇴 실패", "쪼꼬미 등센서 작동 육퇴 실패"),
    _checked("slang", "집콕 놀이템 추천! 촉감놀이 꿀잼이에욤", "집콕 놀이템 추천 촉감놀이 꿀잼"),
    _checked("slang", "갓난쟁이 재우고 맥주 한 캔, 이게 소확행", "갓난쟁이 맥주 소확행"),
    _checked("slang", "독박육아 3일차 멘붕", "독박육아 멘붕"),
    _checked("slang", "얼집 첫 등원, 눈물의 하원룩", "얼집 등원 눈물 하원룩"),
    _checked("slang", "밥태기 와서 자기주도이유식으로 갈아탐", "밥태기 자기주도이유식"),
    _checked("slang", "새벽수유 끝! 백일의 기적 오나봐유", "새벽수유 백일 기적"),
    _checked("slang", "울 애기 넘 졸귀 심쿵사", "애기 졸귀 심쿵사"),
    _checked("slang", "조리원 동기들이랑 국민템 공구 달렸다", "조리원 동기 국민템 공구"),
    _checked("mixed", "OOTD 아기옷은 zara kids 에서 샀어요", "아기옷"),
    _checked("mixed", "BCG 맞고 온 날 baby fever 조심", "날 조심"),
    _checked("mixed", "D+100 백일상 셀프 완료! happy 100days", "백일상 셀프 완료"),
    _checked("mixed", "유모차는 스토케 xplory, 카시트는 다이치", "유모차 스토케 카시트 다이치"),
    _checked("mixed", "協賛 아님 내돈내산 かわいい 턱받이", "내돈내산 턱받이"),
    _checked("mixed", "제주도 3박 4일 with @jeju_mom #아기랑제주 바다 처음 봤다", "제주도 바다"),
    _checked(
        "mixed", "자세한 건 https://blog.naver.com/abc123 참고하세요 후기 링크는 프로필에", "참고 후기 링크 프로필"
    ),
    _checked("decomposed", unicodedata.normalize("NFD", "자전거 타고 도서관 가요"), "자전거 도서관"),
    _checked("names", "서아랑 지호가 어린이날 선물로 레고를 받았다", "서아 지호 어린이날 선물 레고"),
)
