"""A corpus and a vocabulary -> full sequences of one length, `[CLS] … [SEP]`, in a file that need not fit into memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from torch import Tensor

from acn_bench.data.corpus import Corpus, Paragraphs
from acn_bench.data.tokens import token_cache
from acn_bench.data.tokens.vocabulary import END, START, token_id

AT_ONCE = 1000  # paragraphs that are encoded in one call


@dataclass(frozen=True, eq=False)
class Packed:
    """N sequences of the same length; documents follow each other with a `[SEP]` between two."""

    tokens: npt.NDArray[np.uint16] | npt.NDArray[np.int32]  # (N, length - 2), in memory or on disk
    start: int  # id of [CLS]
    end: int  # id of [SEP]

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def length(self) -> int:
        """Tokens of a sequence, [CLS] and [SEP] included."""
        return int(self.tokens.shape[1]) + 2

    def batch(self, rows: Tensor) -> Tensor:
        """Rows (B,) -> token ids (B, length), int64, on the device of the rows."""
        inner = torch.from_numpy(self.tokens[rows.cpu().numpy()].astype(np.int64))
        ids = torch.nn.functional.pad(inner, (1, 1))
        ids[:, 0], ids[:, -1] = self.start, self.end
        return ids.to(rows.device)


def packed(data: Corpus, split: str, tokenizer: Tokenizer, length: int) -> Packed:
    """The text to train on (`train`) or to test on (`test`), stored on disk; a last sequence that is not full is dropped.

    Raises ValueError where the text fills no sequence.
    """
    paragraphs = data.train if split == "train" else data.test
    dtype = np.dtype(np.uint16 if tokenizer.get_vocab_size() <= 2**16 else np.int32)
    name = token_cache.key(data.fingerprint, data.name, split, tokenizer.to_str(), length)
    stored = token_cache.stored(
        data.caches,
        f"{data.name}-{split}-{name}",
        lambda: (row.astype(dtype).tobytes() for row in _rows(paragraphs, tokenizer, length - 2)),
    )
    if isinstance(stored, bytes):
        flat = np.frombuffer(stored, dtype)
    else:
        count = (stored.stat().st_size - token_cache.TRAILER) // dtype.itemsize
        flat = np.memmap(stored, dtype, "r", shape=(count,)) if count else np.empty(0, dtype)
    if not len(flat):
        raise ValueError(
            f"the text of {data.name} to {split} on is too short for one sequence of {length} tokens"
        )
    start, end = (token_id(tokenizer, word) for word in (START, END))
    return Packed(flat.reshape(-1, length - 2), start, end)


def _rows(
    paragraphs: Paragraphs, tokenizer: Tokenizer, width: int
) -> Iterator[npt.NDArray[np.int64]]:
    """(n, width) full rows, some at a time."""
    end = token_id(tokenizer, END)
    waiting: list[int] = []
    lines = paragraphs()
    while batch := list(islice(lines, AT_ONCE)):
        for line, encoding in zip(
            batch, tokenizer.encode_batch_fast(batch, add_special_tokens=False), strict=True
        ):
            if line:
                waiting += encoding.ids
            elif waiting and waiting[-1] != end:
                waiting.append(end)
        full = len(waiting) // width * width
        yield np.array(waiting[:full], np.int64).reshape(-1, width)
        waiting = waiting[full:]
