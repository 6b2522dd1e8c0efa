"""Films as people use them: a server with a folder, members who list, play, upload, and go on when it was killed."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from pathlib import Path

import pytest

from e2e.end import ended
from e2e.house import LIMIT_S, Server, clean_environment, command
from e2e.program import COMMAND
from filmhouse import make_film, make_library
