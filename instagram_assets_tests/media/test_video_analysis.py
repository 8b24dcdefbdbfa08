"""What is read of films: facts, pictures, posters, loudness and cuts; and what is refused, in which words."""

import io
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from instagram_assets.errors import FileError
from instagram_assets.media import video_decoder as films
from instagram_assets.media.video_analysis import (
    SILENCE_DB,
    cuts_per_minute,
    frames,
    loudness,
    most_representative,
    poster,
    probe,
    timed_frames,
)
from instagram_assets_tests.media.films import box, film
from instagram_assets_tests.media.real_films import BLACK, WHITE, chequered, first_index, plain, save_film, save_sound


def test_facts_are_those_of_the_film(tmp_path: Path) -> None:
    path = save_film(tmp_path / "reel.mp4", [chequered(1), chequered(2)], seconds=1.5)
    facts = probe(path)
    assert facts.duration == pytest.approx(3.0, abs=0.15)
    assert (facts.width, facts.height, facts.codec, facts.has_audio) == (96, 160, "h264", True)


@pytest.mark.parametrize(("codec", "name"), [("libx264", "h264"), ("libx265", "hevc"), ("libvpx-vp9", "vp9")])
def test_the_codec_is_named_as_ffmpeg_names_it(tmp_path: Path, codec: str, name: str) -> None:
    path = save_film(tmp_path / "reel.mp4", [chequered(1)], seconds=0.5, codec=codec, loud=None)
    assert (probe(path).codec, probe(path).has_audio) == (name, False)


@pytest.mark.parametrize(("rotation", "size"), [(0, (160, 96)), (90, (96, 160)), (-90, (96, 160)), (180, (160, 96))])
def test_width_height_and_pictures_are_as_shown_after_rotation(
    tmp_path: Path, rotation: int, size: tuple[int, int]
) -> None:
    shown = plain(BLACK, (160, 96))
    shown[:48, :80] = WHITE  # the corner at the top left tells which way is up
    path = save_film(tmp_path / "reel.mp4", [shown], rotation=rotation)
    facts, [picture] = probe(path), frames(path, 1)
    assert (facts.width, facts.height) == size == picture.shape[1::-1]
    assert np.abs(picture.astype(int) - np.rot90(shown, rotation // 90)).mean() < 12


def test_pictures_are_spread_evenly_over_the_film_in_their_order(tmp_path: Path) -> None:
    shots = [chequered(number) for number in range(4)]
    for key_every in (5, 1000):  # with key pictures in each shot, and with a single one at the beginning
        path = save_film(tmp_path / f"{key_every}.mp4", shots, key_every=key_every)
        found = frames(path, 4)
        nearest = [min(range(4), key=lambda n: np.abs(shots[n].astype(int) - one).mean()) for one in found]
        assert nearest == [0, 1, 2, 3]
        moments = [moment for moment, _ in timed_frames(path, 4)]
        assert moments == sorted(moments)
        assert all(number <= moment < number + 1 for number, moment in enumerate(moments))


def test_a_film_of_one_picture_gives_that_picture(tmp_path: Path) -> None:
    path = save_film(tmp_path / "still.mp4", [chequered(1)], seconds=0.1, loud=None)
    assert len(frames(path, 8)) == 1
    assert cuts_per_minute(path) == 0


def test_pictures_of_a_large_film_are_made_smaller(tmp_path: Path) -> None:
    path = save_film(tmp_path / "large.mp4", [chequered(1, (640, 1920))], seconds=0.2, loud=None)
    assert frames(path, 1)[0].shape == (1280, 427, 3)
    assert frames(path, 1, long_side=160)[0].shape == (160, 53, 3)


def test_the_poster_is_an_upright_picture_and_not_the_black_beginning(tmp_path: Path) -> None:
    shot = chequered(3, (160, 96))
    path = save_film(tmp_path / "reel.mp4", [plain(BLACK, (160, 96))] * 2 + [shot] * 2, rotation=-90)
    with Image.open(io.BytesIO(poster(path))) as image:
        assert (image.format, image.size) == ("JPEG", (96, 160))
        assert np.abs(np.asarray(image).astype(int) - np.rot90(shot, -1)).mean() < 20
    assert poster(path) == poster(path)


def test_a_film_that_is_black_throughout_has_a_black_poster(tmp_path: Path) -> None:
    path = save_film(tmp_path / "black.mp4", [plain(BLACK)])
    with Image.open(io.BytesIO(poster(path))) as image:
        assert np.asarray(image).max() < 20


def test_the_telling_picture_is_like_most_of_them() -> None:
    common = [np.clip(chequered(1).astype(int) + shade, 0, 255).astype(np.uint8) for shade in (0, 2, 4)]
    odd = (chequered(2) // 8).astype(np.uint8)
    assert any(most_representative([odd, plain(WHITE), *common]) is one for one in common)


@pytest.mark.parametrize(("amplitude", "expected"), [(0.5, -9.03), (0.1, -23.01), (0.01, -43.01)])
def test_loudness_is_the_root_mean_square_in_decibels(tmp_path: Path, amplitude: float, expected: float) -> None:
    path = save_film(tmp_path / "reel.mp4", [chequered(1)], loud=amplitude, seconds=2)
    assert loudness(path) == pytest.approx(expected, abs=0.7)


def test_silence_is_very_quiet_and_no_sound_is_null(tmp_path: Path) -> None:
    assert loudness(save_film(tmp_path / "silent.mp4", [chequered(1)], loud=0)) == SILENCE_DB
    assert loudness(save_film(tmp_path / "mute.mp4", [chequered(1)], loud=None)) is None


def test_cuts_are_counted_per_minute(tmp_path: Path) -> None:
    shots = [chequered(number) for number in range(6)]
    assert cuts_per_minute(save_film(tmp_path / "cut.mp4", shots, seconds=2)) == pytest.approx(60 * 5 / 12, rel=0.02)
    assert cuts_per_minute(save_film(tmp_path / "one.mp4", shots[:1], seconds=3)) == 0


def test_a_slow_fade_and_a_small_change_are_no_cuts(tmp_path: Path) -> None:
    dark, bright = plain((40, 40, 40)).astype(float), plain((220, 220, 220)).astype(float)
    fade = [(dark + (bright - dark) * step / 29).astype(np.uint8) for step in range(30)]
    assert cuts_per_minute(save_film(tmp_path / "fade.mp4", fade, seconds=0.1)) == 0
    moved = chequered(1)
    moved[:16, :16] = 255 - moved[:16, :16]
    assert cuts_per_minute(save_film(tmp_path / "moved.mp4", [chequered(1), moved])) == 0


READERS: tuple[Callable[[Path], object], ...] = (probe, frames, poster, loudness, cuts_per_minute)


def _bad_files(folder: Path) -> dict[str, tuple[Path, str]]:
    """Name → file and part of the message."""
    whole = save_film(folder / "whole.mp4", [chequered(1)]).read_bytes()
    bodies = {
        "empty": (b"", "is empty"),
        "text": (b"<html>Log in</html>" * 100, "cannot be read as a video"),
        "boxes without a codec": (film(), "cannot be read as a video|has no picture|none of its pictures"),
        "header alone": (box(b"ftyp", b"isom\0\0\2\0isom"), "cannot be read as a video|has no picture"),
        "cut off": (whole[: len(whole) // 2], "cannot be read as a video"),
        "playlist": (f"#EXTM3U\n#EXTINF:1,\nfile://{folder}/whole.mp4\n".encode(), "cannot be read as a video"),
        "concatenation": (f"ffconcat version 1.0\nfile {folder}/whole.mp4\n".encode(), "cannot be read as a video"),
    }
    files: dict[str, tuple[Path, str]] = {}
    for name, (body, message) in bodies.items():
        path = folder / f"{name}.mp4"
        path.write_bytes(body)
        files[name] = (path, message)
    files["sound alone"] = (save_sound(folder / "sound.mp4"), "has no picture")
    files["not there"] = (folder / "nothing.mp4", "cannot be read")
    files["folder"] = (folder, "is no file that has an end")
    files["endless device"] = (Path("/dev/zero"), "is no file that has an end")
    os.mkfifo(folder / "pipe.mp4")
    files["pipe"] = (folder / "pipe.mp4", "is no file that has an end")
    return files


def test_what_is_no_film_is_refused_with_file_reason_and_remedy(tmp_path: Path) -> None:
    for name, (path, message) in _bad_files(tmp_path).items():
        for read in READERS:
            with pytest.raises(FileError, match=message) as refused:
                read(path)
            assert refused.value.file == str(path), name
            assert refused.value.remedy, name


def test_a_header_that_lies_about_the_length_is_not_believed(tmp_path: Path) -> None:
    whole = save_film(tmp_path / "reel.mp4", [chequered(1), chequered(2)], loud=None).read_bytes()
    times = whole.index(b"mdhd") + 4 + 12
    scale, _ = struct.unpack_from(">II", whole, times)
    lying = tmp_path / "lying.mp4"
    lying.write_bytes(whole[: times + 4] + struct.pack(">I", scale * 36_000) + whole[times + 8 :])
    assert len(frames(lying, 4)) == 4
    assert cuts_per_minute(lying) == pytest.approx(60 / 1.9, rel=0.1)


def test_a_film_damaged_within_still_gives_what_is_whole(tmp_path: Path) -> None:
    body = bytearray(save_film(tmp_path / "reel.mp4", [chequered(n) for n in range(8)], loud=None).read_bytes())
    middle = body.index(b"mdat") + (len(body) - body.index(b"mdat")) // 3
    body[middle : middle + 2000] = bytes(2000)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(body)
    assert probe(damaged).codec == "h264"
    assert poster(damaged)


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
@pytest.mark.parametrize("damage", ["zeros", "cut off"])
def test_what_is_damaged_within_or_cut_off_has_neither_loudness_nor_cuts(
    tmp_path: Path, codec: str, damage: str
) -> None:
    path = first_index(save_film(tmp_path / "reel.mp4", [chequered(n) for n in range(6)], codec=codec))
    assert cuts_per_minute(path) == pytest.approx(50)
    assert loudness(path) is not None
    body = bytearray(path.read_bytes())
    begin = body.index(b"mdat") + 4
    middle = begin + (len(body) - begin) // 3
    if damage == "zeros":
        body[middle : middle + 2000] = bytes(2000)
    else:
        del body[middle:]
    path.write_bytes(body)
    with pytest.raises(FileError, match=r"[0-9]+ of [0-9]+ parts of its sound cannot be decoded"):
        loudness(path)
    with pytest.raises(FileError, match=r"[0-9]+ of 60 pictures cannot be decoded"):
        cuts_per_minute(path)


def test_only_the_beginning_of_a_very_long_film_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(films, "MAX_SECONDS", 3.5)
    path = save_film(tmp_path / "long.mp4", [chequered(number) for number in range(6)])
    assert probe(path).duration == pytest.approx(6, abs=0.2)
    assert max(moment for moment, _ in timed_frames(path, 8)) <= 3.5
    assert cuts_per_minute(path) == pytest.approx(60 * 3 / 3.5, rel=0.1)


def test_a_film_that_keeps_the_decoder_busy_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(films, "MAX_DECODING_SECONDS", -1.0)
    path = save_film(tmp_path / "reel.mp4", [chequered(1)])
    for read in READERS:
        with pytest.raises(FileError, match="is not decoded within"):
            read(path)


def test_pictures_that_would_fill_the_memory_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(films, "MAX_MEGAPIXELS", 0.01)
    path = save_film(tmp_path / "reel.mp4", [chequered(1)])
    with pytest.raises(FileError, match=r"96 x 160 pixels, more than 0\.01 megapixels"):
        probe(path)


def test_a_reel_of_ninety_seconds_is_measured_quickly(tmp_path: Path) -> None:
    path = save_film(tmp_path / "reel.mp4", [chequered(n, (360, 640)) for n in range(30)], seconds=3, fps=15)
    start = time.process_time()
    poster(path)
    loudness(path)
    cuts_per_minute(path)
    assert time.process_time() - start < 10  # about one; the bound holds on a busy machine with one slow core
