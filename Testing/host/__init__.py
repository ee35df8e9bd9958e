"""Test host: runs an unmodified Slicer scripted module outside Slicer.

Real parts: the MRML scene, module logics, displayable managers and rendering of slicer-core, and its ``slicer.util``.
Stand-ins: ``qt`` and ``ctk`` over PySide6, the qMRML widgets, ``slicer.app``, ``slicer.modules``, file readers and
writers, the scripted-module base classes and the parameter node wrapper. See README.md in this folder.
"""

from __future__ import annotations

import os
import sys


def start(modulePath, display=False):
    """Start the host if need be, load the scripted module at `modulePath` and return its `host.session.Host`.

    display: open a window on the screen and ask the user in dialogs; otherwise everything is drawn offscreen and the
        application is in testing mode (dialogs are skipped, as in ``Slicer --testing``).
    The application, the scene and the views are made once per process; a second call only loads another module.
    Raises FileNotFoundError when there is no such module.
    """
    if not os.path.isfile(modulePath):
        raise FileNotFoundError(f"no scripted module at {modulePath}")
    install(display)
    from host import session

    return session.Host(os.path.abspath(modulePath), display)


def install(display=False):
    """Make ``import qt, ctk, slicer`` work as in Slicer's Python, without starting anything. `start` does this too."""
    if "qt" not in sys.modules:
        _prepareGraphics(display)
        from host import namespaces

        namespaces.install()


def _prepareGraphics(display):
    """Choose the Qt platform and VTK's window class before either library is loaded."""
    if not display:
        # Without a display and without this, QApplication aborts the process.
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    os.environ.setdefault("QT_LOGGING_RULES", "qt.qpa.fonts.warning=false")
    # The views are always rendered offscreen and shown as pictures, so no X connection is needed for VTK.
    os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow" if _hasEgl() else "vtkOSOpenGLRenderWindow")


def _hasEgl():
    import ctypes.util

    return ctypes.util.find_library("EGL") is not None
