"""The plain format between real processes, and with programs that know of it only what stands in the documentation."""

from __future__ import annotations

import signal
import socket
import subprocess
from pathlib import Path

import av
import numpy as np
import pytest

from e2e.cinema import (
    HEADER,
    LINUX,
    TRIES,
    Cinema,
    cut,
    numbers_in,
    painted_picture,
    udp_socket,
    unbroken,
    whole_frames,
)
from e2e.program import COMMAND
from serverhouse.ports import free_port


def test_a_program_made_of_struct_and_a_socket_watches_after_one_hello(house: Cinema) -> None:
    # Small, so that the socket holds what comes while this test is not let to the processor.
    _, port = house.serve("--plain", "--size", "320x240")
    with udp_socket() as viewer:
        viewer.sendto(b"hello", ("127.0.0.1", port))
        frames = unbroken(whole_frames(viewer), 30)
    for _, _, sizes in frames:
        assert set(sizes[:-1]) == {1200}
        assert sizes[-1] <= 1200


def test_the_size_of_datagrams_pictures_and_their_rate_are_as_asked(house: Cinema) -> None:
    program, port = house.serve("--plain", "--mtu", "500", "--size", "320x240", "--fps", "50", "--quality", "10")
    program.wait_out("320x240 at 50 fps")
    with udp_socket() as viewer:
        viewer.sendto(b"hello", ("127.0.0.1", port))
        _, picture, sizes = next(whole_frames(viewer))
    assert max(sizes) == 500
    assert b"\x00\xf0\x01\x40" in picture  # 240 x 320 in its header


def test_a_server_made_of_struct_and_a_socket_is_watched(house: Cinema, tmp_path: Path) -> None:
    film = tmp_path / "film.mkv"
    with udp_socket() as server:
        watch = house.watch(server.getsockname()[1], "--sink", str(film))
        hello, viewer = server.recvfrom(100)
        assert hello == b"hello"
        for number in range(20):
            for datagram in reversed(cut(number, painted_picture(number))):
                server.sendto(datagram, viewer)
        assert server.recv(100) == b"hello", "it is repeated"
        watch.wait_aside("The video begins")
        assert watch.end() == 0
    assert numbers_in(film) == list(range(20))


def test_what_a_lying_server_sends_is_passed_over(house: Cinema, tmp_path: Path) -> None:
    film = tmp_path / "film.mkv"
    lies = [
        b"",
        b"\0" * 11,
        HEADER.pack(5, 65_535, 0, 65_535) + b"x",
        HEADER.pack(5, 0, 0, 1) + b"x",
        HEADER.pack(5, 3, 3, 1) + b"x",
        *(HEADER.pack(number, 65_535, number, 1000) + bytes(1000) for number in range(6, 2000, 7)),
        *cut(3000, b"this is no JPEG"),
    ]
    with udp_socket() as server:
        watch = house.watch(server.getsockname()[1], "--sink", str(film), "--stats")
        _, viewer = server.recvfrom(100)
        for datagram in lies:
            server.sendto(datagram, viewer)
        assert server.recv(100) == b"hello"
        for datagram in cut(3001, painted_picture(77)):
            server.sendto(datagram, viewer)
        watch.wait_aside(r", 1 shown")
        assert watch.end() == 0
    assert numbers_in(film) == [77]


def test_viewers_go_on_when_the_server_comes_back(house: Cinema, tmp_path: Path) -> None:
    port = free_port()
    watch = house.watch(port, "--sink", str(tmp_path / "film.mkv"), "--timeout", "0.3")
    watch.wait_aside("(Nothing serves video at|No answer from) 127.0.0.1:")
    first, _ = house.serve("--plain", port=port)
    watch.wait_aside("The video begins")
    assert first.end() == 0
    watch.wait_aside(r"No video for 0\.3 s|Nothing serves")
    house.serve("--plain", port=port)
    watch.wait_aside("The video is back")
    assert watch.end(signal.SIGTERM) in {0, 130}


def test_a_thousand_hellos_from_one_address_make_one_viewer(house: Cinema) -> None:
    program, port = house.serve("--plain", "--stats")
    with udp_socket() as viewer:
        for _ in range(1000):
            viewer.sendto(b"hello", ("127.0.0.1", port))
        program.wait_aside("viewers 1,")
    assert program.aside.text.count("watches") == 1


def test_only_hello_is_a_hello(house: Cinema) -> None:
    program, port = house.serve("--plain", "--stats")
    with udp_socket() as viewer:
        for word in (b"", b"hell", b"hello\n", b"HELLO", b"hello" * 200):
            viewer.sendto(word, ("127.0.0.1", port))
        program.wait_aside("(?s)viewers 0.*viewers 0")
    assert "watches" not in program.aside.text


@pytest.mark.skipif(not LINUX, reason="only Linux tells a socket of many who it was that refused")
def test_a_viewer_that_left_without_a_word_is_dropped_and_the_others_lose_nothing(house: Cinema) -> None:
    # So small and slow that the socket holds what comes while this test is not let to the processor.
    program, port = house.serve("--plain", "--size", "160x120", "--fps", "10")
    with udp_socket() as stays:
        stays.sendto(b"hello", ("127.0.0.1", port))
        frames = whole_frames(stays)
        first = next(frames)[0]
        with udp_socket() as leaves:
            leaves.sendto(b"hello", ("127.0.0.1", port))
            gone = f"127.0.0.1:{leaves.getsockname()[1]}"
            leaves.recv(2000)
        ids = [next(frames)[0] for _ in range(20)]
        program.wait_aside(f"{gone} is gone")
    assert ids == list(range(first + 1, first + 21))


def test_a_port_that_is_taken_is_said(house: Cinema) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        program = house.run("serve", "--plain", "--source", "test", "--host", "127.0.0.1", "--port", str(port))
        assert program.wait_end() == 1
    assert program.aside.text == (
        f"lanline: UDP port {port} on 127.0.0.1 is taken by another program. Stop it, or choose another port.\n"
    )


def test_the_figures_of_a_viewer_without_a_screen(house: Cinema) -> None:
    _, port = house.serve("--plain", "--size", "320x240")
    for _ in range(TRIES):
        watch = house.watch(port, "--sink", "null", "--stats")
        watch.wait_out(r"(1\d|2\d)\.\d fps, \d+\.\d Mbit/s, \d+ incomplete")
        assert watch.end() == 0
        if " 0 incomplete" in watch.out.text:
            return
    pytest.fail("each time some were incomplete, which is more than a busy machine")


def film_of(folder: Path, count: int = 12) -> Path:
    path = folder / "film.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for _ in range(count):
            frame = av.VideoFrame.from_ndarray(np.full((240, 320, 3), 90, dtype=np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("way", ["file", "standard input"])
def test_a_film_that_is_played_once_ends_the_broadcast(tmp_path: Path, way: str) -> None:
    path = film_of(tmp_path)
    source = str(path) if way == "file" else "-"
    options = ["--plain", "--host", "127.0.0.1", "--port", "0", "--source", source]
    options += ["--play-once"] if way == "file" else []  # nothing else can be done with what comes through a pipe
    with path.open("rb") as film:
        done = subprocess.run(
            [*COMMAND, "video", "serve", *options], stdin=film, capture_output=True, text=True, timeout=60, check=False
        )
    assert (done.returncode, done.stderr) == (0, "" if way == "file" else "To be served: standard input.\n")
    assert "320x240" in done.stdout


def test_after_its_duration_serving_and_watching_end(house: Cinema) -> None:
    server, port = house.serve("--plain", "--duration", "3")
    viewer = house.watch(port, "--sink", "null", "--duration", "1")
    assert viewer.wait_end() == 0
    assert server.wait_end() == 0


def test_who_gives_up_fails(house: Cinema) -> None:
    viewer = house.watch(free_port(), "--sink", "null", "--give-up", "0.5")
    assert viewer.wait_end() == 1
    assert "given up" in viewer.aside.text
