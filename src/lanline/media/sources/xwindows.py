"""Windows of an X display, found by a part of their title, through the library that every X client has."""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Iterator

_MOST_WINDOWS = 10_000


class _Attributes(ctypes.Structure):
    """XWindowAttributes, as far as it is read here."""

    _fields_ = [
        ("x", ctypes.c_int),
        ("y", ctypes.c_int),
        ("width", ctypes.c_int),
        ("height", ctypes.c_int),
        ("border_width", ctypes.c_int),
        ("depth", ctypes.c_int),
        ("visual", ctypes.c_void_p),
        ("root", ctypes.c_ulong),
        ("kind", ctypes.c_int),
        ("bit_gravity", ctypes.c_int),
        ("win_gravity", ctypes.c_int),
        ("backing_store", ctypes.c_int),
        ("backing_planes", ctypes.c_ulong),
        ("backing_pixel", ctypes.c_ulong),
        ("save_under", ctypes.c_int),
        ("colormap", ctypes.c_ulong),
        ("map_installed", ctypes.c_int),
        ("map_state", ctypes.c_int),
        ("rest", ctypes.c_char * 64),
    ]


class _Text(ctypes.Structure):
    """XTextProperty."""

    _fields_ = [
        ("value", ctypes.c_void_p),
        ("encoding", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("count", ctypes.c_ulong),
    ]


_pass_over = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(lambda _display, _error: 0)
"""What is wrong with a window that has just been closed; without this the library would end the program."""


def window_titles(display_name: str) -> dict[int, str]:
    """Of the windows that are shown, by their numbers. Raises OSError without a library or a display."""
    name = ctypes.util.find_library("X11")
    if name is None:
        raise OSError("there is no libX11")
    x11 = ctypes.CDLL(name)
    x11.XSetErrorHandler(_pass_over)
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XDefaultRootWindow.restype = ctypes.c_ulong
    display = ctypes.c_void_p(x11.XOpenDisplay(display_name.encode()))
    if display.value is None:
        raise OSError(f"the display {display_name} does not answer")
    try:
        return dict(_shown(x11, display, x11.XDefaultRootWindow(display)))
    finally:
        x11.XCloseDisplay(display)


def _shown(x11: ctypes.CDLL, display: ctypes.c_void_p, root: int) -> Iterator[tuple[int, str]]:
    waiting = [root]
    for _ in range(_MOST_WINDOWS):
        if not waiting:
            return
        window = waiting.pop()
        attributes = _Attributes()
        if x11.XGetWindowAttributes(display, ctypes.c_ulong(window), ctypes.byref(attributes)):
            title = _title(x11, display, window)
            if title and attributes.map_state == 2:  # IsViewable
                yield window, title
        waiting += _children(x11, display, window)


def _children(x11: ctypes.CDLL, display: ctypes.c_void_p, window: int) -> list[int]:
    root, parent, count = ctypes.c_ulong(), ctypes.c_ulong(), ctypes.c_uint()
    listed = ctypes.POINTER(ctypes.c_ulong)()
    found = x11.XQueryTree(
        display,
        ctypes.c_ulong(window),
        ctypes.byref(root),
        ctypes.byref(parent),
        ctypes.byref(listed),
        ctypes.byref(count),
    )
    if not found:
        return []
    children = [int(listed[index]) for index in range(count.value)]
    if children:
        x11.XFree(listed)
    return children


def _title(x11: ctypes.CDLL, display: ctypes.c_void_p, window: int) -> str:
    for name in (b"_NET_WM_NAME", b"WM_NAME"):
        x11.XInternAtom.restype = ctypes.c_ulong
        atom = ctypes.c_ulong(x11.XInternAtom(display, name, 0))
        text = _Text()
        if x11.XGetTextProperty(display, ctypes.c_ulong(window), ctypes.byref(text), atom) and text.value:
            title = ctypes.string_at(text.value, text.count).decode("utf-8", "replace")
            x11.XFree(ctypes.c_void_p(text.value))
            return title
    return ""
