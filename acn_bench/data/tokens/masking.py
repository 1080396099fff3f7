"""Token ids and row numbers -> masked ids and the tokens to predict (Devlin et al. 2019), by row and epoch alone."""

from dataclasses import dataclass

import torch
from torch import Tensor

from acn_bench.data.counter import bits, sixteen_bits

MASKED, RANDOM = 0.8, 0.1  # of the chosen tokens: become [MASK], become any token; the rest stays


@dataclass(frozen=True)
class Masking:
    """Which tokens are chosen, and what they become. `specials` are never chosen: ids below it."""

    mask: int  # id of [MASK]
    specials: tuple[int, ...]  # ids
    vocabulary: int  # ids to draw from
    share: float  # of the tokens that are chosen, each for itself
    seed: int

    def chosen(self, ids: Tensor, rows: Tensor, epoch: int) -> Tensor:
        """Ids (B, T) of rows (B,) in an epoch -> which tokens are to be predicted, (B, T) of bool."""
        drawn = sixteen_bits(ids.shape[1], "chosen", self.seed, epoch, rows)
        special = torch.isin(ids, torch.tensor(self.specials, device=ids.device))
        return (drawn < round(self.share * 2**16)) & ~special

    def masked(self, ids: Tensor, rows: Tensor, epoch: int) -> tuple[Tensor, Tensor]:
        """Ids (B, T) -> what the network takes, (B, T), and `chosen`. No draw depends on other rows."""
        chosen = self.chosen(ids, rows, epoch)
        place = torch.arange(ids.shape[1], device=ids.device)
        drawn = bits("becomes", self.seed, epoch, rows.unsqueeze(1), place)
        fate = (drawn & 0xFFFF).to(torch.float32) / 2**16
        word = ((drawn >> 16) & 0x7FFFFFFF) % self.vocabulary
        changed = torch.where(
            fate < MASKED, self.mask, torch.where(fate < MASKED + RANDOM, word, ids)
        )
        return torch.where(chosen, changed, ids), chosen
