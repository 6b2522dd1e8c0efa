"""The images and the Compose file: built step by step as they say, and used as Compose would start them."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.containers import Builder, Container, Image, parse, unavailable
from e2e.program import Program

ROOT = Path(__file__).parents[2]
FILES = ("Dockerfile", "Dockerfile.video-server")
LIMIT_S = 90.0
MAX_SERVER_BYTES = 120_000_000
SHORT = {"LANLINE_NODE_LINGER_S": "1"}
"""What keeps a home connected after its last program would be there for a minute."""
BEYOND_BASE = "what the image adds to its base"

builds_images = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "possible")


class Engine:
    """One network for all, as `network_mode: host` has, apart from this machine's: so ports are those of the files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.builder = Builder(ROOT, folder)
        self.network = f"lanline-{os.getpid()}"
        self._images: dict[str, Image] = {}
        self._running: list[subprocess.Popen[bytes]] = []
        subprocess.run(["ip", "netns", "add", self.network], check=True)
        subprocess.run(["ip", "-n", self.network, "link", "set", "lo", "up"], check=True)

    def image(self, file: str) -> Image:
        if file not in self._images:
            self._images[file] = self.builder.build(ROOT / file)
        return self._images[file]

    def volume(self, name: str) -> Path:
        place = self.folder / "volumes" / name
        if not place.exists():
            place.mkdir(parents=True)
            os.chown(place, 10001, 10001)
            place.chmod(0o700)
        return place

    def container(self, file: str, **volumes: str) -> Container:
        image = self.image(file)
        mounted = {inside: self.volume(name) for inside, name in volumes.items()}
        return Container(image, self.folder, volumes=mounted, network=self.network)

    def start(self, container: Container, words: list[str] | None = None, **env: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            container.command(words, env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self._running.append(process)
        return process

    def close(self) -> None:
        for process in self._running:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            process.communicate(timeout=LIMIT_S)
        subprocess.run(["ip", "netns", "del", self.network], check=True)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("images")
    # Layers may not lie within the file system over which they are laid.
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(folder)], check=True)
    try:
        with contextlib.closing(Engine(folder)) as made:
            yield made
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def compose() -> Any:
    yaml = pytest.importorskip("ruamel.yaml", reason="ruamel.yaml is not installed")
    return yaml.YAML(typ="safe").load(ROOT / "compose.yaml")


def checker(name: str) -> str:
    found = shutil.which(name, path=f"{ROOT / '.venv/bin'}:{os.environ['PATH']}")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def wait_healthy(engine: Engine, server: Container, process: subprocess.Popen[bytes]) -> None:
    health = engine.image("Dockerfile").health
    limit = time.monotonic() + LIMIT_S
    while subprocess.run(server.command(health), capture_output=True, check=False).returncode:
        assert process.poll() is None, process.communicate()[0].decode()
        assert time.monotonic() < limit, "it does not become healthy"
        time.sleep(0.5)  # each look makes a container


@pytest.mark.parametrize("file", FILES)
def test_the_files_have_no_fault_that_hadolint_knows(file: str) -> None:
    done = subprocess.run([checker("hadolint"), str(ROOT / file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_compose_can_read_the_compose_file() -> None:
    command = [checker("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(ROOT / "compose.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_services_use_files_ports_and_volumes_that_there_are() -> None:
    whole = compose()
    for name, service in whole["services"].items():
        build = service["build"]
        file = ROOT / ("Dockerfile" if build == "." else build["dockerfile"])
        assert file.exists(), name
        exposed = {text for step in parse(file) if step.instruction == "EXPOSE" for text in step.text.split()}
        assert {port.partition(":")[2] for port in service.get("ports", [])} <= exposed, name
        volumes = (
            {volume.partition(":")[2] for volume in service["volumes"] if not volume.startswith("/")}
            if ("volumes" in service)
            else set()
        )
        made = {step.text for step in parse(file) if step.instruction == "VOLUME"}
        assert all(f'"{volume}"' in "".join(made) for volume in volumes), name


@builds_images
def test_the_server_image_is_small_and_runs_as_nobody_in_particular(engine: Engine) -> None:
    image = engine.image("Dockerfile")
    assert image.size_bytes() <= MAX_SERVER_BYTES, BEYOND_BASE
    assert engine.container("Dockerfile").run(["id", "-u"]).strip() == "10001"


@builds_images
def test_a_server_from_its_image_is_healthy_and_lets_people_in_and_goes_on_after_a_new_container(
    engine: Engine,
) -> None:
    server = engine.container("Dockerfile", **{"/data": "data"})
    process = engine.start(server)
    wait_healthy(engine, server, process)
    invite = server.run(["lanline", "invite", "--data", "/data"]).split()[0]
    person = {"LANLINE_PASSWORD": "a long pass phrase", **SHORT}
    ana = engine.container("Dockerfile", **{"/homes": "homes"})
    ana.run(["lanline", "join", invite, "--name", "ana", "--home", "/homes/ana"], person)
    ana.run(["lanline", "send", "--home", "/homes/ana", "#lobby", "from a container"], SHORT)
    process.terminate()
    assert process.wait(LIMIT_S) == 0
    again = engine.container("Dockerfile", **{"/data": "data"})
    process = engine.start(again)
    wait_healthy(engine, again, process)
    elsewhere = engine.container("Dockerfile", **{"/homes": "homes"})
    assert "from a container" in elsewhere.run(["lanline", "log", "--home", "/homes/ana", "#lobby"], SHORT)
    process.terminate()
    assert process.wait(LIMIT_S) == 0


@builds_images
def test_people_at_several_terminals_see_each_other_and_come_back_under_their_names(engine: Engine) -> None:
    server = engine.container("Dockerfile", **{"/data": "town"})
    wait_healthy(engine, server, engine.start(server, LANLINE_PUBLIC_HOST="127.0.0.1"))
    words = ["lanline", *compose()["services"]["client"]["command"]]

    @contextlib.contextmanager
    def person(name: str) -> Iterator[Program]:
        """As `docker compose run --rm client` does."""
        container = engine.container("Dockerfile", **{"/data": "town", "/homes": "people"})
        program = Program(at_terminal=True, program=container.command(words, {"TERM": "xterm", **SHORT}))
        with contextlib.ExitStack() as stack:
            stack.callback(program.dispose)
            program.wait_out("Your name: ")
            program.write(f"{name}\n")
            program.wait_out("#lobby>")
            yield program
            program.write(b"\x04")
            program.pump(lambda: program.process.poll() is not None or "New password" in program.out.text)
            if program.process.poll() is None:
                program.write("\n")
            assert program.wait_end() == 0

    with person("ana") as ana:
        with person("bo") as bo:
            bo.write("from the other terminal\n")
            ana.wait_out("from the other terminal")
        with person("bo") as bo:
            bo.wait_out("from the other terminal")
    users = server.run(["lanline", "admin", "users", "--data", "/data", "--json"])
    assert users.count('"name": "bo"') == 1
    assert users.count('"name": "ana"') == 1


@builds_images
def test_the_video_server_shows_its_test_picture_to_a_viewer(engine: Engine) -> None:
    video = engine.container("Dockerfile.video-server", **{"/home/lanline/.lanline": "video-home"})
    process = engine.start(video)
    assert process.stdout is not None
    said = b""
    while (link := re.search(r"(lanline-video://)[^/']+(:6000/[^'\s]+)", said.decode())) is None:
        piece = process.stdout.readline()
        assert piece, said.decode()
        said += piece
    viewer = engine.container("Dockerfile.video-server")
    words = ["lanline", "video", "watch", f"{link[1]}127.0.0.1{link[2]}", "--sink", "/tmp/seen.mkv"]
    watching = engine.start(viewer, words)
    seen = Path(viewer.upper) / "tmp/seen.mkv"
    limit = time.monotonic() + LIMIT_S
    while not seen.exists() or seen.stat().st_size < 100_000:
        assert watching.poll() is None, watching.communicate()[0].decode()
        assert time.monotonic() < limit, "nothing was recorded"
        time.sleep(0.05)
