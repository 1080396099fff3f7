"""Labelled texts and a vocabulary -> sequences of token ids of different lengths, one after the other in one tensor."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import safetensors.torch
import torch
from tokenizers import Encoding, Tokenizer
from torch import Tensor

from acn_bench.data.texts import TextData, TextSplit
from acn_bench.data.tokens import token_cache
from acn_bench.data.tokens.vocabulary import PAD, token_id

AT_ONCE = 10_000  # texts that are encoded in one call


@dataclass(frozen=True, eq=False)
class Encoded:
    """N sequences `[CLS] first [SEP]` or `[CLS] first [SEP] second [SEP]`."""

    ids: Tensor  # (all tokens,) int32
    starts: Tensor  # (N+1,) int64: sequence n is ids[starts[n] : starts[n+1]]
    second: Tensor  # (N,) int64: tokens before the second sentence; all of them where there is none
    overlong: int  # sequences that were cut to the longest length
    pad: int  # id

    def __len__(self) -> int:
        return len(self.second)

    @property
    def lengths(self) -> Tensor:
        """(N,) tokens, the special ones included."""
        return self.starts.diff()

    def to(self, device: torch.device) -> "Encoded":
        """The same sequences on a device."""
        ids, starts, second = (t.to(device) for t in (self.ids, self.starts, self.second))
        return replace(self, ids=ids, starts=starts, second=second)

    def batch(self, rows: Tensor, *, types: bool) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Rows (B,) -> token ids, attention mask, token types, (B, T) each; T is the longest of these rows.

        There is no mask where nothing is padded, and there are no types unless asked for.
        """
        starts, lengths = self.starts[rows], self.lengths[rows]
        longest = int(lengths.max())
        place = torch.arange(longest, device=rows.device)
        inside = place < lengths.unsqueeze(1)
        last = len(self.ids) - 1
        flat = self.ids[(starts.unsqueeze(1) + place).clamp_(max=last)].to(torch.int64)
        segments = (place >= self.second[rows].unsqueeze(1)) & inside
        return (
            flat.masked_fill_(~inside, self.pad),
            None if bool(inside.all()) else inside,
            segments.to(torch.int64) if types else None,
        )


def joined(parts: Sequence[Encoded]) -> Encoded:
    """The sequences of several splits, one after the other."""
    starts = torch.cat([torch.zeros(1, dtype=torch.int64), *(p.lengths for p in parts)]).cumsum(0)
    return Encoded(
        ids=torch.cat([p.ids for p in parts]),
        starts=starts,
        second=torch.cat([p.second for p in parts]),
        overlong=sum(p.overlong for p in parts),
        pad=parts[0].pad,
    )


def encoded(data: TextData, split: str, tokenizer: Tokenizer, longest: int) -> Encoded:
    """A split (`train` or a development set) as token ids, at most `longest` a sequence; stored on disk.

    Of a pair that is too long the longer sentence loses tokens first.
    """
    texts = data.train if split == "train" else data.tests[split]
    name = token_cache.key(data.fingerprint, data.name, split, tokenizer.to_str(), longest)
    stored = token_cache.stored(
        data.caches, f"{data.name}-{split}-{name}", lambda: [_bytes(texts, tokenizer, longest)]
    )
    tensors = safetensors.torch.load(token_cache.content(stored))
    return Encoded(
        ids=tensors["ids"],
        starts=tensors["starts"],
        second=tensors["second"],
        overlong=int(tensors["overlong"]),
        pad=token_id(tokenizer, PAD),
    )


def _bytes(texts: TextSplit, tokenizer: Tokenizer, longest: int) -> bytes:
    """The tensors of `Encoded` as safetensors."""
    cutting = Tokenizer.from_str(tokenizer.to_str())
    cutting.enable_truncation(longest, strategy="longest_first")
    ids: list[Tensor] = []
    lengths, second, overlong = [], [], 0
    for encoding in _encodings(texts.texts, cutting):
        ids.append(torch.tensor(encoding.ids, dtype=torch.int32))
        lengths.append(len(encoding.ids))
        second.append(lengths[-1] - sum(encoding.type_ids))
        overlong += bool(encoding.overflowing)
    tensors = {
        "ids": torch.cat(ids),
        "starts": torch.tensor([0, *lengths]).cumsum(0),
        "second": torch.tensor(second),
        "overlong": torch.tensor(overlong),
    }
    return safetensors.torch.save(tensors)


def _encodings(columns: Sequence[list[str]], tokenizer: Tokenizer) -> Iterator[Encoding]:
    for k in range(0, len(columns[0]), AT_ONCE):
        parts = [column[k : k + AT_ONCE] for column in columns]
        batch = list(zip(*parts, strict=True)) if len(parts) > 1 else parts[0]
        yield from tokenizer.encode_batch(batch)
