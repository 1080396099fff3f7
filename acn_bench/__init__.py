"""Do auto-compressing networks forget less, resist noise better and need fewer layers? acn_bench measures it.

The public names below are loaded on first use: `import acn_bench` alone imports nothing else.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from acn_bench import backbones, catalog, metrics, records, reports, strategies
    from acn_bench.backbones import build, depth_logits, load, save, truncate

__all__ = [
    "backbones",
    "build",
    "catalog",
    "depth_logits",
    "load",
    "metrics",
    "records",
    "reports",
    "save",
    "strategies",
    "truncate",
]

_MODULES = ("backbones", "catalog", "metrics", "records", "reports", "strategies")


def __getattr__(name: str) -> Any:
    """Import a public name when it is asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    return getattr(importlib.import_module(f"{__name__}.backbones"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
