"""Links in a folder of images: they must stay inside it, unless the user says that what they lead to is theirs."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from messages import says
from PIL import Image

import xrv_core
from xrv_core.datasets import ImageSource, find_images
from xrv_core.errors import ArgumentError, ImageMissing, ImagePathError

PIXELS = np.arange(48, dtype=np.uint8).reshape(6, 8)
LEAVES = says("link that leads out", "follow_symlinks=True")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Images in a folder, and links: inside it, out of it, to nothing and in circles."""
    root = tmp_path / "root"
    for path in ("root/near.png", "root/d/x.png", "elsewhere/far.png", "elsewhere/e/y.png", "root-2/z.png"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(PIXELS).save(tmp_path / path)
    with zipfile.ZipFile(tmp_path / "elsewhere" / "more.zip", "w") as archive:
        archive.write(root / "near.png", "packed.png")
    (root / "same.png").symlink_to("near.png")
    (root / "same").symlink_to(root / "d")
    (root / "broken.png").symlink_to(tmp_path / "nothing")
    (root / "circle").symlink_to(root)
    (root / "self.png").symlink_to("self.png")
    return root


def test_links_that_stay_inside_are_read(root: Path) -> None:
    (root.parent / "alias").symlink_to(root)
    for where in (root, root.parent / "alias"):
        for by_name in (False, True):
            source = ImageSource(where, by_name=by_name)
            for name in ("near.png", "same.png", "d/x.png"):
                assert source.read(name) == (root / "near.png").read_bytes()
        assert ImageSource(where).read("same/x.png") == (root / "d" / "x.png").read_bytes()
        assert ImageSource(where).names() == ["d/x.png", "near.png", "same.png"]
    for name in ("broken.png", "self.png"):
        with pytest.raises(ImageMissing):
            ImageSource(root).read(name)
    assert ImageSource(root).missing(["near.png", "broken.png", "self.png"]) == [1, 2]


#: Links by what they lead to, and the names by which their image is asked for: by path, and by name alone.
OUT = {
    "file": ("link.png", "elsewhere/far.png", "link.png", "link.png"),
    "folder": ("link", "elsewhere", "link/far.png", "far.png"),
    "folder in it": ("link", "elsewhere", "link/e/y.png", "y.png"),
    "neighbour with the name as a beginning": ("link", "root-2", "link/z.png", "z.png"),
    "archive": ("link.zip", "elsewhere/more.zip", "link/packed.png", "packed.png"),
}


@pytest.mark.parametrize("kind", OUT)
@pytest.mark.parametrize("by_name", [False, True])
def test_a_link_that_leaves_is_refused_however_it_is_found(root: Path, kind: str, by_name: bool) -> None:
    link, target, path, name = OUT[kind]
    (root / "deep").mkdir()
    for place, asked in ((root, path), (root / "deep", f"deep/{path}")):
        (place / link).symlink_to(os.path.relpath(root.parent / target, place))
        asked = name if by_name else asked
        source = ImageSource(root, by_name=by_name)
        for ask in (source.read, source.resolve, source.place):
            with pytest.raises(ImagePathError, match=LEAVES):
                ask(asked)
        source.names()
        with pytest.raises(ImagePathError, match=LEAVES):
            source.read(asked)
        assert source.read("near.png")
        assert ImageSource(root, by_name=by_name, follow_symlinks=True).read(asked)
        (place / link).unlink()


def test_a_link_on_the_way_up_is_refused(root: Path) -> None:
    (root / "up").symlink_to("..")
    with pytest.raises(ImagePathError, match=LEAVES):
        ImageSource(root).read("up/elsewhere/far.png")
    assert ImageSource(root).read("up/root/near.png")  # this one comes back


def linked_tar(path: Path, links: dict[str, tuple[bytes, str]]) -> None:
    with tarfile.open(path, "w") as archive:
        for name in ("d/a.png", "b.png"):
            info = tarfile.TarInfo(name)
            info.size = 3
            archive.addfile(info, io.BytesIO(b"one"))
        for name, (kind, target) in links.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            archive.addfile(info)


@pytest.mark.parametrize("target", ["/etc/hostname", "../../etc/hostname", "../b.png"])
@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_a_link_that_leaves_a_tar_is_refused(tmp_path: Path, kind: bytes, target: str) -> None:
    linked_tar(tmp_path / "x.tar", {"link.png": (kind, target)})
    for where, name in ((tmp_path / "x.tar", "link.png"), (tmp_path, "x/link.png")):
        with pytest.raises(ImagePathError, match=says("link.png", "out of its archive")):
            ImageSource(where, follow_symlinks=True).read(name)


def test_links_inside_archives_are_read(tmp_path: Path) -> None:
    links = {
        "s.png": (tarfile.SYMTYPE, "d/a.png"),
        "d/t.png": (tarfile.SYMTYPE, "../s.png"),
        "h.png": (tarfile.LNKTYPE, "d/a.png"),
        "none.png": (tarfile.SYMTYPE, "nothing.png"),
        "loop.png": (tarfile.SYMTYPE, "loop.png"),
    }
    linked_tar(tmp_path / "x.tar", links)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("d/a.png", b"one")
        for name, (kind, target) in links.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o120777 << 16
            if kind == tarfile.SYMTYPE:
                archive.writestr(info, target)
    for kind, names in (("tar", ["s.png", "d/t.png", "h.png"]), ("zip", ["s.png", "d/t.png"])):
        source = ImageSource(tmp_path / f"x.{kind}")
        assert [source.read(name) for name in names] == [b"one"] * len(names)
        for name in ("none.png", "loop.png"):
            with pytest.raises(ImageMissing):
                source.read(name)


# -- datasets and folders of any images


def move_out(path: Path, away: Path) -> None:
    """Put a link in the place of a file or folder, which goes elsewhere."""
    away.mkdir(exist_ok=True)
    place = away / str(len(list(away.iterdir())))
    path.rename(place)
    path.symlink_to(place)


@pytest.mark.parametrize("name", ["nih", "siim", "table", "openi", "nlmtb"])
@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_dataset_refuses_links_that_leave_imgpath(tmp_path: Path, name: str, what: str) -> None:
    given = xrv_core.miniature(name, tmp_path / "given")
    whole = xrv_core.get_dataset(name, **given)
    before = [whole[row]["img"] for row in range(len(whole))]
    source = whole.source
    paths = {source.place(whole.image_name(row)) for row in range(len(whole))}
    folder = Path(given["imgpath"])
    for path in {p if what == "file" else p.parent for p in paths} - {folder}:
        move_out(path, tmp_path / "away")
    if not any(p.is_symlink() for p in folder.rglob("*")):
        pytest.skip("its images lie at the top of imgpath")

    def read() -> None:
        dataset = xrv_core.get_dataset(name, **given)
        for row in range(len(dataset)):
            dataset[row]

    with pytest.raises(ImagePathError, match=LEAVES):
        read()
    followed = xrv_core.get_dataset(name, **given, follow_symlinks=True)
    assert all((followed[row]["img"] == image).all() for row, image in enumerate(before))


MAKERS: dict[str, Callable[[Path, Path], None]] = {
    "file": lambda folder, away: (folder / "b.png").symlink_to(away / "a.png"),
    "folder": lambda folder, away: (folder / "b").symlink_to(away),
    "unnamed": lambda folder, away: (folder / "b").symlink_to(away / "a.png"),
}


@pytest.mark.parametrize("what", MAKERS)
def test_find_images_refuses_links_that_leave(tmp_path: Path, what: str) -> None:
    folder, away = tmp_path / "folder", tmp_path / "away"
    for place in (folder, away):
        place.mkdir()
        Image.fromarray(PIXELS).save(place / "a.png")
    (away / "notes.txt").write_text("x")
    (folder / "notes.txt").symlink_to(away / "notes.txt")  # no image
    (folder / "again.png").symlink_to("a.png")
    assert len(find_images(folder).images) == 2
    MAKERS[what](folder, away)
    with pytest.raises(ImagePathError, match=LEAVES):
        find_images(folder)
    assert len(find_images(folder, follow_symlinks=True).images) == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_that_cannot_be_listed(root: Path) -> None:
    (root / "d").chmod(0)
    try:
        for ask in (lambda: ImageSource(root).missing(["d/x.png"]), ImageSource(root).names, lambda: find_images(root)):
            with pytest.raises(ArgumentError, match=str(root)):
                ask()
    finally:
        (root / "d").chmod(0o755)
