"""One file of weights -> a smaller one, and a note beside it."""

import hashlib
from pathlib import Path
from typing import Literal

import msgspec
import torch

from acn_bench import backbones, run_folder, weights_header
from acn_bench.analysis import depth_metrics
from acn_bench.analysis.final_model import final_model
from acn_bench.backbones import MultiHead, weights_file
from acn_bench.cores import cores
from acn_bench.device import resolve_precision
from acn_bench.evaluation import cost
from acn_bench.record import Record
from acn_bench.truncation.choice import Choice, chosen_depth
from acn_bench.truncation.files import (
    CUT_FROM,
    ENDING,
    check_output,
    load_record,
    note_path,
    weights_and_record,
)
from acn_bench.truncation.measure import measure
from acn_bench.truncation.note import Accuracy, Count, Cut, SufficientDepth


def truncate(
    source: Path, out: Path | None, choice: Choice, device: torch.device
) -> tuple[Cut, list[Path]]:
    """Truncate the network in `source`; write it to `out`, and a note (JSON) beside it. Returns note and paths.

    `source` is a run's weights, its record, or a file from `backbones.save`. The default of `out` is
    `<name>-cut.safetensors` beside the weights. Raises LookupError for a missing file; ValueError for a file of
    another kind, an impossible choice, bf16 where it is slow, or a path that cannot be written. Then nothing is written.
    """
    weights, record_path = weights_and_record(source)
    header = weights_header.header(weights)
    if header.backbone.function:
        raise ValueError(
            f"{weights}: a network of {header.backbone.function} has no depths to truncate at"
        )
    resolve_precision(header.precision, device)  # its speed is measured
    out = out or weights.with_name(f"{weights.stem}-cut{ENDING}")
    check_output(out, weights)
    record = load_record(weights, record_path)
    k = chosen_depth(choice, record, record_path)
    whole = backbones.load(weights)
    cut = whole.truncated(k) if isinstance(whole, MultiHead) else backbones.truncate(whole, k)
    torch.set_num_threads(min(torch.get_num_threads(), cores()))  # torch knows no quotas
    flops, speed = measure(whole, cut, device)

    run_folder.remove_parts(out.parent, out.stem)
    weights_file.write(cut, out, {CUT_FROM: weights.name})
    by_hand = choice.depth is not None
    note = Cut(
        checkpoint=weights.name,
        sha256=hashlib.sha256(weights.read_bytes()).hexdigest(),
        run_id=record.run_id if record else None,
        backbone=header.backbone.name,
        blocks=Count(before=whole.depth, after=k),
        chosen=choice.rule,
        tolerance=None if by_hand else choice.allowed,
        held_out=None if by_hand or not record else final_model(record).held_out,
        enough=_sufficient_depths(record) if record else [],
        validation_accuracy=_accuracy(record, "validation", k),
        test_accuracy=_accuracy(record, "test", k),
        parameters=Count(before=cost.parameters(whole), after=cost.parameters(cut)),
        flops=flops,
        bytes=Count(before=weights.stat().st_size, after=out.stat().st_size),
        speed=speed,
    )
    with run_folder.atomic(note_path(out)) as part:
        part.write_bytes(msgspec.json.format(msgspec.json.encode(note), indent=1))
    return note, [out, note_path(out)]


def _sufficient_depths(record: Record) -> list[SufficientDepth]:
    return [
        SufficientDepth(
            tolerance=tolerance,
            by_tolerance=depth_metrics.utilised_depth(record, tolerance),
            by_test=depth_metrics.sufficient_depth(record, tolerance),
        )
        for tolerance in depth_metrics.TOLERANCES
    ]


def _accuracy(
    record: Record | None, split: Literal["test", "validation"], k: int
) -> Accuracy | None:
    curve = depth_metrics.depth_curve(record, split) if record else None
    return Accuracy(before=curve[-1], after=curve[k]) if curve else None
