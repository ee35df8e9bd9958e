"""The export section: files of one volume or of all, the report, the log, accepted findings to the Segment Editor."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence

import qt
import slicer
from slicer.i18n import tr as _

from SPMambaLib.errors import SPMambaError

from .. import export
from ..export import chosen
from ..model.decisions import ACCEPTED
from ..scene import auditlog, tables
from ..scene.hierarchy import putIntoFolder
from ..scene.naming import titleOf
from ..scene.parameters import MachineSettings
from ..scene.result import ACCEPTED_REFERENCE, Result

REPORT = "report"
LOG_FILE = "SP-Mamba_log.jsonl"
EDITOR = "SegmentEditor"


class ExportSection:
    """Buttons of the export section.

    Args:
        ui: widgets by name.
        settings: remember the folder.
        shown: gives the result being read, or None.
        cards: cards of the installed models.
        say: shows a line of text.
    """

    def __init__(self, ui: Any, settings: MachineSettings, shown: Callable[[], Any],
                 cards: Callable[[], List[Dict[str, Any]]], say: Callable[[str], None]) -> None:
        self.ui = ui
        self._settings = settings
        self._shown = shown
        self._cards = cards
        self._say = say
        self._boxes = (
            (export.SEGMENTATION, ui.exportSegmentationCheckBox), (export.LABEL_MAP, ui.exportLabelMapCheckBox),
            (export.TABLE, ui.exportTableCheckBox), (export.SURFACES, ui.exportSurfacesCheckBox),
            (export.OBJECTS, ui.exportObjectsCheckBox), (REPORT, ui.exportReportCheckBox))
        for choice, text in export.choiceTexts().items():
            ui.exportChoiceSelector.addItem(text, choice)
        ui.exportButton.clicked.connect(self.onExportButton)
        ui.exportAllButton.clicked.connect(self.onExportAllButton)
        ui.exportLogButton.clicked.connect(self.onExportLogButton)
        ui.editButton.clicked.connect(self.onEditButton)

    @property
    def formats(self) -> List[str]:
        return [each for each, box in self._boxes if box.checked]

    @property
    def choice(self) -> str:
        return str(self.ui.exportChoiceSelector.itemData(self.ui.exportChoiceSelector.currentIndex))

    # -- clicks -------------------------------------------------------------------------------------------------------

    def onExportButton(self, *args: Any) -> None:
        folder = self._askFolder()
        if folder:
            self.exportTo(Path(folder), self.formats)

    def onExportAllButton(self, *args: Any) -> None:
        folder = self._askFolder()
        if folder:
            self.exportAll(Path(folder), self.formats)

    def onExportLogButton(self, *args: Any) -> None:
        folder = self._askFolder()
        if folder:
            self.exportLog(Path(folder) / LOG_FILE)

    def _askFolder(self) -> str:
        folder = qt.QFileDialog.getExistingDirectory(
            slicer.util.mainWindow(), _("Export to"), self._settings.exportFolder)
        if folder:
            self._settings.exportFolder = folder
        return str(folder or "")

    def onEditButton(self, *args: Any) -> None:
        """A segmentation of the accepted findings, open in the Segment Editor."""
        node = self.acceptedSegmentation()
        if node is not None and slicer.util.mainWindow() is not None and hasattr(slicer.modules, EDITOR.lower()):
            slicer.util.selectModule(EDITOR)  # openNodeModule opens Segmentations, which edits nothing
            self._openIn(slicer.modules.segmenteditor.widgetRepresentation().self(), node, self._shown().input)

    def _openIn(self, editorModule: Any, node: Any, scan: Any) -> None:
        """Let the Segment Editor show `node` over the scan."""
        editor = getattr(editorModule, "editor", None)
        if editor is None:
            return
        editor.setSegmentationNode(node)
        setSource = getattr(editor, "setSourceVolumeNode", None) or getattr(editor, "setMasterVolumeNode", None)
        if scan is not None and setSource is not None:
            setSource(scan)

    # -- what they do -------------------------------------------------------------------------------------------------

    def exportTo(self, folder: Path, formats: Sequence[str]) -> List[Path]:
        """Write files of the result being read and say where; an error is shown, not raised."""
        try:
            files = self._write(self._shown(), folder, formats)
        except SPMambaError as error:
            self._say(error.message)
            return []
        text = _("1 file written to {folder}.") if len(files) == 1 else _("{count} files written to {folder}.")
        self._say(text.format(count=len(files), folder=folder))
        return files

    def exportAll(self, folder: Path, formats: Sequence[str]) -> List[Path]:
        """Write files of every analysed volume of the scene, each into a folder of its own.  A volume that cannot be
        exported is named, the others go on."""
        files: List[Path] = []
        problems: List[str] = []
        results = [result for result in Result.all() if result.complete]
        for result in results:
            name = result.inputName or result.node.GetName()
            target = folder
            try:
                target = export.freeFolder(result, folder)
                target.mkdir(exist_ok=True)
                files += self._write(result, target, formats, target.name)
            except OSError as error:
                problems.append("{}: {}".format(name, error.strerror or error))
            except SPMambaError as error:
                problems.append("{}: {}".format(name, error.message))
                if not any(target.iterdir()):
                    target.rmdir()
        if not results:
            problems.append(_("No volume of this scene was analysed yet."))
        done = _("{count} files of {volumes} volumes written to {folder}.").format(
            count=len(files), volumes=len(results) - len(problems), folder=folder)
        self._say("\n".join(([done] if files else []) + problems))
        return files

    def _write(self, result: Result, folder: Path, formats: Sequence[str], stem: str = "") -> List[Path]:
        """Where no finding is to be exported, table and report still say so."""
        files: List[Path] = []
        others = [each for each in formats if each != REPORT]
        if REPORT in formats and result.complete and not chosen.ranksOf(result, self.choice):
            others = [each for each in others if each == export.TABLE]
        try:
            if others or REPORT not in formats:
                files += export.exportSegments(result, folder, others, self.choice, stem)
            if REPORT in formats:
                from ..export.report import exportReport  # not before it is needed: the panel opens without it

                name = result.summary.get("model", {}).get("name")
                card = next((card for card in self._cards() if card["name"] == name), {})
                files += exportReport(result, folder, card, self.choice, stem)
        finally:
            if files:  # the first half of an export that failed is recorded, too
                auditlog.append("export", result, formats=list(formats), choice=self.choice,
                             files=[path.name for path in files])
        return files

    def exportLog(self, path: Path) -> List[Path]:
        """Write the log of the scene; the log of another one stays, then the name gets a number."""
        try:
            path = auditlog.export(path)
        except SPMambaError as error:
            self._say(error.message)
            return []
        self._say(_("The log was written to {path}.").format(path=path))
        return [path]

    def acceptedSegmentation(self) -> Any:
        """The segmentation node with the accepted findings of the result being read; None if none is accepted.  There
        is one for a result: what was edited in it stays, findings accepted since are added."""
        result = self._shown()
        if ACCEPTED not in [row["decision"] for row in tables.readFindings(result.get("findings"))]:
            self._say(_("No finding is accepted yet. Accept findings first, then edit them."))
            return None
        node = result.node.GetNodeReference(ACCEPTED_REFERENCE)
        if node is None:
            title = titleOf(result.input) if result.input is not None else result.inputName
            name = _("{name} accepted").format(name=title or result.segmentation.GetName())
            node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
            node.CreateDefaultDisplayNodes()
            result.node.SetNodeReferenceID(ACCEPTED_REFERENCE, node.GetID())
            putIntoFolder(result, [node])
        ranks = chosen.copySegments(result, export.ACCEPTED_ONLY, node)
        auditlog.append("editor", result, findings=ranks, segmentation=node.GetName())
        self._say(_("The accepted findings are in the segmentation {name}.").format(name=node.GetName()))
        return node
