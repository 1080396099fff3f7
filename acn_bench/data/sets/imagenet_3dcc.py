"""ImageNet-3DCC (Kar et al. 2022): the 3D common corruptions of ImageNet's test images that RobustBench measures."""

from acn_bench.data.sets.info import DataSetInfo

IMAGENET_3DCC = DataSetInfo(
    name="imagenet_3dcc",
    title="ImageNet-3DCC",
    description="ImageNet-3DCC, the official image files in ImageNet-3DCC/<corruption>/<severity>/<class>/; never downloaded",
    reader="acn_bench.data.official_folders:load",
    flips=True,
    embedded="digits100",
    corruptions=(
        "near_focus",
        "far_focus",
        "bit_error",
        "color_quant",
        "flash",
        "fog_3d",
        "h265_abr",
        "h265_crf",
        "iso_noise",
        "low_light",
        "xy_motion_blur",
        "z_motion_blur",
    ),
)
