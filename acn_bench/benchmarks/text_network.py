"""A run's config -> its text network, from scratch or from a checkpoint, as a classifier or for masked tokens."""

from functools import lru_cache
from pathlib import Path
from typing import cast

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from acn_bench import backbones
from acn_bench.backbones import Backbone, bert_folder
from acn_bench.backbones.bert import MaskedHead, initialise
from acn_bench.backbones.state_dict_mismatch import state_dict_mismatch
from acn_bench.config import RunConfig
from acn_bench.data.generators import preserved_generators, seed_everything
from acn_bench.data.tokens import vocabulary
from acn_bench.families.bert import BertSpec


class TextClassifier(nn.Module):
    """Token ids, attention mask and types (B, T) -> logits (B, K), or a number (B, 1)."""

    def __init__(self, backbone: Backbone, head: nn.Linear) -> None:
        super().__init__()
        backbone.head = nn.Identity()  # the backbone returns features
        self.backbone = backbone
        self.head = head

    def forward(
        self, ids: Tensor, mask: Tensor | None = None, types: Tensor | None = None
    ) -> Tensor:
        logits: Tensor = self.head(self.backbone(ids, mask, types))
        return logits

    def depths(self, ids: Tensor, mask: Tensor | None, types: Tensor | None) -> Tensor:
        """As `forward`, after 0 … L blocks, (L+1, B, K): pooler and head at every depth."""
        logits: Tensor = self.head(self.backbone.feature_depths(ids, mask, types))
        return logits


class Unread(nn.Module):
    """A readout without weights for a network whose head takes every token: the first one, (B, T, D) -> (B, D)."""

    def pool(self, x: Tensor) -> Tensor:
        return x[:, 0]

    forward = pool


class MaskedModel(nn.Module):
    """Token ids (B, T) and chosen tokens (B, T) of bool -> logits of the chosen ones, (n, V)."""

    def __init__(self, backbone: Backbone, head: MaskedHead) -> None:
        """The decoder's weight becomes the word embedding (Devlin et al. 2019)."""
        super().__init__()
        backbone.head, backbone.readout = nn.Identity(), Unread()
        head.decoder.weight = cast(nn.Embedding, backbone.stem.word).weight
        self.backbone = backbone
        self.head = head

    def forward(self, ids: Tensor, chosen: Tensor) -> Tensor:
        with self.backbone.autocast():  # the decoder is most of a small network's work
            logits: Tensor = self.head(self.backbone.hidden_state(ids)[chosen])
        return logits.float()

    def depths(self, ids: Tensor, chosen: Tensor) -> list[Tensor]:
        """As `forward`, after 0 … L blocks."""
        states = self.backbone.hidden_states(ids)
        with self.backbone.autocast():
            return [self.head(state[chosen]).float() for state in states]


def classifier(config: RunConfig, outputs: int) -> TextClassifier:
    """The network with a new head. Its new weights depend on the seed `init` alone."""
    backbone, _ = started(config)
    spec = cast(BertSpec, config.backbone)
    seed_everything("head", config.seeds.init, 0)
    head = nn.Linear(spec.width, outputs)
    initialise(head, spec.initialisation)
    return TextClassifier(backbone, head)


def masked_model(config: RunConfig) -> MaskedModel:
    """The network with BERT's head for masked tokens, which a checkpoint may hold, too."""
    backbone, weights = started(config)
    spec = cast(BertSpec, config.backbone)
    seed_everything("masked head", config.seeds.init)
    head = MaskedHead(spec.width, spec.vocab_size)
    initialise(head, spec.initialisation)
    if weights:
        head.load_state_dict(weights)
    return MaskedModel(backbone, head)


def tokenizer_of_start(config: RunConfig) -> Tokenizer | None:
    """The tokenizer of the checkpoint; None from scratch. Raises LookupError, ValueError."""
    if config.benchmark.start == "scratch":
        return None
    size = cast(BertSpec, config.backbone).vocab_size
    return vocabulary.of_folder(_folder(config), size)


def _folder(config: RunConfig) -> Path:
    folder: Path = config.benchmark.folder(config.backbone, config.seeds.init)
    return folder


def started(config: RunConfig) -> tuple[Backbone, dict[str, Tensor]]:
    """The network with the seed's weights or a checkpoint's, and the weights of a head for masked tokens, or none."""
    seed_everything("backbone", config.seeds.init)
    spec = cast(BertSpec, config.backbone)
    network = backbones.from_spec(spec, 1, precision=config.precision)
    if config.benchmark.start == "scratch":
        return network, {}
    folder = _folder(config)
    body, head = bert_folder.read(folder)
    network.load_state_dict(_fitting(network, body, folder))
    return network, head


def check_start(config: RunConfig) -> None:
    """Read the checkpoint that a run starts from, once for all its runs.

    Raises LookupError where it has no weights or no tokenizer, ValueError where they, its config and its vocabulary do
    not belong together.
    """
    if config.benchmark.start != "scratch":
        _check(_folder(config), config.benchmark.checkpoint_hash, cast(BertSpec, config.backbone))


@lru_cache
def _check(folder: Path, hashed: str, spec: BertSpec) -> None:  # noqa: ARG001 - other files are read anew
    vocabulary.of_folder(folder, spec.vocab_size)
    with preserved_generators(), torch.device("meta"):  # shapes alone
        network = backbones.from_spec(spec, 1)
    body, _ = bert_folder.read(folder)
    _fitting(network, body, folder)


def _fitting(network: Backbone, weights: dict[str, Tensor], folder: Path) -> dict[str, Tensor]:
    """All weights but those of the head; a pooler that the checkpoint lacks and the wiring's own stay as they are."""
    own = {k: v for k, v in network.state_dict().items() if k.startswith(("head.", "wiring."))}
    if not any(name.startswith("readout.") for name in weights):
        own |= {k: v for k, v in network.state_dict().items() if k.startswith("readout.")}
    whole = {k: v for k, v in weights.items() if not k.startswith("wiring.")} | own
    if wrong := state_dict_mismatch(network, whole):
        raise ValueError(f"{folder}: config and weights do not fit: {wrong}")
    return whole
