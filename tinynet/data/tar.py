"""A plain tar, which is never unpacked: which files are in it, and where the bytes of each lie.

Python's `tarfile` reads the headers. It believes what they say; here nothing is believed that
would make it read without end, step back, or take one file's bytes for another's.
"""

import bisect
import errno
import os
import tarfile
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from tinynet.data.errors import DataError

LONGEST_HEADER = 2**20  # bytes; it holds names, of 4,096 bytes at most, and attributes
MOST_LINKS = 40  # on the way to one file, as in Linux
NOT_FILES = (b"V", b"D")  # GNU's label of a volume and list of a folder: nothing is lost with them
DANGLING = "a link to something that is not in the archive"
BACK = "a link back to a folder that it lies in"
ODD = "neither a file nor a folder"


class Place(NamedTuple):
    """Where a file's bytes lie in a tar; `pieces` of a sparse one, (start, size) each, in order.

    Between its pieces a sparse file is zero, and those zeros are not stored.
    """

    offset: int
    size: int
    pieces: tuple[tuple[int, int], ...] | None = None


def read_place(file: int, place: Place) -> bytes:
    """The bytes of one file of the tar open as the descriptor `file`. Raises OSError."""
    if place.pieces is None:
        return os.pread(file, place.size, place.offset)
    data, offset = bytearray(place.size), place.offset
    for start, size in place.pieces:
        data[start : start + size] = os.pread(file, size, offset)
        offset += size
    return bytes(data)


class Contents:
    """What is in a tar: `file`, or the tar that its bytes `start` to `end` are.

    `files` are the places of the regular files by their paths, which have no "." and no leading
    slash, hidden files among them; a link is one more path of what it leads to. `folders` are the
    paths of those that have a header of their own. `left_out` are the paths of what is neither, and
    why; `repeated` is a path that came twice, of which the last counts. Raises DataError, which
    calls the tar `name`, if it is damaged.
    """

    def __init__(self, file: BinaryIO, name: str, start: int = 0, end: int | None = None) -> None:
        self.files: dict[str, Place] = {}
        self.folders: set[str] = set()
        self.left_out: dict[str, str] = {}
        self.repeated: str | None = None
        self._links: dict[str, str] = {}  # path -> what the link says, seen from its folder
        for member in list_tar(file, name, start, end):
            self._add(member)
        if self._links:
            self._resolve()

    def _add(self, member: tarfile.TarInfo) -> None:
        path = _clean(member.name)
        if member.isdir():
            self._links.pop(path, None)
            self.folders.add(path)
        elif member.isreg() or member.islnk() or member.issym():
            if path in self.files or path in self._links:
                self.repeated = path
                self.files.pop(path, None)
                self._links.pop(path, None)
            if member.isreg():
                self.files[path] = place_of(member)
            elif member.issym():
                self._links[path] = member.linkname
            else:
                self._add_hard_link(path, _clean(member.linkname))
        elif member.type not in NOT_FILES:
            self.left_out[path] = ODD

    def _add_hard_link(self, path: str, target: str) -> None:
        """A second name for what `target` is at this point of the archive."""
        if target in self.files:
            self.files[path] = self.files[target]
        else:
            self._links[path] = self._links.get(target, "/" + target)

    def _resolve(self) -> None:
        """Give what links lead to their names too, as far as it is in the archive."""
        self._real = sorted(self.files)
        folders = {""} | self.folders.union(*map(_parents, [*self._real, *self._links]))
        self._entrances = {}  # link -> the folder to which it leads
        for link in sorted(self._links):
            target = self._follow(link)
            if target in self.files:
                self.files[link] = self.files[target]
            elif target in folders:
                self._entrances[link] = target
            else:
                self.left_out[link] = DANGLING
        self._doors = list(self._entrances)
        for link in self._doors:
            self._enter(link, link, [os.path.dirname(link)], 1)

    def _follow(self, path: str) -> str | None:
        """Where a link leads when all on its way are followed; None: in a circle, or out of it."""
        done, rest, links = [], path.split("/")[::-1], 0
        while rest:
            part = rest.pop()
            if part == "..":
                if not done:
                    return None
                done.pop()
            elif part not in ("", "."):
                done.append(part)
                target = self._links.get("/".join(done))
                if target is not None:
                    links += 1
                    if links > MOST_LINKS:
                        return None
                    done = [] if target.startswith("/") else done[:-1]
                    rest += target.split("/")[::-1]
        return "/".join(done)

    def _enter(self, name: str, link: str, inside: list[str], depth: int) -> None:
        """Name the files below the folder to which `link` leads as if they lay below `name`.

        `inside`: the folders entered so far, none of which is entered again; `depth`: how many
        links `name` goes through.
        """
        folder = self._entrances[link]
        if depth > MOST_LINKS or any(_is_within(other, folder) for other in inside):
            self.left_out[name] = BACK
            return
        inside.append(folder)
        self.folders.add(name)
        skip = len(folder) + 1 if folder else 0
        for path in below(self._real, folder):
            self.files[f"{name}/{path[skip:]}"] = self.files[path]
        for inner in below(self._doors, folder):
            self._enter(f"{name}/{inner[skip:]}", inner, inside, depth + 1)


def list_tar(
    file: BinaryIO, name: str, start: int = 0, end: int | None = None
) -> Iterator[tarfile.TarInfo]:
    """The headers of a plain tar: `file`, or the tar that its bytes `start` to `end` are.

    Offsets are counted from the start of `file` in either case. Archives of which one was appended
    to another with `cat` are read one after the other. Raises DataError, which calls the tar
    `name`, if it is damaged or ends too soon.
    """
    end = os.fstat(file.fileno()).st_size if end is None else end
    count, begin = 0, start
    while begin is not None:
        file.seek(begin)
        try:
            with tarfile.TarFile(fileobj=_Headers(file)) as archive:
                for member in archive:
                    archive.members = []  # or tarfile would hold a kilobyte for every member
                    if member.offset >= end:  # of a tar in a tar: it belongs to the next
                        raise tarfile.ReadError(f"it breaks off after {count:,} files")
                    _check(member, archive.offset, end)
                    yield member
                    count += 1
                stop = archive.offset
        except Exception as error:  # a damaged header can raise anything at all inside tarfile
            if (
                isinstance(error, OSError) and error.errno != errno.EINVAL
            ):  # a place before its start
                raise OSError(error.errno, error.strerror, name) from error
            raise DataError(
                f"{name}: damaged, cut short or not a plain .tar ({error}); download or pack it "
                "again"
            ) from error
        # tarfile takes a damaged header in the middle for the end; the true end is a zero block.
        last = os.pread(file.fileno(), tarfile.BLOCKSIZE, stop)
        if stop + len(last) > end or last != bytes(tarfile.BLOCKSIZE):
            raise DataError(
                f"{name}: damaged or cut short at byte {stop:,}, after {count:,} files; download "
                "or pack it again"
            )
        begin = _after_zeros(file, stop, end)


def place_of(member: tarfile.TarInfo) -> Place:
    pieces = None if member.sparse is None else tuple(member.sparse)
    return Place(member.offset_data, member.size, pieces)


def below(paths: list[str], folder: str) -> list[str]:
    """Those of the sorted `paths` that lie in `folder` at any depth; "" is the top."""
    if not folder:
        return paths
    first = bisect.bisect_left(paths, folder + "/")
    last = bisect.bisect_left(paths, folder + "0")  # "0" is the character after "/"
    return paths[first:last]


class _Headers:
    """What tarfile gets to see of a file. It would read as much as a header says."""

    def __init__(self, file: BinaryIO) -> None:
        self._read, self.seek, self.tell = file.read, file.seek, file.tell

    def read(self, size: int) -> bytes:
        if not 0 <= size <= LONGEST_HEADER:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        return self._read(size)


def _check(member: tarfile.TarInfo, following: int, end: int) -> None:
    """Raise ReadError unless the member can lie before `following`, the next, and `end`."""
    stored = member.size
    if member.sparse is not None:
        stored = sum(size for _, size in member.sparse)
        for start, size in member.sparse:
            if not 0 <= start <= start + size <= member.size:
                raise tarfile.ReadError(f"{member.name} has a piece beyond its end")
    if stored < 0 or following <= member.offset:
        raise tarfile.ReadError(f"{member.name} has the size {stored:,}")
    too_long = following >= end + tarfile.BLOCKSIZE
    if too_long or member.isreg() and member.offset_data + stored > end:
        raise tarfile.ReadError(f"{member.name} extends beyond its end")


def _after_zeros(file: BinaryIO, start: int, end: int) -> int | None:
    """Where the block lies, at `start` or later, that is not zero; None if all are up to `end`."""
    while start < end:
        block = os.pread(file.fileno(), min(2**16, end - start), start)
        zeros = len(block) - len(block.lstrip(b"\0"))
        if zeros < len(block) or not block:
            return start + zeros // tarfile.BLOCKSIZE * tarfile.BLOCKSIZE if block else None
        start += len(block)
    return None


def _clean(path: str) -> str:
    return "/".join(part for part in path.split("/") if part not in ("", "."))


def _parents(path: str) -> Iterator[str]:
    """ "a/b/c" -> "a/b", "a"."""
    while path := os.path.dirname(path):
        yield path


def _is_within(path: str, folder: str) -> bool:
    return not folder or path == folder or path.startswith(folder + "/")
