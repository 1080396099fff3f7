"""A folder -> the kind of file system that holds it, and whether every process that can write there shares its locks."""

import re
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")

# one kernel writes them, so `flock` reaches every process that can; all others, known or not, may lie
LOCAL = frozenset(
    {"aufs", "bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "hfsplus", "jfs", "overlay"}
    | {"ramfs", "reiserfs", "rootfs", "tmpfs", "xfs", "zfs"}
)


def nearest(path: Path) -> Path:
    """The path, or the first folder above it that exists."""
    path = path.absolute()
    return next(p for p in (path, *path.parents) if p.exists()).resolve()


def kind(path: Path, mounts: Path = MOUNTS) -> str | None:
    """As the kernel names it, "ext4" or "nfs4"; None where it says nothing. The path need not exist yet."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    place = nearest(path)
    found: tuple[int, str | None] = (-1, None)
    for line in lines:
        mount, _, about = line.partition(" - ")
        fields = mount.split(" ")
        if len(fields) < 5 or not about:
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), fields[4]))
        if place.is_relative_to(point) and len(point.parts) >= found[0]:  # of two, the one on top
            found = (len(point.parts), about.split(" ", 1)[0])
    return found[1]


def is_local(name: str | None) -> bool:
    """Whether its locks reach everybody; also where nothing is known, as on systems without /proc."""
    return name is None or name in LOCAL
