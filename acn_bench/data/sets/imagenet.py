"""ImageNet-1K (Russakovsky et al. 2015), or any photographs in class folders."""

from acn_bench.data.sets.info import DataSetInfo, Original

IMAGENET = DataSetInfo(
    name="imagenet",
    title="ImageNet",
    description="ImageNet-1K, or any image files in imagenet/{train,val}/<class>/; never downloaded",
    reader="acn_bench.data.image_folder:load",
    tests_reader="acn_bench.data.image_folder:load_tests",
    flips=True,
    embedded="digits100",
    original=Original(train=1_281_167, test=50_000, classes=1000, shape=None),
)
