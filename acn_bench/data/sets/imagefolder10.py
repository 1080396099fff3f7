"""Ten classes of Caltech-101 (Fei-Fei et al. 2004), as class folders."""

from acn_bench.data.sets.info import DataSetInfo

IMAGEFOLDER10 = DataSetInfo(
    name="imagefolder10",
    title="Caltech-101, 10 classes",
    description="ten classes of Caltech-101, image files in imagefolder10/{train,val}/<class>/; never downloaded",
    reader="acn_bench.data.image_folder:load",
    tests_reader="acn_bench.data.image_folder:load_tests",
    flips=True,
    embedded="digits10",
)
