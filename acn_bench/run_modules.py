"""RunConfig -> the modules that its own names lead to: what decides which files the run executes."""

from acn_bench.config import RunConfig
from acn_bench.registry import CORRUPTIONS, DATA, FAMILIES, KINDS, OFFICIAL, STRATEGIES, USER_DATA
from acn_bench.spec import Backbone


def modules(config: RunConfig) -> list[str]:
    """The modules of the run's protocol, family, strategy, data sets and corruptions."""
    protocol, backbone, strategy = config.benchmark, config.backbone, config.strategy
    kind = KINDS.load(protocol.kind)
    names = [kind.protocol, *kind.modules(protocol)]
    names.append(FAMILIES.entry(backbone.family or "factory").module)
    family = type(backbone) if not backbone.trained else FAMILIES.load(backbone.family or "factory")
    if issubclass(family, Backbone):
        names.append(family.parts.partition(":")[0])
    if backbone.trained:
        names += [*kind.trained_modules, *backbone.modules]
    if strategy is not None:
        names.append(STRATEGIES.entry(strategy.__struct_config__.tag).module)
    for name in protocol.datasets:
        reader = DATA.load(name).reader if name in DATA else USER_DATA.target
        names.append(reader.partition(":")[0])
    names += [OFFICIAL.load(name).reader.partition(":")[0] for name in protocol.official_files]
    names += [CORRUPTIONS.entry(name).module for name in protocol.corruption_names]
    return names
