"""Vocabularies, encoded and packed sequences, masking, and their cache."""

import subprocess
import sys

import pytest
import torch

from acn_bench.data import corpus, loading, texts
from acn_bench.data.tokens import encoded, packed, token_cache, vocabulary
from acn_bench.data.tokens.masking import Masking

TEXT = "The cat sat on the mat.\nIt slept.\n\nAnother document: unbelievable, unforgettable.\n" * 20


@pytest.fixture(scope="module")
def rules():
    return loading.load("rules_rte")


@pytest.fixture(scope="module")
def tokenizer(rules):
    return vocabulary.trained(lambda: rules.train.texts[0], 200)


@pytest.fixture
def books(tmp_path):
    """A corpus of two files, as a user has them."""
    folder = tmp_path / "text"
    folder.mkdir()
    (folder / "books_train.txt").write_text(TEXT)
    (folder / "books_valid.txt").write_text(TEXT[:200])
    corpus.load.cache_clear()
    yield corpus.load("text", tmp_path)
    corpus.load.cache_clear()


VOCABULARY = """
import sys
from acn_bench.data.tokens import vocabulary
texts = sys.stdin.read().splitlines()
print(vocabulary.trained(lambda: texts, 300).to_str())
"""


def test_a_vocabulary_is_the_same_in_every_process():
    texts = "\n".join(loading.load("rules_text").train())
    made = [
        subprocess.run(
            [sys.executable, "-c", VOCABULARY],
            input=texts,
            text=True,
            capture_output=True,
            check=True,
        ).stdout
        for _ in range(2)
    ]
    assert made[0] == made[1]


def test_a_vocabulary_has_the_special_tokens_first_and_at_most_its_size(tokenizer):
    assert [tokenizer.token_to_id(word) for word in vocabulary.SPECIAL] == [0, 1, 2, 3, 4]
    assert tokenizer.get_vocab_size() <= 200
    assert tokenizer.encode("The doctor").tokens[:2] == ["[CLS]", "the"]
    with pytest.raises(ValueError, match=r"vocab_size=10 has no room .*--set vocab_size="):
        vocabulary.trained(lambda: ["abcdefghijklmno"], 10)


def test_a_tokenizer_that_does_not_fit_its_checkpoint_is_refused(tokenizer, tmp_path):
    with pytest.raises(LookupError, match="has no tokenizer"):
        vocabulary.of_folder(tmp_path, 200)
    for name, content in vocabulary.files(tokenizer, 64).items():
        (tmp_path / name).write_bytes(content)
    assert vocabulary.of_folder(tmp_path, 200).to_str() == tokenizer.to_str()
    with pytest.raises(ValueError, match="the embedding of the checkpoint has 50 rows"):
        vocabulary.of_folder(tmp_path, 50)
    (tmp_path / vocabulary.FILE).write_text("{}")
    with pytest.raises(ValueError, match="is no tokenizer"):
        vocabulary.of_folder(tmp_path, 200)


def test_a_vocab_txt_serves_as_well(tokenizer, tmp_path):
    words = sorted(tokenizer.get_vocab(), key=tokenizer.token_to_id)
    (tmp_path / "vocab.txt").write_text("\n".join(words) + "\n")
    again = vocabulary.of_folder(tmp_path, 200)
    assert again.encode("the doctor", "a king").ids == tokenizer.encode("the doctor", "a king").ids


def test_pairs_are_encoded_with_types_and_padded_to_the_longest_of_a_batch(rules, tokenizer):
    sequences = encoded.encoded(rules, "train", tokenizer, 64)
    ids, mask, types = sequences.batch(torch.tensor([3, 5]), types=True)
    for k, row in enumerate((3, 5)):
        alone = tokenizer.encode(rules.train.texts[0][row], rules.train.texts[1][row])
        count = len(alone.ids)
        assert ids[k].tolist() == alone.ids + [0] * (ids.shape[1] - count)
        assert types[k, :count].tolist() == alone.type_ids
        assert mask is None or mask[k].sum() == count
    assert sequences.batch(torch.tensor([3, 3]), types=False)[1:] == (None, None)


def test_sequences_that_are_too_long_are_cut_and_counted(rules, tokenizer):
    short = encoded.encoded(rules, "train", tokenizer, 12)
    lengths = encoded.encoded(rules, "train", tokenizer, 64).lengths
    assert short.lengths.max() == 12
    assert short.overlong == (lengths > 12).sum()
    assert short.ids[short.starts[1:] - 1].unique().tolist() == [tokenizer.token_to_id("[SEP]")]


def test_packed_sequences_hold_the_text_in_order(books, tokenizer):
    tokenizer = vocabulary.trained(books.train, 100)
    made = packed.packed(books, "train", tokenizer, 16)
    ids = made.batch(torch.arange(len(made)))
    assert ids.shape == (len(made), 16)
    assert set(ids[:, 0].tolist()) == {made.start}
    assert set(ids[:, -1].tolist()) == {made.end}
    whole = []
    for line in books.train():
        whole += tokenizer.encode(line, add_special_tokens=False).ids if line else [made.end]
    whole = [t for k, t in enumerate(whole) if k == 0 or (t, whole[k - 1]) != (made.end, made.end)]
    flat = ids[:, 1:-1].flatten().tolist()
    assert flat == whole[: len(flat)]
    assert len(whole) - len(flat) < 14


def test_a_text_that_fills_no_sequence_is_refused(books):
    tokenizer = vocabulary.trained(books.train, 100)
    with pytest.raises(ValueError, match="too short for one sequence of 5000 tokens"):
        packed.packed(books, "train", tokenizer, 5000)


def test_missing_text_is_named(tmp_path):
    with pytest.raises(LookupError, match="there is no text at"):
        loading.load("text", tmp_path)
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a_train.txt").write_text("Hello.\n")
    with pytest.raises(LookupError, match=r"a_valid.txt is missing"):
        loading.load("text", tmp_path)


# ---------------------------------------------------------------- masking


IDS = torch.randint(5, 100, (300, 128), generator=torch.Generator().manual_seed(0))
MASKING = Masking(mask=4, specials=(0, 1, 2, 3, 4), vocabulary=100, share=0.15, seed=1)


def test_a_mask_depends_on_seed_epoch_and_row_alone():
    rows = torch.arange(300)
    whole, chosen = MASKING.masked(IDS, rows, 2)
    some = torch.tensor([7, 3, 250])
    part, of_part = MASKING.masked(IDS[some], some, 2)
    assert torch.equal(part, whole[some])
    assert torch.equal(of_part, chosen[some])
    assert torch.equal(MASKING.chosen(IDS, rows, 2), chosen)
    assert not torch.equal(MASKING.chosen(IDS, rows, 3), chosen)


def test_15_per_cent_are_chosen_of_which_80_are_masked_and_10_random():
    ids = IDS.clone()
    ids[:, 0] = 2
    changed, chosen = MASKING.masked(ids, torch.arange(300), 0)
    assert chosen.float().mean() == pytest.approx(0.15 * 127 / 128, abs=0.01)
    assert not chosen[:, 0].any()
    assert torch.equal(changed[~chosen], ids[~chosen])
    now, before = changed[chosen], ids[chosen]
    assert (now == 4).float().mean() == pytest.approx(0.8, abs=0.03)
    assert (now == before).float().mean() == pytest.approx(0.1, abs=0.02)


# ---------------------------------------------------------------- the cache


def test_what_is_stored_is_read_and_a_damaged_file_is_made_anew(tmp_path):
    made = []

    def make():
        made.append(1)
        yield b"one"
        yield b"two"

    folders = (tmp_path / "a", tmp_path / "b")
    for _ in range(2):
        path = token_cache.stored(folders, "name", make)
        assert token_cache.content(path) == b"onetwo"
    assert made == [1]
    path.write_bytes(path.read_bytes().replace(b"two", b"owt"))
    assert token_cache.content(token_cache.stored(folders, "name", make)) == b"onetwo"
    path.rename(path.with_name("other"))  # under another name it is another content
    token_cache.stored(folders, "other", make)
    assert len(made) == 3
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["other"]


def test_without_a_folder_that_can_be_written_tokens_stay_in_memory(rules, tmp_path):
    (tmp_path / "file").touch()
    assert token_cache.stored([tmp_path / "file" / "x"], "name", lambda: [b"here"]) == b"here"


def test_tokens_on_disk_equal_those_in_memory(books, rules, tokenizer, tmp_path):
    on_disk = texts.TextData(
        rules.name, rules.task, rules.train, rules.tests, False, rules.fingerprint,
        caches=(tmp_path,),
    )  # fmt: skip
    for _ in range(2):
        first = encoded.encoded(on_disk, "dev", tokenizer, 32)
        assert torch.equal(first.ids, encoded.encoded(rules, "dev", tokenizer, 32).ids)
