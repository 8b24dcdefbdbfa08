"""Korean diary captions of 100 to 400 characters, hardly a sentence of which comes twice."""

import random
import re

SHORTEST, LONGEST = 100, 400

# Alternatives are parted by |.
WORDS_OF = {
    "when": (
        "오늘은|어제는|주말 아침에|지난주에는|퇴근길에|저녁을 먹고 나서|비가 그친 뒤에|해가 지기 전에|방학 첫날이라"
        "|늦잠을 자고 일어나서|장을 보고 돌아와서|점심시간을 쪼개서|모처럼 일찍 끝나서|눈이 올 것 같아서"
    ),
    "who": (
        "엄마|아빠|할머니|할아버지|우리 아이|첫째|둘째|막내|동생|이모|삼촌|오래된 친구|남편|옆집 누나|담임 선생님"
        "|고양이|사촌 언니|옛 동료"
    ),
    "place": (
        "동네 놀이터|도서관|바닷가|뒷산 둘레길|시장 골목|새로 생긴 카페|할머니 댁|강변 공원|작은 서점|수영장|전시회"
        "|캠핑장|베란다 텃밭|식물원|기차역|빵집|운동장|호숫가"
    ),
    "food": (
        "미역국|김치볶음밥|떡볶이|딸기 케이크|호박죽|계란말이|잔치국수|군고구마|된장찌개|옥수수빵|따뜻한 라떼|귤"
        "|수제비|샌드위치|만둣국|팥빙수|두부조림|토마토 파스타"
    ),
    "thing": (
        "그림책|자전거|색연필|종이배|곰 인형|필름 사진기|털모자|화분|블록 성|손편지|목도리|운동화|퍼즐|기타|일기장"
        "|돋보기|연|낡은 라디오"
    ),
    "emoji": "😊|🥰|🌿|☔️|👶🏻|🌙|🍓|👩‍👧|🐱|❤️|✨|🙌🏼|📷|🍂|🥹|☕️|🚲|🌊",
    "tag": (
        "육아일기|일상|하루기록|주말나들이|집밥|책스타그램|산책|동네카페|가을하늘|맞팔|소통|아이와함께|그림일기"
        "|텃밭일기|필름사진|오늘의기록|먹스타그램|daily|weekend|slowlife|여행에미치다|엄마표놀이|취미생활|홈카페"
        "|바다여행|반려묘|좋아요반사|2024기록|독서노트"
    ),
}
# A particle before ~ takes the form that fits the word before it.
_SENTENCES = (
    "{when} {who}과~ {place}에 다녀왔어요.",
    "{who}이~ {thing}을~ 꺼내 와서 한참을 같이 놀았다.",
    "{food}을~ 만들었는데 생각보다 맛있어서 두 그릇이나 먹었네요",
    "{place}까지 걸어가는 동안 {who}은~ 계속 노래를 불렀다",
    "새로 산 {thing}이~ 마음에 드는지 하루 종일 손에서 놓지를 않아요.",
    "사진을 {number}장이나 찍었지만 제대로 나온 건 하나뿐 ㅋㅋㅋ",
    "{when} 끓인 {food}, {who}도 잘 먹어 줘서 고마웠다.",
    "날씨가 이렇게 좋은데 {place} 말고 집에만 있을 수는 없지!",
    "{who}에게 줄 {thing}을~ 고르느라 {place}에서 {number}분을 서성였다.",
    "처음에는 {thing}을~ 무서워하더니 나중에는 혼자서도 씩씩하게 잘하더라고요.",
    "벌써 {number}번째 기록, {thing}보다 꾸준히 쓰는 게 더 어렵다.",
    "아무것도 안 하고 {place}에 앉아서 하늘만 보다가 왔다…",
    "{who}이~ 불쑥 “{food} 먹고 싶어” 하길래 냉장고를 다 뒤졌다.",
    "내일은 {thing}을~ 챙겨서 {place}에 다시 가 보기로 약속했습니다.",
    "{place}에서 넘어져서 조금 울었지만 금방 일어나 또 뛰어다녔다.",
    "요즘 {who}의 관심사는 오로지 {thing}뿐이에요",
    "{number}월에 심은 씨앗이 드디어 싹을 틔웠다고 {who}이~ 알려 주었다!",
    "비가 올 줄 알았으면 {thing} 말고 우산을 가져올걸.",
    "{place} 근처에서 우연히 {who}을~ 만나 {food}을~ 나눠 먹었다.",
    "{thing} 하나 마음처럼 되지 않는 날도 있지만, 그래도 웃으면서 마무리해요.",
    "설거지를 미루고 {who}과~ 나란히 누워 {thing} 이야기를 했다.",
    "{thing} 값은 {number}천 원, 이 정도면 정말 잘 샀다 싶어요.",
    "{food} 냄새가 온 집 안에 퍼지니까 다들 부엌으로 모여들었다.",
    "작년 이맘때 {place}에서 찍은 사진을 보니 언제 이렇게 컸나 싶다ㅠㅠ",
    "{when} {thing}을~ 잃어버린 줄 알고 한바탕 난리가 났었죠.",
    "{who}의 손을 꼭 잡고 {place}을~ 천천히 한 바퀴 돌았다.",
    "{when} 조용히 책을 읽으려고 했는데 {number}쪽도 못 읽고 잠들었다",
    "다음 달에는 꼭 {place}에 가서 {food}을~ 먹고 싶어요",
    "별것 아닌 하루였는데 {who} 덕분에 돌아보니 참 따뜻했다.",
    "{who}이~ 직접 그린 {thing}을~ 벽에 붙여 두었더니 방이 환해졌어요.",
    "길이 막혀서 {place}에 {number}분이나 늦었지만 아무도 화내지 않았다.",
    "{food}은~ 역시 {who}이~ 해 주는 게 최고라니까요.",
    "바람이 차가워져서 {thing}을~ 정리해야겠다고 생각만 {number}일째…",
    "어른이 되어도 {thing} 앞에서는 마음이 설레네요.",
    "{place}에서 들은 음악이 {when} 자꾸 귓가에 맴돈다.",
    "서툴지만 {food}을~ 끝까지 만들어 낸 {who}에게 박수를 보냈습니다 짝짝짝",
    "{who}은~ {place}으로~ 가는 버스 안에서 벌써 잠이 들어 버렸다.",
    "{thing}과~ {food}만 있으면 더 바랄 게 없다는 {who}의 말이 우습고도 예뻤다.",
)
_CHOICES = {name: words.split("|") for name, words in WORDS_OF.items()}
_BREAKS = ("\n", "\n", " ", " ", "\n\n", " \n")
_OTHER_FORM = {"을": "를", "은": "는", "이": "가", "과": "와", "으로": "로"}
_PARTICLE = re.compile(f"(.)({'|'.join(_OTHER_FORM)})~")
_L = 8  # the place of ㄹ among the last letters of a syllable


def caption(chance: random.Random) -> str:
    """A diary entry: sentences with emojis, now and then a mention, and hashtags at the end."""
    tags = " ".join(f"#{tag}" for tag in chance.sample(_CHOICES["tag"], chance.randint(2, 9)))
    # Most people write little.
    longest = round(chance.triangular(SHORTEST + 30, LONGEST, SHORTEST + 60)) - len(tags) - 1
    text = _sentence(chance)
    if chance.random() < 0.15:
        text += f" with @{mentioned(chance)}"
    while True:
        more = chance.choice(_BREAKS) + _sentence(chance)
        if len(text) + len(more) > longest and len(text) + len(tags) + 1 >= SHORTEST:
            return f"{text}\n{tags}"
        text += more


def comment(chance: random.Random) -> str:
    """What somebody writes below a post."""
    return chance.choice(("", "와 ", "우와! ", "ㅎㅎ ")) + _sentence(chance)


def mentioned(chance: random.Random) -> str:
    """The name of an account that is not among those collected."""
    return f"friend.of_{chance.randrange(5000)}"


def _sentence(chance: random.Random) -> str:
    pick = chance.random
    words = {name: kinds[int(pick() * len(kinds))] for name, kinds in _CHOICES.items()}
    text = _SENTENCES[int(pick() * len(_SENTENCES))].format_map({**words, "number": 2 + int(pick() * 58)})
    text = _PARTICLE.sub(_fitted, text)
    return f"{text} {words['emoji']}" if pick() < 0.3 else text


def _fitted(found: re.Match[str]) -> str:
    """The particle after a consonant, or its other form after a vowel; 으로 also drops its vowel after ㄹ."""
    before, particle = found.groups()
    final = (ord(before) - ord("가")) % 28
    if final == 0 or (particle == "으로" and final == _L):
        particle = _OTHER_FORM[particle]
    return before + particle
