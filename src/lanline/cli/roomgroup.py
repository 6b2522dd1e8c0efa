"""`lanline rooms`: its commands, each from the file that it stands in."""

from lanline.cli import roomrules
from lanline.cli.rooms import app

__all__ = ["app", "roomrules"]
