"""Build the modules ``qt``, ``ctk`` and complete ``slicer``, as the application's Python does at start-up."""

from __future__ import annotations

import os
import sys
import types


def install():
    """Register ``qt`` and ``ctk`` in sys.modules and the stand-in classes and submodules in ``slicer``."""
    from host import pythonqt

    qtNames = pythonqt.install()
    qt = _module("qt", "Stand-in of Slicer's qt: PySide6 classes with PythonQt manners.", qtNames)

    from host import ctk_sliders, ctk_widgets, dicom

    ctkNames = {name: cls for each in (ctk_sliders, ctk_widgets, dicom)
                for name, cls in _publicClasses(each, "ctk").items()}
    ctk = _module("ctk", "Stand-in of Slicer's ctk.", ctkNames)
    for module in (qt, ctk):
        sys.modules[module.__name__] = module

    import slicer

    slicer.__path__.append(os.path.join(os.path.dirname(__file__), "slicer_modules"))

    from host import (
        application,
        io_manager,
        layout,
        module_widgets,
        mrml_widgets,
        plot_view,
        segment_editor,
        slice_view,
        threed_view,
    )

    for source in (
        application, io_manager, layout, module_widgets, mrml_widgets, plot_view, segment_editor, slice_view,
        threed_view,
    ):
        for name, cls in _publicClasses(source, ("qMRML", "qSlicer")).items():
            setattr(slicer, name, cls)

    from host import ui_loader

    qt.QUiLoader = ui_loader.QUiLoader


def _module(name, docstring, names):
    module = types.ModuleType(name, docstring)
    module.__dict__.update(names)
    return module


def _publicClasses(module, prefixes):
    return {name: v for name, v in vars(module).items() if isinstance(v, type) and name.startswith(prefixes)}


def standIns():
    """All stand-in classes of ctk and slicer: {name: class}. For the test that compares them with the real ones."""
    import ctk
    import slicer

    found = {name: value for name, value in vars(ctk).items() if isinstance(value, type)}
    found.update((n, v) for n, v in vars(slicer).items() if isinstance(v, type) and n.startswith(("qMRML", "qSlicer")))
    return found
