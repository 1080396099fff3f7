"""Check the input of a text backbone.

Every call checks shapes and dtypes. It checks values, too, except while a graph is traced, which has none.
"""

import torch
from torch import Tensor

from acn_bench.families.bert_checkpoint import TYPES

INTEGERS = (torch.int64, torch.int32)  # the dtypes that an embedding accepts


def check(
    input_ids: Tensor,
    attention_mask: Tensor | None,
    token_type_ids: Tensor | None,
    longest: int,
    vocabulary: int,
) -> None:
    """Raise ValueError for input that a backbone of at most `longest` tokens and `vocabulary` words cannot take."""
    if input_ids.dtype not in INTEGERS or input_ids.dim() != 2:
        raise ValueError(
            f"expected token ids (B, T) of integers, int64 or int32, got {tuple(input_ids.shape)} of "
            f"{input_ids.dtype}"
        )
    if not 1 <= input_ids.shape[1] <= longest:
        raise ValueError(f"expected 1 to {longest} tokens, got {input_ids.shape[1]}")
    _check_shape("attention mask", attention_mask, input_ids)
    _check_shape("token types", token_type_ids, input_ids)
    if token_type_ids is not None and token_type_ids.dtype not in INTEGERS:
        raise ValueError(
            f"expected token types of integers, int64 or int32, got {token_type_ids.dtype}"
        )
    if input_ids.numel() and _has_values(input_ids):
        _check_values(input_ids, attention_mask, token_type_ids, vocabulary)


def without_padding(input_ids: Tensor, pad: int) -> tuple[Tensor, Tensor | None]:
    """Token ids (B, T) -> those of the longest row (B, T'), and their mask; no mask where nothing is padded."""
    inside = input_ids != pad
    used = inside.any(dim=0).nonzero()
    longest = int(used[-1]) + 1 if len(used) else 1
    mask = inside[:, :longest]
    return input_ids[:, :longest], None if bool(mask.all()) else mask


def _check_shape(what: str, given: Tensor | None, input_ids: Tensor) -> None:
    if given is not None and given.shape != input_ids.shape:
        raise ValueError(
            f"expected {what} of the token ids' shape {tuple(input_ids.shape)}, got {tuple(given.shape)}"
        )


def _has_values(x: Tensor) -> bool:
    tracing = torch.compiler.is_compiling() or x.is_meta
    return not tracing and not (x.is_cuda and torch.cuda.is_current_stream_capturing())


def _check_values(
    input_ids: Tensor, attention_mask: Tensor | None, types: Tensor | None, vocabulary: int
) -> None:
    _check_range("token ids", input_ids, vocabulary)
    if types is not None:
        _check_range("token types", types, TYPES)
    if attention_mask is None or attention_mask.dtype == torch.bool:
        return
    others = attention_mask[(attention_mask != 0) & (attention_mask != 1)]
    if len(others):
        # other libraries add a mask of 0 and -inf to the scores: there 0 means the opposite
        raise ValueError(
            "expected an attention mask of 1 (attend) and 0 (masked), got one with "
            f"{others[0].item()}"
        )


def _check_range(what: str, ids: Tensor, count: int) -> None:
    lowest, highest = (int(x) for x in ids.aminmax())
    if lowest < 0 or highest >= count:
        raise ValueError(
            f"expected {what} from 0 to {count - 1}, got {lowest if lowest < 0 else highest}"
        )
