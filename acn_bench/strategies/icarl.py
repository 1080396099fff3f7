"""iCaRL: incremental classifier and representation learning."""

from typing import TYPE_CHECKING, Any

from acn_bench.spec import Count, Strategy
from acn_bench.strategies import compatibility

if TYPE_CHECKING:
    from acn_bench.benchmarks.continual.spec import ContinualSpec


class IcarlSpec(Strategy, frozen=True, kw_only=True, tag="icarl"):
    """iCaRL (Rebuffi et al. 2017): herding, distillation and the nearest class mean."""

    memory: Count = 500  # exemplars in total

    def refusal(self, protocol: "ContinualSpec") -> str | None:
        if protocol.heads == "each":
            return (
                "with a head for each experience, classes are numbered from 0 in every experience, and iCaRL keeps "
                "one mean for a number: it would merge the classes of different experiences"
            )
        return compatibility.own_loss(protocol) or compatibility.memory_below_classes(
            protocol, self.memory
        )

    def passes(self, protocol: "ContinualSpec", rows: float) -> float:
        return 1 + self.memory * (protocol.experiences - 1) / rows

    def learner(self, heads: list[str], settings: dict[str, Any]) -> Any:
        from avalanche.training.supervised import ICaRL

        from acn_bench.strategies.plugins.icarl import ExemplarState
        from acn_bench.strategies.prediction import NearestMeanPrediction
        from acn_bench.strategies.row_models import RowFeatures
        from acn_bench.strategies.state import with_state

        model = settings["model"]
        others = {k: v for k, v in settings.items() if k not in ("model", "criterion")}
        made = ICaRL(
            feature_extractor=RowFeatures(model),
            classifier=model.head,
            memory_size=self.memory,
            buffer_transform=int,  # an exemplar is a row number
            fixed_memory=True,
            **others,
        )
        made.own_prediction = NearestMeanPrediction(made, model.head.out_features)
        return with_state(made, ExemplarState(made))
