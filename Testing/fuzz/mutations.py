"""Damaged and hostile files, each made from a sound one by a seeded generator.

What is done to a file is in its name, so that a row of a result tells what it was.
"""
from __future__ import annotations

import random
import struct
import zlib
from pathlib import Path
from typing import Callable, Dict, Iterator, List, NamedTuple, Tuple

from .sources import dicom_sources, header_sources

UNDEFINED = b"\xff\xff\xff\xff"
KINDS_OF_VALUE = (b"SQ", b"OW", b"US", b"UN", b"DS", b"FD", b"AT", b"PN", b"OF", b"UT", b"\xff\xff", b"zz")
NUMBERS = (0, 1, 2, 7, 8, 15, 16, 17, 32, 255, 256, 4095, 32767, 32768, 46341, 65535)
SIZES = (b"Rows", b"Columns")
ITEM = b"\xfe\xff\x00\xe0"


class Case(NamedTuple):
    """One file to be read: `name` says from what it was made and how, `suffix` is that of its file."""

    name: str
    suffix: str
    content: bytes


def dicom_cases(count: int, seed: int, sources: str = "all") -> Iterator[Case]:
    """`count` mutated DICOM files; each kind of mutation has its turn."""
    chance, originals = random.Random(seed), dicom_sources(sources)
    kinds: List[Tuple[str, Callable[[bytearray, random.Random], bytes]]] = [
        ("bits", flipped), ("cut", cut), ("wrong VR", wrong_vr), ("huge length", huge_length), ("numbers", numbers),
        ("short pixels", short_pixels), ("shuffled", shuffled), ("nested", nested)]
    for n in range(count):
        kind, change = kinds[n % len(kinds)]
        name, content = chance.choice(originals)
        yield Case("{:04d} {} of {}".format(n, kind, name), ".dcm", change(bytearray(content), chance))


def header_cases(count: int, seed: int) -> Iterator[Case]:
    """`count` files of NIfTI, NRRD, MetaImage and pictures whose headers were changed."""
    chance, originals = random.Random(seed), header_sources()
    special: Dict[str, Callable[[bytearray, random.Random], bytes]] = {
        ".nii": nifti_fields, ".nrrd": text_fields, ".mha": text_fields, ".png": png_chunk}
    for n in range(count):
        name, suffix, content = originals[n % len(originals)]
        change = special.get(suffix, first_bytes) if n // len(originals) % 4 else chance.choice([first_bytes, cut])
        made = change(bytearray(content), chance)
        if suffix == ".nii" and chance.random() < 0.3:
            made, suffix = packed(made), ".nii.gz"
        yield Case("{:04d} {} of {}".format(n, change.__name__, name), suffix, made)


# -- any file ----------------------------------------------------------------------------------------------------------

def flipped(content: bytearray, chance: random.Random) -> bytes:
    """Some bits, most of them in the header."""
    for _ in range(chance.randint(1, 6)):
        end = len(content) if chance.random() < 0.3 else min(len(content), 2500)
        content[chance.randrange(min(132, end - 1), end)] ^= 1 << chance.randrange(8)
    return bytes(content)


def cut(content: bytearray, chance: random.Random) -> bytes:
    return bytes(content[:chance.randrange(1, len(content))])


def first_bytes(content: bytearray, chance: random.Random) -> bytes:
    for _ in range(chance.randint(1, 3)):
        content[chance.randrange(min(len(content), 400))] = chance.choice([0, 1, 127, 128, 255, chance.randrange(256)])
    return bytes(content)


def shuffled(content: bytearray, chance: random.Random) -> bytes:
    """A piece of the file copied to another place, over what was there or between it."""
    length = chance.randint(2, 400)
    start, to = chance.randrange(len(content)), chance.randrange(132, len(content))
    piece = content[start:start + length]
    content[to:to + (len(piece) if chance.random() < 0.5 else 0)] = piece
    return bytes(content)


# -- DICOM -------------------------------------------------------------------------------------------------------------

def wrong_vr(content: bytearray, chance: random.Random) -> bytes:
    """The kind of value of some elements exchanged, or of bytes that look like one."""
    places = [n for n in range(132, min(len(content), 6000) - 8) if content[n:n + 2].isalpha()
              and content[n:n + 2].isupper()]
    for place in chance.sample(places, min(len(places), chance.randint(1, 6))):
        content[place:place + 2] = chance.choice(KINDS_OF_VALUE)
    return bytes(content)


def huge_length(content: bytearray, chance: random.Random) -> bytes:
    for _ in range(chance.randint(1, 5)):
        place = chance.randrange(132, min(len(content), 6000) - 4)
        content[place:place + 4] = chance.choice([UNDEFINED, b"\xfe\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80"])
    return bytes(content)


def numbers(content: bytearray, chance: random.Random) -> bytes:
    """Sizes, depths and frames that the pixels do not have: values of group 0028 replaced."""
    places = [n for n in range(132, len(content) - 10) if content[n:n + 2] == b"\x28\x00" and content[n + 4:n + 6] in (
        b"US", b"IS", b"DS", b"CS")]
    for place in chance.sample(places, min(len(places), chance.randint(1, 3))):
        length = struct.unpack_from("<H", content, place + 6)[0]
        if content[place + 4:place + 6] == b"US":
            content[place + 8:place + 10] = struct.pack("<H", chance.choice(NUMBERS))
        elif 0 < length < 40:
            text = chance.choice([b"-1", b"0", b"1e308", b"99999999", b"nan", b"1\\2", b"MONOCHROME1", b"RGB", b"\xff"])
            content[place + 8:place + 8 + length] = text[:length].ljust(length)
    return bytes(content)


def short_pixels(content: bytearray, chance: random.Random) -> bytes:
    """Pixels that end early, with the file or with a length that says so."""
    place = content.rfind(b"\xe0\x7f\x10\x00")
    if place < 0:
        return cut(content, chance)
    end = chance.randrange(place, len(content))
    if chance.random() < 0.5 and content[place + 4:place + 6] in (b"OW", b"OB"):
        content[place + 8:place + 12] = struct.pack("<I", max(end - place - 12, 0) // 2 * 2)
        return bytes(content[:place + 12 + max(end - place - 12, 0) // 2 * 2])
    return bytes(content[:end])


def nested(content: bytearray, chance: random.Random) -> bytes:
    """Sequences within sequences, to 10,000 deep, or one that claims to hold all that follows again and again."""
    depth, length = chance.choice([3, 900, 1100, 10000]), chance.choice([UNDEFINED, b"\xff\xff\xff\x7f", b"\0\0\0\0"])
    level = b"\x08\x00\x40\x11SQ\0\0" + length + ITEM + length
    start = 132 + 12 + struct.unpack_from("<I", content, 140)[0] if content[128:132] == b"DICM" else 132
    return bytes(content[:start]) + level * depth + bytes(content[start:])


# -- other headers -----------------------------------------------------------------------------------------------------

NIFTI_FIELDS = ((40, "h"), (42, "h"), (44, "h"), (46, "h"), (48, "h"), (70, "h"), (72, "h"), (76, "f"), (80, "f"),
                (84, "f"), (88, "f"), (108, "f"), (112, "f"), (116, "f"), (123, "b"), (252, "h"), (254, "h"),
                (256, "f"), (260, "f"), (264, "f"), (268, "f"), (280, "f"), (296, "f"), (320, "f"), (344, "i"))
WHOLE = (-32768, -1, 0, 1, 2, 3, 4, 7, 8, 16, 64, 128, 256, 512, 1024, 2304, 32767)
REAL = (0.0, -0.0, 1.0, -1.0, 1e-30, 1e30, -1e30, float("nan"), float("inf"), 351.0, 353.0, 2.5, 1e9, 3e38)


def nifti_fields(content: bytearray, chance: random.Random) -> bytes:
    for place, kind in chance.sample(NIFTI_FIELDS, chance.randint(1, 3)):
        whole = [v for v in WHOLE if kind != "b" or -128 <= v < 128]
        value = chance.choice(REAL if kind == "f" else whole)
        struct.pack_into("<" + kind, content, place, value)
    return bytes(content)


def packed(content: bytes) -> bytes:
    maker = zlib.compressobj(1, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return maker.compress(content) + maker.flush()


WORDS = ("", "0", "-1", "1", "3", "4", "99999999", "4294967297", "1e400", "nan", "none", "(1,0,0)", "(nan,0,0) (0,1,0)",
         "float", "block", "uint8", "double", "raw", "gzip", "bzip2", "ascii", "hex", "zrl", "big", "LOCAL",
         "left-posterior-superior", "domain domain domain", "list 3", "/etc/hostname", "slice%05d.raw 1 99999999 1",
         "20 20 20 20", "40000 40000 40000", "16 16 -16", "\u00e9" * 40, "x" * 5000)


def text_fields(content: bytearray, chance: random.Random) -> bytes:
    """Lines of a text header with other values, twice, or gone."""
    mark = b"\n\n" if content[:4] == b"NRRD" else b"ElementDataFile"
    end = content.find(mark)
    lines = bytes(content[:end]).split(b"\n")
    for _ in range(chance.randint(1, 3)):
        n = chance.randrange(1, len(lines))
        key, found, _ = lines[n].partition(b":" if b":" in lines[n] else b"=")
        what = chance.random()
        if what < 0.7:
            lines[n] = key + (b": " if content[:4] == b"NRRD" else b"= ") + chance.choice(WORDS).encode()
        elif what < 0.85 and len(lines) > 2:
            del lines[n]
        else:
            lines.insert(n, chance.choice(lines))
    return b"\n".join(lines) + bytes(content[end:])


def png_chunk(content: bytearray, chance: random.Random) -> bytes:
    """One value of a chunk changed, with its checksum made right again."""
    chunks, at = [], 8
    while at + 12 <= len(content):
        length = struct.unpack_from(">I", content, at)[0]
        chunks.append((bytes(content[at + 4:at + 8]), bytearray(content[at + 8:at + 8 + length])))
        at += 12 + length
    for _ in range(chance.randint(1, 3)):
        n = 0 if chance.random() < 0.7 else chance.randrange(len(chunks))
        kind, data = chunks[n]
        if chance.random() < 0.15:
            chunks.insert(chance.randrange(len(chunks)), chance.choice(chunks))
        elif chance.random() < 0.15:
            del chunks[n]
        elif data:
            data[chance.randrange(min(len(data), 16))] = chance.choice([0, 1, 2, 3, 4, 6, 8, 16, 127, 255])
        if not chunks:
            break
    body = b"".join(struct.pack(">I", len(d)) + k + bytes(d) + struct.pack(">I", zlib.crc32(k + bytes(d)))
                    for k, d in chunks)
    return bytes(content[:8]) + body


def suffix_of(path: Path) -> str:
    return "".join(path.suffixes[-2:]) if path.name.endswith(".nii.gz") else path.suffix
