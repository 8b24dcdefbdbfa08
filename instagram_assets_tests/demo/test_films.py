"""The demo's reels are films that can be watched."""

import io
from dataclasses import replace
from itertools import pairwise

import av
import pytest

from instagram_assets.demo.sample_catalogue import sample_reels
from instagram_assets.demo.sample_videos import SampleVideo, render_video, sample_videos
from instagram_assets.demo.server import DemoServer
from instagram_assets.demo.synthetic_images import Scene

FILM = SampleVideo(Scene("circle", "red", "blue", 720, 1280, seed=1), seconds=4, scenes=3, seed=7)


def test_each_reel_has_its_film_of_the_length_that_the_export_says() -> None:
    assert len(sample_videos()) == len(sample_reels())
    assert all(film.seconds >= 5 for film in sample_videos().values())


@pytest.mark.parametrize("sound", [True, False])
def test_a_film_is_as_long_as_it_says_and_has_sound_if_it_says_so(sound: bool) -> None:
    with av.open(io.BytesIO(render_video(replace(FILM, sound=sound))), "r") as container:
        assert container.duration is not None
        assert container.duration / 1_000_000 == pytest.approx(4, abs=0.2)
        assert [stream.codec_context.name for stream in container.streams] == ["h264", "aac"][: 1 + sound]
        frames = [frame.to_ndarray(format="rgb24").mean(axis=(0, 1)) for frame in container.decode(video=0)]
    cuts = sum(abs(before - after).max() > 10 for before, after in pairwise(frames))
    assert cuts == 2


def test_the_same_film_has_the_same_bytes() -> None:
    assert render_video(FILM) == render_video(FILM)


def test_the_server_hands_out_a_film_by_its_file_name() -> None:
    name = next(iter(sample_videos()))
    with DemoServer(0) as server:
        reply = server.reply(f"/v/t50.2886-16/{name}?oe=7FFFFFFF")
        assert (reply.status, reply.content_type) == (200, "video/mp4")
        assert reply.body[4:8] == b"ftyp"
        assert server.reply("/v/t50.2886-16/1_1_n.mp4").status == 404
