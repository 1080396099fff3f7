"""The provenance of the records that no run made; each kind's `example.py` has such a record."""

from collections.abc import Sequence

from acn_bench.result import DataProvenance, Guard, Provenance

DIGITS10 = DataProvenance(
    name="digits10", fingerprint="0123456789ab", canonical=False, train=1_351, test=446
)


def example_provenance(
    data: DataProvenance,
    seed: int,
    disjoint: str = "1,216, 135",
    further: Sequence[DataProvenance] = (),
) -> Provenance:
    """Of a run with this seed; `disjoint`: the rows that are trained on, and held out."""
    return Provenance(
        code="c0de5eed",
        commit=None,
        versions={"torch": "2.12.1"},
        device="cpu, 1 thread",
        time=f"2026-01-02T03:04:{seed:02}+00:00",
        data=data,
        further=list(further),
        comparable=False,
        why_not=[
            f"{data.name} is not the full original data: {data.train:,} training and {data.test:,} test images"
        ],
        guards=[Guard(name="no row is both trained on and held out", passed=True, detail=disjoint)],
    )
