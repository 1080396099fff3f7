"""Learning without Forgetting: distillation from the model before the experience."""

from typing import Any, ClassVar

from acn_bench.spec import NotNegative, Positive, Strategy


class LwfSpec(Strategy, frozen=True, kw_only=True, tag="lwf"):
    """Learning without Forgetting (Li & Hoiem 2016): the model before the experience is the teacher."""

    cost_factor: ClassVar[float] = 4 / 3  # the teacher's forward pass
    selectable: ClassVar[str | None] = "alpha"

    alpha: NotNegative = 1.0  # weight of the distillation loss
    temperature: Positive = 2.0  # of the softmax in the distillation loss

    def learner(self, heads: list[str], settings: dict[str, Any]) -> Any:
        from acn_bench.strategies.learner import with_plugin
        from acn_bench.strategies.plugins.lwf import LearningWithoutForgetting

        plugin = LearningWithoutForgetting(self.alpha, self.temperature)
        return with_plugin(plugin, settings, plugin)
