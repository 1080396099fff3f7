"""Text -> a WordPiece vocabulary (Devlin et al. 2019, uncased); and the one of a checkpoint's folder."""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from acn_bench import parsing
from acn_bench.data.tokens import token_cache
from acn_bench.errors import message

PAD, UNKNOWN, START, END, MASK = SPECIAL = (
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
)  # ids 0 … 4
FILE = "tokenizer.json"


def stored(
    folders: Sequence[Path], fingerprint: str, texts: Callable[[], Iterable[str]], size: int
) -> Tokenizer:
    """As `trained`, of the texts with this fingerprint; kept in the first of `folders` that can be written."""
    name = f"vocabulary-{token_cache.key(fingerprint, size)}"
    made = token_cache.stored(folders, name, lambda: [trained(texts, size).to_str().encode()])
    return Tokenizer.from_str(token_cache.content(made).decode())


def trained(texts: Callable[[], Iterable[str]], size: int) -> Tokenizer:
    """A vocabulary of at most `size` pieces, lower case; the same texts give the same one. `texts` starts a fresh pass.

    Raises ValueError where the texts hold more characters than `size` has room for.
    """
    # the trainer numbers the characters inside words (##a) in the order of a hash table, and breaks ties by
    # number: the first pass, which merges nothing, lists them, and the second has them numbered
    inner = sorted(word for word in _vocabulary(texts(), [], 1) if word.startswith("##"))
    ids = _vocabulary(texts(), inner, size)
    if len(ids) > size:
        raise ValueError(
            f"vocab_size={size} has no room for the {len(ids):,} characters of the text: --set vocab_size={len(ids)} "
            "or more"
        )
    tokenizer = _wordpiece(ids, lowercase=True)
    tokenizer.add_special_tokens(list(SPECIAL))
    return with_template(tokenizer)


def _vocabulary(texts: Iterable[str], inner: list[str], size: int) -> dict[str, int]:
    """Piece -> id, of a trained vocabulary whose first ids are those of the special tokens and `inner`."""
    tokenizer = _wordpiece({UNKNOWN: 0}, lowercase=True)
    trainer = trainers.WordPieceTrainer(
        vocab_size=size, special_tokens=[*SPECIAL, *inner], show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    ids: dict[str, int] = tokenizer.get_vocab()
    return ids


def _wordpiece(ids: dict[str, int], *, lowercase: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def with_template(tokenizer: Tokenizer) -> Tokenizer:
    """The tokenizer, whose output is `[CLS] first [SEP]` or `[CLS] first [SEP] second [SEP]`."""
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}",
        pair=f"{START} $A {END} $B:1 {END}:1",
        special_tokens=[(word, tokenizer.token_to_id(word)) for word in (START, END)],
    )
    return tokenizer


def token_id(tokenizer: Tokenizer, word: str) -> int:
    """The id of a token that the vocabulary has."""
    found = tokenizer.token_to_id(word)
    assert found is not None
    return found


def of_folder(folder: Path, vocab_size: int) -> Tokenizer:
    """The tokenizer of a checkpoint in Transformers' format, `tokenizer.json` or `vocab.txt`.

    Raises LookupError where there is none, ValueError where it is damaged, lacks a special token, or has more
    pieces than the checkpoint's embedding, `vocab_size`.
    """
    whole, words = folder / FILE, folder / "vocab.txt"
    if not whole.is_file() and not words.is_file():
        raise LookupError(f"{folder} has no tokenizer: neither {FILE} nor vocab.txt is there")
    path = whole if whole.is_file() else words
    try:
        text = parsing.file_bytes(path).decode()
        tokenizer = Tokenizer.from_str(text) if path == whole else _of_words(text, folder)
    except Exception as e:  # tokenizers raises Exception itself
        raise ValueError(f"{path} is no tokenizer: {message(e)}") from e
    missing = next((word for word in SPECIAL if tokenizer.token_to_id(word) is None), None)
    if missing is not None:
        raise ValueError(f"{path} has no token {missing}: it is not a vocabulary of BERT")
    highest = max(tokenizer.get_vocab().values())
    if highest >= vocab_size:
        raise ValueError(
            f"{path} has ids up to {highest:,}, and the embedding of the checkpoint has {vocab_size:,} rows: they do "
            "not belong together"
        )
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return with_template(tokenizer)


def _of_words(text: str, folder: Path) -> Tokenizer:
    """The tokenizer of a `vocab.txt`, one piece a line."""
    ids = {word: k for k, word in enumerate(text.split("\n")) if word}
    config = folder / "tokenizer_config.json"
    options = parsing.json_object(parsing.file_bytes(config)) if config.is_file() else {}
    tokenizer = _wordpiece(ids, lowercase=bool(options.get("do_lower_case", True)))
    tokenizer.add_special_tokens([word for word in SPECIAL if word in ids])
    return tokenizer


def files(tokenizer: Tokenizer, max_length: int) -> dict[str, bytes]:
    """What `AutoTokenizer.from_pretrained` loads, by file name."""
    config: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": max_length,
        "pad_token": PAD,
        "unk_token": UNKNOWN,
        "cls_token": START,
        "sep_token": END,
        "mask_token": MASK,
    }
    whole = Tokenizer.from_str(tokenizer.to_str())
    whole.no_truncation()
    return {
        FILE: whole.to_str(pretty=True).encode(),
        "tokenizer_config.json": (json.dumps(config, indent=2) + "\n").encode(),
    }
