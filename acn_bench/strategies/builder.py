"""A strategy that a function of the user builds."""

from typing import Any

from acn_bench.spec import Strategy


class BuilderSpec(Strategy, frozen=True, kw_only=True, tag="builder"):
    """The user's own strategy: `pkg.module:builder`, called with (spec, heads, settings), returns the learner."""

    builder: str  # pkg.module:function
    values: dict[str, Any] = {}  # its hyper-parameters by name
    source: str = ""  # hash of the file that defines it: an edit is another run

    @property
    def function(self) -> str:
        return self.builder

    def learner(self, heads: list[str], settings: dict[str, Any]) -> Any:
        """Raises ValueError if the builder fails, or returns no Avalanche strategy."""
        from avalanche.training.templates import SupervisedTemplate

        from acn_bench import user_functions

        make = user_functions.function(self.builder, "strategy builder")
        with user_functions.guarded(f"{self.builder} failed"):
            made = make(self, heads, settings)
            fits = isinstance(made, SupervisedTemplate)
        if not fits:
            raise ValueError(
                f"{self.builder} must make a strategy of Avalanche's, not a {type(made).__name__}"
            )
        return made
