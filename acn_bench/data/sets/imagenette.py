"""Imagenette (Howard 2019): ten classes of ImageNet, in full or resized."""

from acn_bench.data.sets.info import DataSetInfo

IMAGENETTE = DataSetInfo(
    name="imagenette",
    title="Imagenette",
    description="ten classes of ImageNet, image files in imagenette/{train,val}/<class>/; never downloaded",
    reader="acn_bench.data.image_folder:load",
    tests_reader="acn_bench.data.image_folder:load_tests",
    flips=True,
    embedded="digits10",
)
