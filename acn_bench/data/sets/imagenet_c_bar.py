"""ImageNet-C-bar (Mintun, Kirillov and Xie 2021): ten corruptions that are dissimilar to those of ImageNet-C."""

from acn_bench.data.sets.info import DataSetInfo

IMAGENET_C_BAR = DataSetInfo(
    name="imagenet_c_bar",
    title="ImageNet-C-bar",
    description="ImageNet-C-bar, the official image files in ImageNet-C-Bar/<corruption>/<constant>/<class>/; never downloaded",
    reader="acn_bench.data.official_folders:load",
    flips=True,
    embedded="digits100",
    corruptions=(
        "blue_noise_sample",
        "brownish_noise",
        "caustic_refraction",
        "checkerboard_cutout",
        "cocentric_sine_waves",
        "inverse_sparkles",
        "perlin_noise",
        "plasma_noise",
        "single_frequency_greyscale",
        "sparkles",
    ),
    note="JPEG-compressed once more than the formulas say",
)
