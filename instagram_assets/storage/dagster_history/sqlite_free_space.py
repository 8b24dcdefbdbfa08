"""Reads the remains of deleted rows in an SQLite file: free pages, gaps in pages, and ends of overflow pages.

Implements https://www.sqlite.org/fileformat2.html. Bytes of present rows are not returned, so that a database which
contains a word only in present rows need not be vacuumed.
"""

from collections.abc import Iterator

_HEADER, _VACUUMS_ITSELF = 100, 52
_INDEX_INTERIOR, _TABLE_INTERIOR, _INDEX_LEAF, _TABLE_LEAF = 2, 5, 10, 13
_KINDS = (_INDEX_INTERIOR, _TABLE_INTERIOR, _INDEX_LEAF, _TABLE_LEAF)


def deleted_row_bytes(content: bytes) -> bytes:
    """Returns all bytes of an SQLite file that belong to no present row, as chunks separated by a zero byte.

    Chunks of zeros are left out. Of a database with auto-vacuum, which Dagster does not create, all bytes are returned.
    Raises IndexError for a damaged file.
    """
    if _u32(content, _VACUUMS_ITSELF):
        return content
    return b"\0".join(piece for piece in _Pages(content).dead() if piece.strip(b"\0"))


class _Pages:
    def __init__(self, content: bytes) -> None:
        self._content = content
        size = int.from_bytes(content[16:18])
        self._size = 65_536 if size == 1 else size
        self._usable = self._size - content[20]

    def dead(self) -> Iterator[bytes]:
        free = dict(self._free())
        yield from free.values()
        for number in range(1, len(self._content) // self._size + 1):
            page = self._page(number)
            start = _HEADER if number == 1 else 0
            # An overflow page begins with the next page's number, below 2 ** 24 here: its first byte is 0.
            if number not in free and page[start] in _KINDS:
                yield from self._of_tree(page, start)

    def _page(self, number: int) -> bytes:
        return self._content[(number - 1) * self._size : (number - 1) * self._size + self._usable]

    def _free(self) -> Iterator[tuple[int, bytes]]:
        """Yields (page number, unused bytes) of each free page; the trunk pages form a chain and list the others."""
        trunk, seen = _u32(self._content, 32), set[int]()
        while trunk and trunk not in seen:
            seen.add(trunk)
            page = self._page(trunk)
            count = min(_u32(page, 4), self._usable // 4 - 2)
            yield trunk, page[8 + 4 * count :]
            for place in range(count):
                leaf = _u32(page, 8 + 4 * place)
                yield leaf, self._page(leaf)
            trunk = _u32(page, 0)

    def _of_tree(self, page: bytes, start: int) -> Iterator[bytes]:
        kind, count = page[start], _u16(page, start + 3)
        cells = start + (12 if kind in (_INDEX_INTERIOR, _TABLE_INTERIOR) else 8)
        yield page[cells + 2 * count : _u16(page, start + 5) or 65_536]
        block = _u16(page, start + 1)
        while block:
            following, size = _u16(page, block), _u16(page, block + 2)
            yield page[block + 4 : block + size]
            block = following if following > block else 0
        if kind != _TABLE_INTERIOR:
            for place in range(count):
                yield from self._end_of_overflow(page, _u16(page, cells + 2 * place), kind)

    def _end_of_overflow(self, page: bytes, cell: int, kind: int) -> Iterator[bytes]:
        """Yields the unused bytes in a row's last overflow page, after the row's end."""
        size, at = _varint(page, cell + 4 if kind == _INDEX_INTERIOR else cell)
        if kind == _TABLE_LEAF:
            _, at = _varint(page, at)
        here = self._bytes_here(size, kind)
        if here == size:
            return
        left, number = size - here, _u32(page, at + here)
        while number and left > 0:
            overflow = self._page(number)
            if left < self._usable - 4:
                yield overflow[4 + left :]
            left -= self._usable - 4
            number = _u32(overflow, 0)

    def _bytes_here(self, size: int, kind: int) -> int:
        """Returns how many of a row's `size` bytes are in its own page; the others are in overflow pages."""
        most = self._usable - 35 if kind == _TABLE_LEAF else (self._usable - 12) * 64 // 255 - 23
        if size <= most:
            return size
        least = (self._usable - 12) * 32 // 255 - 23
        fitting = least + (size - least) % (self._usable - 4)
        return fitting if fitting <= most else least


def _u16(content: bytes, at: int) -> int:
    return int.from_bytes(content[at : at + 2])


def _u32(content: bytes, at: int) -> int:
    return int.from_bytes(content[at : at + 4])


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """Returns (value, next offset) of the variable-length integer of one to nine bytes at offset `at`."""
    value = 0
    for place in range(8):
        byte = content[at + place]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + place + 1
    return value << 8 | content[at + 8], at + 9
