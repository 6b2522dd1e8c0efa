"""Builds a container file without an engine, and starts what it makes: each step in a root of its own, laid over this
machine's, whose Python stands for the base image.

Owns: the part of the language that our two files use, layers, roots. Not: networks and registries.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

BASE_PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"


def unavailable() -> str:
    """Why nothing can be built here; empty where it can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "building images needs Linux and root"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare and subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        return "this machine lets nobody make a mount namespace"
    return ""


class Step(msgspec.Struct, frozen=True):
    instruction: str
    text: str


def parse(file: Path) -> list[Step]:
    lines = [line for line in file.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    steps = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    return [Step(word.upper(), text.strip()) for word, text in steps]


class Image(msgspec.Struct):
    layers: list[Path]
    env: dict[str, str]
    key: str = ""
    workdir: str = "/"
    user: str = "root"
    entrypoint: list[str] = []
    command: list[str] = []
    health: list[str] = []
    volumes: list[str] = []
    ports: list[str] = []

    def size_bytes(self) -> int:
        files = (file.lstat() for layer in self.layers for file in layer.rglob("*"))
        return sum(status.st_size for status in files if not status.st_rdev)


class Builder:
    """Equal steps after equal steps are done once, as an engine does."""

    def __init__(self, context: Path, folder: Path) -> None:
        self._context = context
        self._folder = folder
        self._done: dict[str, Path] = {}

    def build(self, file: Path) -> Image:
        stages: dict[str, Image] = {}
        image = Image([], {})
        for step in parse(file):
            if step.instruction == "FROM":
                base, _, name = step.text.partition(" AS ")
                image = stages[name or "last"] = Image([], {"PATH": BASE_PATH}, key=base)
            else:
                self._take(step, image, stages)
        return image

    def _take(self, step: Step, image: Image, stages: Mapping[str, Image]) -> None:
        match step.instruction:
            case "ENV":
                image.env |= dict(pair.split("=", 1) for pair in shlex.split(self._filled(step.text, image)))
            case "USER":
                image.user = step.text
            case "ENTRYPOINT":
                image.entrypoint = json.loads(step.text)
            case "CMD":
                image.command = json.loads(step.text)
            case "HEALTHCHECK":
                image.health = json.loads(step.text.partition("CMD ")[2])
            case "VOLUME":
                image.volumes = json.loads(step.text)
            case "EXPOSE":
                image.ports = step.text.split()
            case "RUN" | "COPY" | "WORKDIR":
                self._add_layer(step, image, stages)
            case _:
                raise ValueError(f"nobody taught this test {step.instruction}")
        image.key += f"\n{step.instruction} {step.text}"

    @staticmethod
    def _filled(text: str, image: Image) -> str:
        return text.replace("$PATH", image.env["PATH"])

    def _add_layer(self, step: Step, image: Image, stages: Mapping[str, Image]) -> None:
        if step.instruction == "WORKDIR":
            image.workdir = step.text
        source = re.match(r"--from=(\w+)", step.text)
        key = f"{image.key}\n{step.instruction} {step.text}{stages[source[1]].key if source else ''}"
        if key not in self._done:
            layer = self._folder / f"layer-{len(self._done)}"
            layer.mkdir(mode=0o755)
            match step.instruction:
                case "RUN":
                    Container(image, self._folder, upper=layer).run(["/bin/sh", "-c", step.text])
                case "COPY":
                    self._copy(step.text, image, layer, stages)
                case _:
                    _put(layer, step.text).mkdir(exist_ok=True)
            self._done[key] = layer
        image.layers.append(self._done[key])

    def _copy(self, text: str, image: Image, layer: Path, stages: Mapping[str, Image]) -> None:
        words = text.split()
        sources, target = words[:-1], os.path.join(image.workdir, words[-1])  # noqa: PTH118 -- ./ has a meaning here
        if sources[0].startswith("--from="):
            stage = stages[sources.pop(0).removeprefix("--from=")]
            for below in stage.layers:
                if (below / sources[0].lstrip("/")).exists():
                    shutil.copytree(
                        below / sources[0].lstrip("/"), _put(layer, target), symlinks=True, dirs_exist_ok=True
                    )
            return
        allowed = {line[1:] for line in (self._context / ".dockerignore").read_text().splitlines() if line[:1] == "!"}
        for source in sources:
            assert source in allowed, f"{source} is kept out by .dockerignore"
            found = self._context / source
            if found.is_dir():
                shutil.copytree(found, _put(layer, target), ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(found, _put(layer, os.path.join(target, source)))  # noqa: PTH118


def _put(layer: Path, inside: str) -> Path:
    place = layer / os.path.normpath(inside).lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


class Container:
    """A root that is written to alone, over the layers of an image."""

    def __init__(
        self,
        image: Image,
        folder: Path,
        *,
        upper: Path | None = None,
        volumes: Mapping[str, Path] | None = None,
        network: str | None = None,
    ) -> None:
        """`network` is a namespace of `ip netns`, in which the ports of the image are free."""
        self._image = image
        self._network = network
        self._folder = folder
        self.upper = upper or folder / f"container-{len(list(folder.iterdir()))}"
        self.upper.mkdir(exist_ok=True, mode=0o755)
        self._volumes = dict(volumes or {})

    def command(self, words: list[str] | None = None, env: Mapping[str, str] | None = None) -> list[str]:
        """What an outside program is started with; without words what the image starts by itself."""
        image = self._image
        words = [*image.entrypoint, *image.command] if words is None else words
        root = self._folder / f"root-{self.upper.name}"
        root.mkdir(exist_ok=True)
        # Of each command its own: what two mounts at once do in one work folder fails by chance.
        work = tempfile.mkdtemp(prefix=f"work-{self.upper.name}-", dir=self._folder)
        lower = ":".join([*(str(layer) for layer in reversed(image.layers)), "/"])
        environment = [f"{name}={value}" for name, value in {**image.env, **(env or {})}.items()]
        mounts = [
            f"mount -t overlay overlay -o lowerdir={lower},upperdir={self.upper},workdir={work} {root}",
            *(f"mount --rbind /{name} {root}/{name}" for name in ("proc", "dev")),
            f"mount --bind {sys.base_prefix} {root}/usr/local",
            *(f"mount --bind {outside} {root}{inside}" for inside, outside in self._volumes.items()),
        ]
        inside = f"cd {image.workdir} && exec {shlex.join(words)}"
        return [
            *(("ip", "netns", "exec", self._network) if self._network else ()),
            *("unshare", "--mount", "--propagation", "private", "sh", "-ec"),
            "; ".join([*mounts, 'exec chroot --userspec="$0" "$@"']),
            *(self._owner(), str(root), "env", "-i", *environment, "sh", "-c", inside),
        ]

    def _owner(self) -> str:
        return "0:0" if self._image.user == "root" else "10001:10001"

    def run(self, words: list[str], env: Mapping[str, str] | None = None) -> str:
        done = subprocess.run(self.command(words, env), capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout
