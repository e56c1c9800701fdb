"""Drift: what looks alike is left alone, what does not is said with figures, and no text is kept."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import vstack

from core.errors import InputError
from core.statistics.caption_views import vectors_of, views_of, words_of
from core.statistics.drift import (
    Drift,
    Profile,
    compare,
    read_profile,
    shift_limit,
    stability_index,
    training_profile,
    write_profile,
)
from core.statistics.word_distance import WordCloud

COMMON = [
    "the",
    "and",
    "to",
    "of",
    "a",
    "in",
    "is",
    "it",
    "you",
    "that",
    "he",
    "was",
    "for",
    "on",
    "are",
    "with",
    "this",
]
RARE = [f"{first}{second}{third}" for first in "bcdfg" for second in "aeiou" for third in "lmnprst"]


def accounts(number: int, seed: int, captions: int = 20, words: int = 10, rare: float = 0.2) -> list[list[str]]:
    """English-like accounts of unlike length; ``rare`` is the share of words of the account's own choice."""
    rng = np.random.default_rng(seed)

    def caption(own: list[str], mean: float) -> str:
        length = max(1, int(rng.poisson(mean)))
        return " ".join(str(rng.choice(own if rng.random() < rare else COMMON)) for _ in range(length))

    found = []
    for _ in range(number):
        own = [*rng.choice(RARE, 5), *(f"word{letter}" for letter in rng.permutation(list("abcdefgh")))]
        mean = words * rng.uniform(0.5, 1.5)
        found.append([caption(own, mean) for _ in range(max(1, int(rng.poisson(captions))))])
    return found


def differing(training: list[list[str]], predicted: list[list[str]]) -> set[str]:
    return {difference.name for difference in compare(training_profile(training), predicted) if difference.differs}


@pytest.fixture(scope="module")
def training() -> list[list[str]]:
    return accounts(150, 1)


@pytest.mark.slow
@pytest.mark.parametrize("number", [12, 150])
def test_accounts_of_the_same_kind_do_not_differ(training: list[list[str]], number: int) -> None:
    assert differing(training, accounts(number, 2)) == set()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("predicted", "expected"),
    [
        (accounts(100, 3, captions=6), {"captions"}),
        (accounts(100, 3, words=4), {"words"}),
        (accounts(100, 3, words=4, captions=60), {"words", "captions"}),
    ],
)
def test_fewer_or_shorter_captions_are_noticed(
    training: list[list[str]], predicted: list[list[str]], expected: set[str]
) -> None:
    assert expected <= differing(training, predicted) <= {*expected, "known_words"}


def test_strange_words_are_noticed_and_the_sentence_gives_the_figures(training: list[list[str]]) -> None:
    strange = [[caption.replace("e", "qx") for caption in account] for account in accounts(100, 4)]
    found = {difference.name: difference for difference in compare(training_profile(training), strange)}
    vocabulary = found["known_words"]
    assert vocabulary.differs
    assert vocabulary.predicted < vocabulary.training  # type: ignore[operator]
    assert (
        f"{vocabulary.predicted:.0%} of an account's words are known, {vocabulary.training:.0%}" in vocabulary.sentence
    )
    assert not found["captions"].differs


def test_another_language_is_noticed(training: list[list[str]]) -> None:
    german = [["ich liebe dich und die ganze Welt", "heute war wirklich ein schöner Tag"] * 10] * 40
    language = compare(training_profile(training), [*accounts(60, 5), *german])[-1]
    assert language.differs
    assert language.predicted["en"] == pytest.approx(0.6, abs=0.03)  # type: ignore[index]
    assert "60% of the accounts write mostly in 'en'" in language.sentence


AT_LEAST = {21.0: [True, False] * 75}


def by_class(training: list[list[str]]) -> Profile:
    """Accounts at even places are at least 21, and laugh."""
    laughing = [[*captions, "lol haha " * 20] if at % 2 else captions for at, captions in enumerate(training)]
    return training_profile(laughing, AT_LEAST)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_other_shares_of_the_classes_forbid_nothing(training: list[list[str]], share: float) -> None:
    predicted = accounts(100, 2)
    predicted = [
        [*captions, "lol haha " * 20] if at >= 100 * share else captions for at, captions in enumerate(predicted)
    ]
    found = Drift.of(compare(by_class(training), predicted, 21))
    assert found.is_by_texts
    assert found.forbidding == []


def test_other_words_or_a_language_never_met_forbid_a_corrected_share(training: list[list[str]]) -> None:
    profile = by_class(training)
    strange = [[caption.replace("e", "qx") for caption in account] for account in accounts(100, 4)]
    assert "words that these accounts use are not" in Drift.of(compare(profile, strange, 21)).forbidding[0]
    german = [["ich liebe dich und die ganze Welt", "heute war wirklich ein schöner Tag"] * 10] * 40
    sentences = Drift.of(compare(profile, [*accounts(60, 5), *german], 21)).forbidding
    assert any("languages that the model hardly met" in sentence for sentence in sentences)


@pytest.mark.parametrize(
    ("view", "odd"),
    [
        ("letters", str.upper),
        ("letters", lambda caption: " ".join(f"#{word}" for word in caption.split())),
        ("caption_lengths", lambda caption: " ".join([caption] * 4)),
        ("word_pairs", lambda caption: " ".join(sorted(caption.split()))),
    ],
    ids=["capitals", "number signs", "four times over", "in alphabetical order"],
)
def test_the_same_words_in_an_odd_form_forbid_a_corrected_share(
    training: list[list[str]], view: str, odd: Callable[[str], str]
) -> None:
    profile, predicted = by_class(training), [[*captions, "lol haha " * 20] for captions in accounts(60, 2)]
    assert Drift.of(compare(profile, predicted, 21)).forbidding == []
    found = compare(profile, [[odd(caption) for caption in captions] for captions in predicted], 21)
    assert view in {difference.name for difference in found if difference.forbids}


def test_views_take_captions_of_any_kind_and_count_nothing_across_two() -> None:
    for captions in (["\0", ""], ["\ud800 lone"], ["a"], ["🎉🎉🎉"], ["word " * 10_000]):
        for buckets, values in views_of(captions, words_of(captions)).values():
            assert np.all(np.diff(buckets) > 0)
            assert np.all(np.isfinite(values))
    apart, joined = (views_of(captions, words_of(captions)) for captions in (["ab", "cd"], ["ab cd"]))
    for view in ("word_pairs", "letters"):
        assert len(apart[view][0]) == 0
        assert len(joined[view][0]) > 0


def mixed(number: int, seed: int, laughing: float, at_least: float = 0.5) -> tuple[list[list[str]], list[bool]]:
    """Accounts of two kinds, one of which laughs, and who is at least 21: they say "the kids"."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(number) < at_least).tolist()
    laughs = rng.random(number) < laughing
    made = [
        [*captions, *["the kids"] * (8 if old else 2), *["lol haha omg"] * (30 if laugh else 2)]
        for captions, old, laugh in zip(accounts(number, seed), truth, laughs, strict=True)
    ]
    return made, truth


@pytest.fixture(scope="module")
def of_two_kinds() -> Profile:
    made, truth = mixed(200, 11, laughing=1 / 3)
    return training_profile(made, {21.0: truth})


@pytest.mark.slow
@pytest.mark.parametrize("at_least", [0.1, 0.9])
def test_a_mixture_of_kinds_may_be_asked_about_few_accounts_of_any_age(of_two_kinds: Profile, at_least: float) -> None:
    for seed in range(20, 28):
        asked = mixed(20, seed, 1 / 3, at_least)[0]
        assert Drift.of(compare(of_two_kinds, asked, 21)).forbidding == []


@pytest.mark.slow
@pytest.mark.parametrize("laughing", [0.0, 1.0])
def test_one_part_of_a_mixture_forbids_a_corrected_share(of_two_kinds: Profile, laughing: float) -> None:
    for seed in range(20, 24):
        found = compare(of_two_kinds, mixed(30, seed, laughing)[0], 21)
        assert any("perhaps one part of them" in sentence for sentence in Drift.of(found).forbidding)


def test_a_profile_of_words_alone_is_of_an_older_version(of_two_kinds: Profile) -> None:
    record = of_two_kinds.record()
    words_alone = {cutoff: {"words_used": views["words_used"]} for cutoff, views in record.views.items()}
    kept = record.model_copy(update={"views": words_alone})
    assert not Drift.of(compare(Profile.of_record(kept), accounts(20, 3), 21)).is_by_texts


def test_copies_of_an_account_count_once() -> None:
    one, other = (vectors_of([(np.arange(at, at + 20, dtype=np.int32), np.full(20, 0.2))]) for at in (1, 100))
    assert WordCloud.of(vstack([one] * 10)).accounts == 1
    assert WordCloud.of(vstack([one, other])).accounts == 2
    short = vectors_of([(np.array([1], np.int32), np.array([1.0]))] * 10)
    assert WordCloud.of(short).accounts == 10


def test_chinese_of_another_kind_is_noticed_though_it_has_no_spaces() -> None:
    rng = np.random.default_rng(3)

    def drawn(characters: str, number: int) -> list[list[str]]:
        return [["".join(rng.choice([*characters], 12)) for _ in range(20)] for _ in range(number)]

    everyday, news = "我你他的是了不在有人这中大来上国个到说们", "国家经济市场公司发展政府银行投资企业增长"
    profile = training_profile(drawn(everyday, 60), {21.0: [True, False] * 30})
    assert Drift.of(compare(profile, drawn(everyday, 50), 21)).forbidding == []
    assert "words that these accounts use" in Drift.of(compare(profile, drawn(news, 50), 21)).forbidding[0]


def test_a_profile_of_an_older_version_is_no_comparison_of_words(training: list[list[str]]) -> None:
    old = training_profile(training)
    assert not Drift.of(compare(old, [["one"]] * 50, 21)).is_by_texts
    assert not Drift.of(compare(old, accounts(150, 2), 21)).is_by_texts


def test_a_training_accounts_own_words_do_not_count_as_known_to_itself() -> None:
    four_share_a_word = [["unusual " * 10] for _ in range(4)]
    profile = training_profile([*four_share_a_word, *([["the and"]] * 20)])
    assert profile.measures["known_words"].mean == pytest.approx(20 / 24)
    five_share_a_word = [["unusual " * 10] for _ in range(5)]
    profile = training_profile([*five_share_a_word, *([["the and"]] * 20)])
    assert profile.measures["known_words"].mean == pytest.approx(20 / 25)  # four others are not enough
    assert compare(profile, [["unusual"]])[2].predicted == 1  # five are


def test_a_profile_goes_through_its_file_and_holds_no_text(training: list[list[str]], tmp_path: Path) -> None:
    profile = training_profile([*training, ["mysecretword and the"]], {21.0: [*AT_LEAST[21.0], True]})
    write_profile(tmp_path, profile)
    assert read_profile(tmp_path) == profile
    text = (tmp_path / "profile.json").read_text()
    assert "mysecretword" not in text
    assert not any(f'"{word}"' in text for word in COMMON if len(word) > 2)
    assert read_profile(tmp_path / "nowhere") is None


@pytest.mark.parametrize("content", ["{}", "[]", "nonsense", '{"accounts": 1, "measures": {"a": {}}}'])
def test_a_damaged_profile_says_so(tmp_path: Path, content: str) -> None:
    (tmp_path / "profile.json").write_text(content)
    with pytest.raises(InputError, match="Train the model anew"):
        read_profile(tmp_path)


def test_accounts_without_captions_do_not_count_and_without_words_do_no_harm(training: list[list[str]]) -> None:
    profile = training_profile([*training, [], []])
    assert profile.accounts == 150
    result = Drift.of(compare(profile, [[], ["🎉", "..."], ["123"]]))
    assert len(result.differences) == 4
    json.dumps(result.model_dump(mode="json"), allow_nan=False)
    nobody: list[list[str]] = []
    silent: list[list[str]] = [[]]
    for nothing in (nobody, silent):
        with pytest.raises(InputError, match="has a caption"):
            compare(profile, nothing)
        with pytest.raises(InputError, match="has a caption"):
            training_profile(nothing)


def test_the_stability_index_is_that_of_the_textbook_and_the_limit_grows_with_chance() -> None:
    before, after = np.array([1000, 1000]) * 1000, np.array([1500, 500]) * 1000
    expected = 0.25 * np.log(0.75 / 0.5) + -0.25 * np.log(0.25 / 0.5)
    assert stability_index(before, after) == pytest.approx(expected, rel=1e-3)
    assert shift_limit(before, after) == 0.25
    assert shift_limit(np.full(10, 5), np.full(10, 2)) == pytest.approx(21.67 * (1 / 50 + 1 / 20), rel=1e-3)


def test_chance_alone_is_rarely_called_drift() -> None:
    rng = np.random.default_rng(6)
    shares = np.full(10, 0.1)
    pairs = [(rng.multinomial(150, shares), rng.multinomial(60, shares)) for _ in range(500)]
    assert np.mean([stability_index(*pair) > shift_limit(*pair) for pair in pairs]) < 0.02
