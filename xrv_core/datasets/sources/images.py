"""Images in a folder, a .zip or a .tar, read by name without unpacking the archive."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xrv_core.assets import within
from xrv_core.datasets.sources.archives import (
    AGAIN,
    ARCHIVES,
    COMPRESSED,
    OUTSIDE,
    Handle,
    Member,
    archive_members,
    common_top,
    image_extension,
    is_junk,
    is_junk_name,
    unzip,
)
from xrv_core.datasets.sources.folders import read_file, walk
from xrv_core.datasets.sources.layouts import Located, identity, located, not_unique
from xrv_core.errors import ArgumentError, ImageError, ImageMissing, ImagePathError, PathMissing, reading

__all__ = ["ImageSource", "choose_extension", "release_folder"]


# A path that needs no cleaning, as nearly all: no part is blank or begins with a point.
_PLAIN = re.compile(r"(?!\.)[^\\\0/:]+(?:/(?!\.)[^\\\0/:]+)*")

_LEAVES = (
    "is a link that leads out of imgpath, which is not followed. If the data there are yours, pass "
    "follow_symlinks=True, or give their own folder as imgpath."
)


class ImageSource:
    """The files below one root, found by relative path with forward slashes.

    Archives in a folder count as if they were unpacked there: ``a/0.zip`` is the folder ``a/0``. If all images of an
    archive are in one top-level folder, that folder is its root; paths that start with it work too. An archive that
    has other copies of files that lie in the folder, such as masks of the same names, is passed over. So are files
    that a system left, such as ``._a.png`` of macOS.

    A link, to a file or to a folder, must stay inside the root; the root itself may be one.

    A source can be pickled, forked and used by several threads: each process opens its own handle of an
    archive at the first read.

    Args:
        root: A folder, a .zip or an uncompressed .tar.
        by_name: Find files by base name in any sub-folder (indexed once, at first use).
        parts: How many of the last parts of a path tell which image it is; None: the whole path. See ``locate``.
        follow_symlinks: Read what links outside the root lead to, such as data on another disk; not those in archives.

    Attributes:
        root: The root as given.
        by_name: As given.
        parts: As given; 1 with ``by_name``.
        follow_symlinks: As given.
        passed_over: Archives in the folder that cannot be read, and links that leave it, each with the reason; known
            once all files are.
        outside: Links to folders or archives that leave the root, which hides what is in them; known as above.

    Raises:
        PathMissing: ``root`` does not exist.
        ArgumentError: ``root`` is a file of another kind, or is compressed as a whole, encrypted or damaged.
    """

    def __init__(
        self,
        root: str | Path,
        *,
        by_name: bool = False,
        parts: int | None = None,
        follow_symlinks: bool = False,
    ) -> None:
        self.root = Path(root)
        self.by_name = by_name
        self.parts = 1 if by_name else parts
        self.follow_symlinks = follow_symlinks
        self.passed_over: list[str] = []
        self.outside: list[str] = []
        self._inside = os.path.join(os.path.realpath(self.root), "")  # noqa: PTH118  # with one slash at the end
        self._members: dict[str, Member | None] | None = None  # None: a folder that was not walked through
        self._top = ""
        self._paths: dict[str, list[str]] | None = None
        self._handles: dict[str, Handle] = {}
        if not self.root.exists():
            raise PathMissing(f"{self.root}: no such folder or archive. Check imgpath.")
        self._is_folder = self.root.is_dir()
        if not self._is_folder:
            found = archive_members(self.root)
            self._top = common_top(found)
            self._members = {name.removeprefix(self._top): member for name, member in found.items()}

    def read(self, name: str) -> bytes:
        """The whole file ``name``.

        Raises:
            ImagePathError: ``name`` points outside the root, or is a link that leads there.
            ImageMissing: There is no such file.
            ImageError: The file cannot be read, is larger than a limit, or the archive is damaged at this file.
            ArgumentError: ``by_name`` is set and the name is not unique.
        """
        path = self.resolve(name)
        member = None if self._members is None else self._members.get(path)
        if member is None:
            return read_file(self.root / path)
        handle = self._handles.get(member.archive)
        if handle is None:  # of two threads, one may make a handle that nobody uses
            handle = self._handles.setdefault(member.archive, Handle(self.root / member.archive))
        with reading(f"{handle.path}, {path!r}", ImageError, AGAIN):
            if member.crc is not None:
                return unzip(handle, member)
            within("file", member.size)
            return handle.read(member.offset, member.size)

    def resolve(self, name: str) -> str:
        """The path of the file ``name`` below the root; raises as ``read`` does."""
        path = self._lookup(name)
        if path is not None and self._is_folder and os.path.isfile(place := f"{self.root}/{path}"):  # noqa: PTH113
            if not (self.follow_symlinks or os.path.realpath(place).startswith(self._inside)):
                raise self._leaving(path)
            return path
        if path is not None and self._is_folder and path not in self._known():
            path = None
        if path is None:
            if self.outside:
                raise self._leaving(self.outside[0], f"no file {name!r}, and ")
            where = " in any of its folders" if self.by_name else ""
            raise ImageMissing(f"{self.root}: no file {name!r}{where}. Check imgpath.")
        member = None if self._members is None else self._members.get(path)
        if member is not None and member.offset == OUTSIDE:
            raise ImagePathError(f"{self.root}: {path!r} is a link that leads out of its archive. Unpack it yourself.")
        return path

    def _leaving(self, path: str, what: str = "") -> ImagePathError:
        return ImagePathError(f"{self.root}: {what}{path!r} {_LEAVES}")

    def place(self, name: str) -> Path:
        """The file on disk that holds the file ``name``: itself or its archive; raises as ``read`` does."""
        path = self.resolve(name)
        member = None if self._members is None else self._members.get(path)
        return self.root / (path if member is None else member.archive)

    def missing(self, names: Sequence[str]) -> list[int]:
        """Positions in ``names`` of the missing files, ascending; each folder is listed only once.

        Raises:
            ImagePathError: A name points outside the root.
            ArgumentError: ``by_name`` is set and a name is not unique.
        """
        listings: dict[str, set[str]] = {}
        absent, root = [], str(self.root)
        for position, name in enumerate(names):
            path = self._lookup(name)
            if path is not None and self._is_folder and not self.by_name:
                folder, _, base = path.rpartition("/")
                if folder not in listings:
                    listings[folder] = _files_in(f"{root}/{folder}")
                path = path if base in listings[folder] else None
            if path is None:
                absent.append(position)
        if absent and self._is_folder and not self.by_name and self._has_archives():
            known = self._known()
            absent = [position for position in absent if self._lookup(names[position]) not in known]
        return absent

    def names(self) -> list[str]:
        """Paths of all files below the root, sorted."""
        return sorted(self._known())

    def locate(self, names: Sequence[str], *, other_extensions: bool = True) -> Located:
        """Where the images are whose official paths are ``names``, whatever the layout: see ``Located``.

        An image is found by the last ``parts`` of its path, wherever its folder is in the source or above its root.
        If most images are there with another extension, as resized or converted copies, those are taken.

        Args:
            names: N paths.
            other_extensions: Whether to look for other extensions.

        Raises:
            ImagePathError: A name points outside the root.
            ArgumentError: A name is not unique.
            ImageMissing: As many images are there with one extension as with another one, and neither is official.
        """
        return located(self, [_checked(name) for name in names], other_extensions)

    @property
    def top(self) -> str:
        """The folder at the top of the archive that is the root, with a slash; "" if there is none."""
        return self._top

    def __repr__(self) -> str:
        return f"ImageSource({str(self.root)!r}, by_name={self.by_name})"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_handles": {}}

    def _known(self) -> dict[str, Member | None]:
        """Every file; None for one that is in no archive."""
        if self._members is not None:
            return self._members
        links: list[str] = []
        files = list(walk(self.root, skip=is_junk_name, outside=None if self.follow_symlinks else links))
        self.outside = sorted(link for link in links if link.lower().endswith(("/", *ARCHIVES)))
        files += set(links).difference(self.outside)  # such a file is there, and reading it is refused
        archives = sorted(file for file in files if file.lower().endswith(ARCHIVES))
        closed = [file for file in files if file.lower().endswith(COMPRESSED)]
        self.passed_over = [f"{self.root / file}: compressed as a whole. Unpack it." for file in closed]
        self.passed_over += [f"{self.root}: {link!r} {_LEAVES}" for link in self.outside]
        known: dict[str, Member | None] = dict.fromkeys(files)
        plain = {identity(file, self.parts) for file in files} if archives else set()
        for archive in archives:
            known.update(self._unpacked(archive, known, plain))
        self._members = known
        return known

    def _has_archives(self) -> bool:
        """Whether archives lie at the top of the folder; those below are found where the folder is walked through."""
        return any(name.lower().endswith(ARCHIVES) for name in _files_in(str(self.root)))

    def _unpacked(self, archive: str, known: dict[str, Any], plain: set[str]) -> dict[str, Member]:
        """The files of an archive in the folder, as if they were unpacked there."""
        try:
            found = archive_members(self.root / archive)
        except ArgumentError as error:
            self.passed_over.append(str(error))
            return {}
        folder = archive.rpartition(".")[0]
        top = folder.rpartition("/")[2] + "/"
        own = top if all(name.startswith(top) for name in found) else ""
        new = {f"{folder}/{name.removeprefix(own)}": member for name, member in found.items()}
        new = {name: member._replace(archive=archive) for name, member in new.items() if name not in known}
        if any(identity(name, self.parts) in plain for name in new if image_extension(name)):
            self.passed_over.append(f"{self.root / archive}: has other copies of files that are unpacked.")
            return {}
        return new

    def _lookup(self, name: str) -> str | None:
        """Where the file should be; None if the index has no such file."""
        path = name
        if not isinstance(name, str) or not _PLAIN.fullmatch(name):
            path = _checked(name)
            if is_junk(path):
                return None
        if self.by_name:
            return self._by_name(path)
        if self._is_folder or path in self._known():
            return path
        path = path.removeprefix(self._top)
        return path if path in self._known() else None

    def _by_name(self, path: str) -> str | None:
        if self._paths is None:
            index: dict[str, list[str]] = {}
            for file in sorted(self._known()):
                index.setdefault(file.rpartition("/")[2], []).append(file)
            self._paths = index
        base = path.rpartition("/")[2]
        paths = self._paths.get(base, [])
        if path in paths:
            return path
        if len(paths) > 1:
            raise not_unique(self.root, base, paths)
        return paths[0] if paths else None


def choose_extension(
    source: ImageSource | None, stems: Sequence[str], choices: Sequence[str], given: str | None = None
) -> str:
    """The file name extension that most of the images have.

    Args:
        source: The user's images; None if the dataset was opened without images.
        stems: Image paths without extension.
        choices: Extensions such as ``(".dcm", ".png")``; the first one wins a tie.
        given: The extension that the user chose; it is not checked against the files.

    Raises:
        ArgumentError: ``given`` is not in ``choices``, or a name is not unique in the source.
    """
    if given is not None:
        if given not in choices:
            raise ArgumentError(f"Unknown extension={given!r}. Choose one of: {', '.join(choices)}.")
        return given
    best, fewest = choices[0], len(stems)
    if source is None:
        return best
    for choice in choices:
        missing = len(source.missing([stem + choice for stem in stems]))
        if missing < fewest:
            best, fewest = choice, missing
        if not fewest:
            break
    return best


def release_folder(source: ImageSource | None, *folders: str) -> str:
    """The first of ``folders`` that exists in ``source``, with a slash, as a prefix of image names; else ``""``."""
    if source is None:
        return ""
    names = [] if source.root.is_dir() else source.names()
    for folder in folders:
        if (source.root / folder).is_dir() or any(name.startswith(f"{folder}/") for name in names):
            return f"{folder}/"
    return ""


def _checked(name: Any) -> str:
    """``name`` as a normalized relative path."""
    if not isinstance(name, str):
        raise ImagePathError(f"{name!r} is not an image path. Check the column of the table that names the images.")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if not parts or ".." in parts or name.startswith("/") or re.match("[A-Za-z]:", name) or re.search(r"[\\\0]", name):
        raise ImagePathError(
            f"{name!r} does not stay inside imgpath. Image paths are relative, with forward slashes and without '..'."
        )
    return "/".join(parts)


def _files_in(folder: str) -> set[str]:
    """Names of the files and links to files in ``folder``; empty if it is not a folder."""
    try:
        with os.scandir(folder) as entries:
            return {e.name for e in entries if (os.path.isfile(e.path) if e.is_symlink() else e.is_file())}  # noqa: PTH113
    except (FileNotFoundError, NotADirectoryError):
        return set()
    except OSError as error:
        raise ArgumentError(f"{folder}: cannot be listed ({error}). Check imgpath and its permissions.") from error
