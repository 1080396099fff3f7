"""Import robustbench, with substitutes for two modules that its wheel expects and does not bring.

robustbench 1.1.1 imports `autoattack`, and its wheel depends on `pyautoattack`, the same attacks under another name
and with other argument names. It imports `pkg_resources`, which setuptools has no more from version 82 on.

A substitute is used only where the module is missing, and only while robustbench is imported: afterwards
`import autoattack` and `import pkg_resources` fail as before, so that no other library takes them for the real ones.
"""

import importlib
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

INSTALL = "pip install 'acn_bench[robustbench]' && pip install --no-deps robustbench"


def import_robustbench() -> None:
    """Import all of robustbench that a user calls. Raises ImportError with the two lines that install it."""
    try:
        # its architectures use old names of timm, and register models a second time
        with warnings.catch_warnings(), substitutes():
            warnings.simplefilter("ignore")
            importlib.import_module("robustbench.eval")
    except ImportError as e:
        raise ImportError(f"robustbench cannot be imported ({e}). Install it: {INSTALL}") from e


@contextmanager
def substitutes() -> Iterator[list[str]]:
    """Inside, the missing modules exist. Yields their names."""
    makers = {"autoattack": _autoattack, "pkg_resources": _pkg_resources}
    added: dict[str, ModuleType] = {}
    for name, make in makers.items():
        if not _exists(name):
            added |= make()
    sys.modules.update(added)
    try:
        yield list(added)
    finally:
        for name in added:
            sys.modules.pop(name, None)


def _exists(name: str) -> bool:
    return name in sys.modules or find_spec(name) is not None


def _pkg_resources() -> dict[str, ModuleType]:
    def resource_filename(module: str, name: str) -> str:
        """The path of a file that lies beside a module."""
        return str(Path(str(sys.modules[module].__file__)).parent / name)

    return {"pkg_resources": _module("pkg_resources", resource_filename=resource_filename)}


def _autoattack() -> dict[str, ModuleType]:
    pyautoattack: Any = importlib.import_module("pyautoattack")

    class AutoAttack(pyautoattack.AutoAttack):  # type: ignore[misc] # it ships no types
        """pyautoattack's, called as `autoattack.AutoAttack` is."""

        def __init__(
            self,
            model: Callable[[Any], Any],
            norm: str = "Linf",
            eps: float = 0.3,
            seed: int | None = None,
            verbose: bool = True,
            attacks_to_run: list[str] | None = None,
            version: str = "standard",
            is_tf_model: bool = False,
            device: Any = "cuda",
            log_path: str | None = None,
        ) -> None:
            if is_tf_model:
                raise ValueError("pyautoattack attacks PyTorch networks, not TensorFlow ones")
            attacks = attacks_to_run or None
            super().__init__(
                model,
                norm=norm,
                eps=eps,
                seed=seed,
                attacks=attacks,
                version=version,
                device=device,
            )

        def run_standard_evaluation(
            self, x: Any, y: Any, bs: int = 250, return_labels: bool = False, state_path: Any = None
        ) -> Any:
            """Images (N, C, H, W) and labels (N,) -> adversarial images; with their predicted labels if asked."""
            images, labels = super().run_standard_evaluation(
                x, y, batch_size=bs, state_path=state_path
            )
            return (images, labels) if return_labels else images

    state = importlib.import_module("pyautoattack.state")
    return {
        "autoattack": _module("autoattack", AutoAttack=AutoAttack, state=state),
        "autoattack.state": state,
    }


def _module(name: str, **members: Any) -> ModuleType:
    module = ModuleType(name, f"{name}, as far as robustbench uses it.")
    vars(module).update(members)
    return module
