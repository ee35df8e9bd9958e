<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="de" sourcelanguage="en">
  <context>
    <name>SPMamba</name>
    <message>
      <source>Marks what is unusual in a medical image: select a volume and a model, click Detect anomalies, walk from finding to finding, export the segments. The models have seen normal images only. Research use only, not for diagnosis.</source>
      <translation>Markiert, was in einem medizinischen Bild ungewöhnlich ist: Volumen und Modell wählen, auf „Auffälligkeiten suchen“ klicken, von Befund zu Befund gehen, die Segmente exportieren. Die Modelle haben nur normale Bilder gesehen. Nur für die Forschung, nicht zur Diagnose.</translation>
    </message>
    <message>
      <source>Method: SP-Mamba, an unsupervised detector of anomalies in medical images with spatially bound prototypes and a state space decoder.</source>
      <translation>Methode: SP-Mamba, ein unüberwachtes Verfahren zur Erkennung von Auffälligkeiten in medizinischen Bildern mit ortsgebundenen Prototypen und einem Zustandsraum-Decoder.</translation>
    </message>
    <message>
      <source>Research use only, not for diagnosis.</source>
      <translation>Nur für die Forschung, nicht zur Diagnose.</translation>
    </message>
    <message>
      <source>Input</source>
      <translation>Eingabe</translation>
    </message>
    <message>
      <source>Volume:</source>
      <translation>Volumen:</translation>
    </message>
    <message>
      <source>The image to analyse.</source>
      <translation>Das Bild, das untersucht wird.</translation>
    </message>
    <message>
      <source>Select a volume</source>
      <translation>Volumen wählen</translation>
    </message>
    <message>
      <source>Model:</source>
      <translation>Modell:</translation>
    </message>
    <message>
      <source>What the image is compared with: normal images of one kind.</source>
      <translation>Womit das Bild verglichen wird: normale Bilder einer Art.</translation>
    </message>
    <message>
      <source>Load the head that comes with the extension: normal, but for one implanted lesion.</source>
      <translation>Den Kopf laden, der zur Erweiterung gehört: normal bis auf eine eingesetzte Läsion.</translation>
    </message>
    <message>
      <source>Load sample</source>
      <translation>Beispiel laden</translation>
    </message>
    <message>
      <source>Detect anomalies</source>
      <translation>Auffälligkeiten suchen</translation>
    </message>
    <message>
      <source>Findings:</source>
      <translation>Befunde:</translation>
    </message>
    <message>
      <source>fewer</source>
      <translation>weniger</translation>
    </message>
    <message>
      <source>more</source>
      <translation>mehr</translation>
    </message>
    <message>
      <source>Model's own</source>
      <translation>Wie im Modell</translation>
    </message>
    <message>
      <source>Back to the operating point that the model comes with.</source>
      <translation>Zurück zum Arbeitspunkt, den das Modell mitbringt.</translation>
    </message>
    <message>
      <source>Findings</source>
      <translation>Befunde</translation>
    </message>
    <message>
      <source>Previous finding</source>
      <translation>Voriger Befund</translation>
    </message>
    <message>
      <source>Next finding</source>
      <translation>Nächster Befund</translation>
    </message>
    <message>
      <source>Higher-scored slice</source>
      <translation>Auffälligere Schicht</translation>
    </message>
    <message>
      <source>Lower-scored slice</source>
      <translation>Weniger auffällige Schicht</translation>
    </message>
    <message>
      <source>Accept the selected finding and go on to the next one.</source>
      <translation>Den gewählten Befund annehmen und zum nächsten gehen.</translation>
    </message>
    <message>
      <source>Accept</source>
      <translation>Annehmen</translation>
    </message>
    <message>
      <source>Reject the selected finding and go on to the next one; it stays visible, in gray.</source>
      <translation>Den gewählten Befund ablehnen und zum nächsten gehen; er bleibt sichtbar, in Grau.</translation>
    </message>
    <message>
      <source>Reject</source>
      <translation>Ablehnen</translation>
    </message>
    <message>
      <source>Leave the selected finding open, to be looked at again, and go on to the next one.</source>
      <translation>Den gewählten Befund offen lassen, um ihn noch einmal anzusehen, und zum nächsten gehen.</translation>
    </message>
    <message>
      <source>Unsure</source>
      <translation>Unsicher</translation>
    </message>
    <message>
      <source>Take the last decision back.</source>
      <translation>Die letzte Entscheidung zurücknehmen.</translation>
    </message>
    <message>
      <source>Undo</source>
      <translation>Zurück</translation>
    </message>
    <message>
      <source>Click a finding to go there; Ctrl and click selects several to merge.</source>
      <translation>Ein Klick auf einen Befund führt dorthin; Strg und Klick wählt mehrere zum Verbinden.</translation>
    </message>
    <message>
      <source>Why the finding is rejected.</source>
      <translation>Warum der Befund abgelehnt wird.</translation>
    </message>
    <message>
      <source>A note on this finding, kept in the scene. Enter takes it over.</source>
      <translation>Eine Notiz zu diesem Befund, in der Szene gespeichert. Die Eingabetaste übernimmt sie.</translation>
    </message>
    <message>
      <source>Note</source>
      <translation>Notiz</translation>
    </message>
    <message>
      <source>In units of the spread among normal scans. The line in a bar is the highest value in any of the normal images held out for calibration; rare: in fewer than 1 in 20 of them.</source>
      <translation>In Einheiten der Streuung unter normalen Aufnahmen. Der Strich im Balken ist der höchste Wert in allen normalen Bildern, die zur Kalibrierung zurückgehalten wurden; selten: in weniger als 1 von 20 davon.</translation>
    </message>
    <message>
      <source>Why: this scan and what is normal here</source>
      <translation>Warum: was hier normal ist</translation>
    </message>
    <message>
      <source>List:</source>
      <translation>Liste:</translation>
    </message>
    <message>
      <source>Which findings are listed, by what was decided about them.</source>
      <translation>Welche Befunde in der Liste stehen, nach der Entscheidung über sie.</translation>
    </message>
    <message>
      <source>from</source>
      <translation>ab</translation>
    </message>
    <message>
      <source>Smaller findings are not listed. They stay in the scene, and nothing is decided about them.</source>
      <translation>Kleinere Befunde stehen nicht in der Liste. Sie bleiben in der Szene, und es wird nichts über sie entschieden.</translation>
    </message>
    <message>
      <source> ml</source>
      <translation> ml</translation>
    </message>
    <message>
      <source>Sort by:</source>
      <translation>Sortieren:</translation>
    </message>
    <message>
      <source>The order of the list; a click on a column of the table does the same.</source>
      <translation>Die Reihenfolge der Liste; ein Klick auf einen Spaltenkopf der Tabelle bewirkt dasselbe.</translation>
    </message>
    <message>
      <source>Turn the order round.</source>
      <translation>Die Reihenfolge umkehren.</translation>
    </message>
    <message>
      <source>descending</source>
      <translation>absteigend</translation>
    </message>
    <message>
      <source>The highest map value of each slice against the range of normal slices; a click on the plot jumps to the slice.</source>
      <translation>Der höchste Kartenwert jeder Schicht vor dem Bereich normaler Schichten; ein Klick in die Kurve führt zur Schicht.</translation>
    </message>
    <message>
      <source>Show slice scores</source>
      <translation>Werte der Schichten zeigen</translation>
    </message>
    <message>
      <source>Make one finding of the selected ones (Ctrl and click selects several).</source>
      <translation>Die gewählten Befunde zu einem verbinden (Strg und Klick wählt mehrere).</translation>
    </message>
    <message>
      <source>Merge</source>
      <translation>Verbinden</translation>
    </message>
    <message>
      <source>Operating point and overlay</source>
      <translation>Arbeitspunkt und Überlagerung</translation>
    </message>
    <message>
      <source>Threshold:</source>
      <translation>Schwelle:</translation>
    </message>
    <message>
      <source>Show in 3D</source>
      <translation>In 3D zeigen</translation>
    </message>
    <message>
      <source>Show the findings as surfaces in the 3D view, made one after the other. Off for long lists unless asked for; a film has none.</source>
      <translation>Die Befunde als Oberflächen in der 3D-Ansicht zeigen; sie entstehen nacheinander. Bei langen Listen nur auf Wunsch; ein Röntgenbild hat keine.</translation>
    </message>
    <message>
      <source>Show:</source>
      <translation>Zeigen:</translation>
    </message>
    <message>
      <source>Visible</source>
      <translation>Sichtbar</translation>
    </message>
    <message>
      <source>Draw the bands as outlines, so that the image under them is seen.</source>
      <translation>Die Stufen als Umrisse zeichnen, damit das Bild darunter zu sehen ist.</translation>
    </message>
    <message>
      <source>Outlines</source>
      <translation>Umrisse</translation>
    </message>
    <message>
      <source>Opacity:</source>
      <translation>Deckkraft:</translation>
    </message>
    <message>
      <source>How much the marks cover the image.</source>
      <translation>Wie stark die Markierungen das Bild verdecken.</translation>
    </message>
    <message>
      <source>Legend</source>
      <translation>Legende</translation>
    </message>
    <message>
      <source>The colors and what they mean, in a corner of the views. In a close-up it may lie over the image.</source>
      <translation>Die Farben und was sie bedeuten, in einer Ecke der Ansichten. Bei starker Vergrößerung kann sie Teile des Bildes verdecken.</translation>
    </message>
    <message>
      <source>Whole map</source>
      <translation>Ganze Karte</translation>
    </message>
    <message>
      <source>Show the continuous map below the operating point too, down to what half of the normal images reach.</source>
      <translation>Die stufenlose Karte auch unterhalb des Arbeitspunkts zeigen, bis dahin, was die Hälfte der normalen Bilder erreicht.</translation>
    </message>
    <message>
      <source>Compare</source>
      <translation>Vergleich</translation>
    </message>
    <message>
      <source>Blink</source>
      <translation>Blinken</translation>
    </message>
    <message>
      <source>Keys...</source>
      <translation>Tasten</translation>
    </message>
    <message>
      <source>Slices</source>
      <translation>Schichten</translation>
    </message>
    <message>
      <source>A slice counts as seen once you have moved to it in a view of the analysed plane.</source>
      <translation>Eine Schicht gilt als gesehen, sobald Sie in einer Ansicht der untersuchten Ebene zu ihr gegangen sind.</translation>
    </message>
    <message>
      <source>Previous unseen mark</source>
      <translation>Vorige ungesehene</translation>
    </message>
    <message>
      <source>Next unseen mark</source>
      <translation>Nächste ungesehene</translation>
    </message>
    <message>
      <source>Volumes of the scene</source>
      <translation>Volumen der Szene</translation>
    </message>
    <message>
      <source>Click a volume, or press Enter on it, to read it.</source>
      <translation>Ein Volumen anklicken, oder Eingabetaste darauf, um es zu befunden.</translation>
    </message>
    <message>
      <source>Detect on all</source>
      <translation>In allen suchen</translation>
    </message>
    <message>
      <source>Nothing found: mark as reviewed</source>
      <translation>Nichts gefunden: als gesehen markieren</translation>
    </message>
    <message>
      <source>You have looked at this volume, and no finding of the detection is left to decide about.</source>
      <translation>Sie haben dieses Volumen angesehen, und kein Befund ist mehr zu entscheiden.</translation>
    </message>
    <message>
      <source>Export</source>
      <translation>Export</translation>
    </message>
    <message>
      <source>Which findings are exported, by what was decided about them.</source>
      <translation>Welche Befunde exportiert werden, nach der Entscheidung über sie.</translation>
    </message>
    <message>
      <source>Segments of the findings, with terminology, for Slicer.</source>
      <translation>Segmente der Befunde mit Terminologie, für Slicer.</translation>
    </message>
    <message>
      <source>.seg.nrrd</source>
      <translation>.seg.nrrd</translation>
    </message>
    <message>
      <source>A label map on the grid of the volume; the value of a voxel is the rank of its finding.</source>
      <translation>Eine Labelkarte im Raster des Volumens; der Wert eines Voxels ist der Rang seines Befunds.</translation>
    </message>
    <message>
      <source>NIfTI label map</source>
      <translation>NIfTI-Labelkarte</translation>
    </message>
    <message>
      <source>A closed surface of each finding, in mm.</source>
      <translation>Eine geschlossene Oberfläche je Befund, in mm.</translation>
    </message>
    <message>
      <source>STL surfaces</source>
      <translation>STL-Oberflächen</translation>
    </message>
    <message>
      <source>The same surfaces in the OBJ format.</source>
      <translation>Dieselben Oberflächen im Format OBJ.</translation>
    </message>
    <message>
      <source>OBJ surfaces</source>
      <translation>OBJ-Oberflächen</translation>
    </message>
    <message>
      <source>The findings as rows: place, size, score, decision, reason and note.</source>
      <translation>Die Befunde als Zeilen: Ort, Größe, Wert, Entscheidung, Grund und Notiz.</translation>
    </message>
    <message>
      <source>CSV of the findings</source>
      <translation>CSV der Befunde</translation>
    </message>
    <message>
      <source>One page with key images, operating point, decisions, model and versions.</source>
      <translation>Eine Seite mit Schlüsselbildern, Arbeitspunkt, Entscheidungen, Modell und Versionen.</translation>
    </message>
    <message>
      <source>Report (HTML, PDF)</source>
      <translation>Bericht (HTML, PDF)</translation>
    </message>
    <message>
      <source>Write the files of this volume into a folder.</source>
      <translation>Die Dateien dieses Volumens in einen Ordner schreiben.</translation>
    </message>
    <message>
      <source>Export...</source>
      <translation>Exportieren...</translation>
    </message>
    <message>
      <source>Write the files of every analysed volume of the scene, each into a folder of its own.</source>
      <translation>Die Dateien jedes untersuchten Volumens der Szene schreiben, jedes in einen eigenen Ordner.</translation>
    </message>
    <message>
      <source>Export all volumes...</source>
      <translation>Alle Volumen...</translation>
    </message>
    <message>
      <source>Make one segmentation of the accepted findings and open it in the Segment Editor.</source>
      <translation>Aus den angenommenen Befunden eine Segmentierung machen und im Segment Editor öffnen.</translation>
    </message>
    <message>
      <source>Accepted to Segment Editor</source>
      <translation>In den Segment Editor</translation>
    </message>
    <message>
      <source>Write the log of detections and decisions as JSON lines.</source>
      <translation>Das Protokoll der Suchen und Entscheidungen als JSON-Zeilen schreiben.</translation>
    </message>
    <message>
      <source>Export log...</source>
      <translation>Protokoll...</translation>
    </message>
    <message>
      <source>Model and device</source>
      <translation>Modell und Gerät</translation>
    </message>
    <message>
      <source>Device:</source>
      <translation>Gerät:</translation>
    </message>
    <message>
      <source>Where to compute. Auto takes the graphics card if there is one that works.</source>
      <translation>Wo gerechnet wird. Automatisch nimmt die Grafikkarte, wenn eine funktioniert.</translation>
    </message>
    <message>
      <source>Try graphics card or CPU in under two minutes: right numbers, memory, speed. Slicer stays usable.</source>
      <translation>Grafikkarte oder CPU in weniger als zwei Minuten prüfen: richtige Zahlen, Speicher, Geschwindigkeit. Slicer bleibt benutzbar.</translation>
    </message>
    <message>
      <source>Check this computer</source>
      <translation>Diesen Computer prüfen</translation>
    </message>
    <message>
      <source>Install an optional package after asking.</source>
      <translation>Ein zusätzliches Paket installieren, nach Rückfrage.</translation>
    </message>
    <message>
      <source>Faster with numba...</source>
      <translation>Schneller mit numba...</translation>
    </message>
    <message>
      <source>Details</source>
      <translation>Einzelheiten</translation>
    </message>
    <message>
      <source>What the analysis process reported.</source>
      <translation>Was der Analyseprozess gemeldet hat.</translation>
    </message>
    <message>
      <source>Copy the whole log.</source>
      <translation>Das ganze Protokoll kopieren.</translation>
    </message>
    <message>
      <source>Copy</source>
      <translation>Kopieren</translation>
    </message>
  </context>
  <context>
    <name>SPMambaPanel.casecontroller</name>
    <message>
      <source>This scene holds a result of another version of SP-Mamba ({versions}; this is {own}). Its images are there, but it cannot be reviewed here. Detect again, or open the scene with that version.</source>
      <translation>Diese Szene enthält ein Ergebnis einer anderen Version von SP-Mamba ({versions}; dies ist {own}). Die Bilder sind da, aber es kann hier nicht gesichtet werden. Erneut suchen oder die Szene mit jener Version öffnen.</translation>
    </message>
  </context>
  <context>
    <name>detection.dependencies</name>
    <message>
      <source>the Slicer extension {name} (1 MB, needs a restart of Slicer)</source>
      <translation>die Slicer-Erweiterung {name} (1 MB, Slicer muss neu gestartet werden)</translation>
    </message>
    <message>
      <source>To analyse images, SP-Mamba needs Python packages that Slicer does not have yet:

{packages}

They are downloaded from the internet and installed into this Slicer. Nothing of your images leaves this computer. Install them now?</source>
      <translation>Um Bilder zu untersuchen, braucht SP-Mamba Python-Pakete, die in Slicer noch fehlen:

{packages}

Sie werden aus dem Internet geladen und in diesem Slicer installiert. Von Ihren Bildern verlässt nichts diesen Rechner. Jetzt installieren?</translation>
    </message>
    <message>
      <source>SP-Mamba: install packages</source>
      <translation>SP-Mamba: Pakete installieren</translation>
    </message>
    <message>
      <source>numba is not needed; with it, models that use the selective scan compute faster on this computer:

{gains}

It is downloaded from the internet ({size}) and installed into this Slicer; packages that are there stay as they are. Nothing of your images leaves this computer. Install it now?</source>
      <translation>numba wird nicht gebraucht; mit ihm rechnen Modelle, die den selektiven Scan benutzen, auf diesem Computer schneller:

{gains}

Es wird aus dem Internet geladen ({size}) und in dieses Slicer installiert; vorhandene Pakete bleiben, wie sie sind. Nichts von Ihren Bildern verlässt diesen Computer. Jetzt installieren?</translation>
    </message>
    <message>
      <source>numba was not installed; everything works without it. Details say why.</source>
      <translation>numba wurde nicht installiert; alles geht auch ohne. Der Grund steht unter Details.</translation>
    </message>
    <message>
      <source>The installation of {packages} did not succeed. Check the internet connection and the free disk space, then click Detect again.</source>
      <translation>Die Installation von {packages} ist nicht gelungen. Internetverbindung und freien Speicherplatz prüfen, dann noch einmal auf „Auffälligkeiten suchen“ klicken.</translation>
    </message>
    <message>
      <source>The PyTorch extension was installed. Restart Slicer, then click Detect again to go on.</source>
      <translation>Die PyTorch-Erweiterung wurde installiert. Slicer neu starten und dann noch einmal auf „Auffälligkeiten suchen“ klicken, um fortzufahren.</translation>
    </message>
  </context>
  <context>
    <name>detection.run</name>
    <message>
      <source>The volume was deleted during the analysis; its result was dropped.</source>
      <translation>Das Volumen wurde während der Untersuchung gelöscht; das Ergebnis wurde verworfen.</translation>
    </message>
    <message>
      <source>Showing the result</source>
      <translation>Ergebnis wird angezeigt</translation>
    </message>
    <message>
      <source>The result could not be shown; the scene is unchanged.</source>
      <translation>Das Ergebnis konnte nicht angezeigt werden; die Szene ist unverändert.</translation>
    </message>
    <message>
      <source>The volume could not be handed to the analysis process: the temporary folder is full or cannot be written.</source>
      <translation>Das Volumen konnte nicht an den Rechenprozess übergeben werden: Der Ordner für temporäre Dateien ist voll oder schreibgeschützt.</translation>
    </message>
  </context>
  <context>
    <name>detection.workerclient</name>
    <message>
      <source>Starting the analysis process: {command}</source>
      <translation>Rechenprozess wird gestartet: {command}</translation>
    </message>
    <message>
      <source>The analysis process did not answer the cancel in time and was ended.</source>
      <translation>Der Rechenprozess hat auf den Abbruch nicht rechtzeitig reagiert und wurde beendet.</translation>
    </message>
    <message>
      <source>The analysis process could not be started. Install the extension again or ask for support.</source>
      <translation>Der Rechenprozess konnte nicht gestartet werden. Die Erweiterung neu installieren oder um Hilfe bitten.</translation>
    </message>
    <message>
      <source>exit code {code}</source>
      <translation>Rückgabewert {code}</translation>
    </message>
    <message>
      <source>crash or killed, {reason}</source>
      <translation>abgestürzt oder abgebrochen, {reason}</translation>
    </message>
    <message>
      <source>The analysis process has ended ({reason}).</source>
      <translation>Der Rechenprozess ist beendet ({reason}).</translation>
    </message>
    <message>
      <source>The analysis process ended unexpectedly; the scene is unchanged. Click Detect again to restart it.</source>
      <translation>Der Rechenprozess wurde unerwartet beendet; die Szene ist unverändert. Noch einmal auf „Auffälligkeiten suchen“ klicken, um ihn neu zu starten.</translation>
    </message>
  </context>
  <context>
    <name>export.__init__</name>
    <message>
      <source>The segments could not be written to {folder}.</source>
      <translation>Die Segmente konnten nicht nach {folder} geschrieben werden.</translation>
    </message>
    <message>
      <source>There is no result to export.</source>
      <translation>Es gibt kein Ergebnis zum Exportieren.</translation>
    </message>
    <message>
      <source>There is no segment to export at this operating point.</source>
      <translation>Bei diesem Arbeitspunkt gibt es kein Segment zum Exportieren.</translation>
    </message>
    <message>
      <source>There is no segment to export: no finding with this decision at this operating point.</source>
      <translation>Es gibt kein Segment zum Exportieren: kein Befund mit dieser Entscheidung bei diesem Arbeitspunkt.</translation>
    </message>
  </context>
  <context>
    <name>export.chosen</name>
    <message>
      <source>all but the rejected</source>
      <translation>alle außer abgelehnten</translation>
    </message>
    <message>
      <source>accepted only</source>
      <translation>nur angenommene</translation>
    </message>
    <message>
      <source>all, rejected too</source>
      <translation>alle, auch abgelehnte</translation>
    </message>
    <message>
      <source>The scan is under a transform that is not linear; harden the transform of the scan first.</source>
      <translation>Die Aufnahme liegt unter einer nicht linearen Transformation; diese zuerst auf die Aufnahme anwenden.</translation>
    </message>
  </context>
  <context>
    <name>export.report</name>
    <message>
      <source>There is no result to export.</source>
      <translation>Es gibt kein Ergebnis zum Exportieren.</translation>
    </message>
    <message>
      <source>The report could not be written to {folder}.</source>
      <translation>Der Bericht konnte nicht nach {folder} geschrieben werden.</translation>
    </message>
    <message>
      <source>SP-Mamba report</source>
      <translation>SP-Mamba-Bericht</translation>
    </message>
    <message>
      <source>SP-Mamba: unusual places in {name}</source>
      <translation>SP-Mamba: ungewöhnliche Stellen in {name}</translation>
    </message>
    <message>
      <source>Research use only, not for diagnosis. A scan without marks is not a normal scan.</source>
      <translation>Nur für die Forschung, nicht zur Diagnose. Eine Aufnahme ohne Markierung ist keine normale Aufnahme.</translation>
    </message>
    <message>
      <source>Model</source>
      <translation>Modell</translation>
    </message>
    <message>
      <source>{name} (no longer in the scene)</source>
      <translation>{name} (nicht mehr in der Szene)</translation>
    </message>
    <message>
      <source>a volume</source>
      <translation>ein Volumen</translation>
    </message>
    <message>
      <source>{count}: {accepted} accepted, {rejected} rejected, {unsure} unsure, {open} undecided</source>
      <translation>{count}: {accepted} angenommen, {rejected} abgelehnt, {unsure} unsicher, {open} offen</translation>
    </message>
    <message>
      <source>none; marked as reviewed</source>
      <translation>keine; als gesehen markiert</translation>
    </message>
    <message>
      <source>none; not marked as reviewed</source>
      <translation>keine; nicht als gesehen markiert</translation>
    </message>
    <message>
      <source>Volume</source>
      <translation>Volumen</translation>
    </message>
    <message>
      <source>From</source>
      <translation>Herkunft</translation>
    </message>
    <message>
      <source>Operating point</source>
      <translation>Arbeitspunkt</translation>
    </message>
    <message>
      <source>threshold {value}</source>
      <translation>Schwelle {value}</translation>
    </message>
    <message>
      <source>Whole scan</source>
      <translation>Ganze Aufnahme</translation>
    </message>
    <message>
      <source>Findings</source>
      <translation>Befunde</translation>
    </message>
    <message>
      <source>Written</source>
      <translation>Erstellt</translation>
    </message>
    <message>
      <source>Software</source>
      <translation>Software</translation>
    </message>
    <message>
      <source>Name</source>
      <translation>Name</translation>
    </message>
    <message>
      <source>For</source>
      <translation>Für</translation>
    </message>
    <message>
      <source>Not for</source>
      <translation>Nicht für</translation>
    </message>
    <message>
      <source>Made from</source>
      <translation>Erstellt aus</translation>
    </message>
    <message>
      <source>Limits</source>
      <translation>Grenzen</translation>
    </message>
    <message>
      <source>Finding {rank}, slice {slice}: {decision}</source>
      <translation>Befund {rank}, Schicht {slice}: {decision}</translation>
    </message>
    <message>
      <source>Outlined: the finding (gray: rejected), thinner: others in the same slice; the strokes point at its highest value.</source>
      <translation>Umrandet: der Befund (grau: abgelehnt), dünner: andere in derselben Schicht; die Striche zeigen auf seinen höchsten Wert.</translation>
    </message>
    <message>
      <source>Small pictures: this scan, and below it the normal scans closest to it at this place.</source>
      <translation>Kleine Bilder: dieses Bild, darunter die normalen Aufnahmen, die ihm an dieser Stelle am nächsten kommen.</translation>
    </message>
    <message>
      <source>Slice {slice}, the highest of the map</source>
      <translation>Schicht {slice}, die höchste der Karte</translation>
    </message>
    <message>
      <source>{count} more, {accepted} of them accepted, are in the table of findings (CSV).</source>
      <translation>{count} weitere, {accepted} davon angenommen, stehen in der Befundtabelle (CSV).</translation>
    </message>
    <message>
      <source>{count} with other decisions are not listed.</source>
      <translation>{count} mit anderer Entscheidung sind nicht aufgeführt.</translation>
    </message>
    <message>
      <source>No finding is listed.</source>
      <translation>Es ist kein Befund aufgeführt.</translation>
    </message>
    <message>
      <source>Peak and mean are map values, in units of the spread of normals</source>
      <translation>Maximum und Mittel sind Kartenwerte, in Einheiten der Streuung der Normalen</translation>
    </message>
  </context>
  <context>
    <name>reading.display</name>
    <message>
      <source>Severity</source>
      <translation>Schwere</translation>
    </message>
    <message>
      <source>Anomaly</source>
      <translation>Auffälligkeit</translation>
    </message>
  </context>
  <context>
    <name>reading.findingscolumns</name>
    <message>
      <source>#</source>
      <translation>Nr.</translation>
    </message>
    <message>
      <source>Decision</source>
      <translation>Entscheidung</translation>
    </message>
    <message>
      <source>Slice</source>
      <translation>Schicht</translation>
    </message>
    <message>
      <source>Band</source>
      <translation>Stufe</translation>
    </message>
    <message>
      <source>Peak</source>
      <translation>Maximum</translation>
    </message>
    <message>
      <source>Mean</source>
      <translation>Mittel</translation>
    </message>
    <message>
      <source>No finding at this operating point; the scan may be abnormal all the same.</source>
      <translation>Kein Befund bei diesem Arbeitspunkt; die Aufnahme kann trotzdem auffällig sein.</translation>
    </message>
    <message>
      <source>1 finding.</source>
      <translation>1 Befund.</translation>
    </message>
    <message>
      <source>{count} findings.</source>
      <translation>{count} Befunde.</translation>
    </message>
    <message>
      <source>None is listed: the choices below leave all of them out.</source>
      <translation>Keiner steht in der Liste: die Auswahl darunter lässt alle weg.</translation>
    </message>
    <message>
      <source>{listed} listed.</source>
      <translation>{listed} in der Liste.</translation>
    </message>
    <message>
      <source>{decided} decided.</source>
      <translation>{decided} entschieden.</translation>
    </message>
  </context>
  <context>
    <name>reading.operatingpoint</name>
    <message>
      <source>{share} normal slices would show a finding or be unusual as a whole</source>
      <translation>{share} normalen Schichten zeigt einen Befund oder ist im Ganzen ungewöhnlich</translation>
    </message>
    <message>
      <source>{share} normal images would show a finding or be unusual as a whole</source>
      <translation>{share} normalen Bildern zeigt einen Befund oder ist im Ganzen ungewöhnlich</translation>
    </message>
    <message>
      <source>{share} normal slices would show a finding</source>
      <translation>{share} normalen Schichten zeigt einen Befund</translation>
    </message>
    <message>
      <source>{share} normal images would show a finding</source>
      <translation>{share} normalen Bildern zeigt einen Befund</translation>
    </message>
    <message>
      <source>Measured on {count} normal scans; of new ones, {interval} (95 %)</source>
      <translation>Gemessen an {count} normalen Aufnahmen; von neuen {interval} (95 %)</translation>
    </message>
    <message>
      <source>from {edge}, higher than any normal held out for calibration</source>
      <translation>ab {edge}, höher als jedes normale Bild, das zur Kalibrierung zurückgehalten wurde</translation>
    </message>
    <message>
      <source>from {edge}, reached by {share} normal slices</source>
      <translation>ab {edge}, erreicht von {share} normalen Schichten</translation>
    </message>
    <message>
      <source>from {edge}, reached by {share} normal images</source>
      <translation>ab {edge}, erreicht von {share} normalen Bildern</translation>
    </message>
    <message>
      <source>{percent} % of</source>
      <translation>{percent} % der</translation>
    </message>
    <message>
      <source>1 in {n}</source>
      <translation>1 von {n}</translation>
    </message>
  </context>
  <context>
    <name>reading.scanverdict</name>
    <message>
      <source>unusual: {rank}</source>
      <translation>ungewöhnlich: {rank}</translation>
    </message>
    <message>
      <source>not unusual: {rank}</source>
      <translation>nicht ungewöhnlich: {rank}</translation>
    </message>
    <message>
      <source>above all {count} normal slices</source>
      <translation>über allen {count} normalen Schichten</translation>
    </message>
    <message>
      <source>above all {count} normal images</source>
      <translation>über allen {count} normalen Bildern</translation>
    </message>
    <message>
      <source>above all {count} normal volumes</source>
      <translation>über allen {count} normalen Volumen</translation>
    </message>
    <message>
      <source>{share} normal slices would score this high</source>
      <translation>{share} normalen Schichten erreicht diesen Wert</translation>
    </message>
    <message>
      <source>{share} normal images would score this high</source>
      <translation>{share} normalen Bildern erreicht diesen Wert</translation>
    </message>
    <message>
      <source>{share} normal volumes would score this high</source>
      <translation>{share} normalen Volumen erreicht diesen Wert</translation>
    </message>
    <message>
      <source>half or more of</source>
      <translation>mindestens die Hälfte von</translation>
    </message>
    <message>
      <source>above all</source>
      <translation>über allen</translation>
    </message>
    <message>
      <source>usual</source>
      <translation>gewöhnlich</translation>
    </message>
    <message>
      <source>1 in {n}</source>
      <translation>1 von {n}</translation>
    </message>
    <message>
      <source>Whole scan: this model has no verdict on it.</source>
      <translation>Ganze Aufnahme: Dieses Modell gibt dazu kein Urteil ab.</translation>
    </message>
    <message>
      <source>Whole scan unusual</source>
      <translation>Ganze Aufnahme ungewöhnlich</translation>
    </message>
    <message>
      <source>Whole scan not unusual</source>
      <translation>Ganze Aufnahme nicht ungewöhnlich</translation>
    </message>
  </context>
  <context>
    <name>reading.scorebars</name>
    <message>
      <source>Residual</source>
      <translation>Residuum</translation>
    </message>
    <message>
      <source>could not be reproduced from normal anatomy</source>
      <translation>ließ sich aus normaler Anatomie nicht nachbilden</translation>
    </message>
    <message>
      <source>Prototype</source>
      <translation>Prototyp</translation>
    </message>
    <message>
      <source>looks like no normal example of this place</source>
      <translation>gleicht keinem normalen Beispiel dieser Stelle</translation>
    </message>
    <message>
      <source>Mirror</source>
      <translation>Spiegelung</translation>
    </message>
    <message>
      <source>differs from the same place on the other side</source>
      <translation>weicht von derselben Stelle der anderen Seite ab</translation>
    </message>
    <message>
      <source>Intensity</source>
      <translation>Helligkeit</translation>
    </message>
    <message>
      <source>is brighter than tissue is here in normal images</source>
      <translation>ist heller als Gewebe hier in normalen Bildern</translation>
    </message>
    <message>
      <source>Contrast</source>
      <translation>Kontrast</translation>
    </message>
    <message>
      <source>how far the peak stands out of the finding's mean</source>
      <translation>wie weit das Maximum über dem Mittel des Befunds liegt</translation>
    </message>
    <message>
      <source>This result was made by an older version, which keeps the model's terms at the operating point of the detection only.</source>
      <translation>Dieses Ergebnis stammt von einer älteren Version, die die Anteile des Modells nur am Arbeitspunkt der Suche kennt.</translation>
    </message>
    <message>
      <source>above all normals ({highest})</source>
      <translation>über allen normalen ({highest})</translation>
    </message>
    <message>
      <source>rare in normals (up to {highest})</source>
      <translation>selten in normalen (bis {highest})</translation>
    </message>
    <message>
      <source>as in normals (up to {highest})</source>
      <translation>wie in normalen (bis {highest})</translation>
    </message>
  </context>
  <context>
    <name>reading.whereabouts</name>
    <message>
      <source>Place (px)</source>
      <translation>Ort (px)</translation>
    </message>
    <message>
      <source>Size (mm)</source>
      <translation>Größe (mm)</translation>
    </message>
    <message>
      <source>Size (px)</source>
      <translation>Größe (px)</translation>
    </message>
    <message>
      <source>px</source>
      <translation>px</translation>
    </message>
    <message>
      <source>right half of the image</source>
      <translation>rechte Bildhälfte</translation>
    </message>
    <message>
      <source>left half of the image</source>
      <translation>linke Bildhälfte</translation>
    </message>
    <message>
      <source>right half of the scan</source>
      <translation>rechte Hälfte der Aufnahme</translation>
    </message>
    <message>
      <source>left half of the scan</source>
      <translation>linke Hälfte der Aufnahme</translation>
    </message>
    <message>
      <source>Place (RAS mm)</source>
      <translation>Ort (RAS mm)</translation>
    </message>
    <message>
      <source>ml</source>
      <translation>ml</translation>
    </message>
  </context>
  <context>
    <name>reading.why</name>
    <message>
      <source>This result was made by an older version and keeps no evidence; detect again to see it.</source>
      <translation>Dieses Ergebnis stammt von einer älteren Version und enthält keine Belege; suchen Sie erneut, um sie zu sehen.</translation>
    </message>
    <message>
      <source>No evidence was kept for this place.</source>
      <translation>Für diese Stelle wurden keine Belege behalten.</translation>
    </message>
    <message>
      <source>Same place, same grey scale; the strokes point at the highest map value.</source>
      <translation>Selbe Stelle, selbe Grauskala; die Striche zeigen auf den höchsten Wert der Karte.</translation>
    </message>
    <message>
      <source>This model holds no pictures of what is normal.</source>
      <translation>Dieses Modell enthält keine Bilder davon, was normal ist.</translation>
    </message>
    <message>
      <source>Too few normal patients are known at this place for a picture of them.</source>
      <translation>Für ein Bild sind an dieser Stelle zu wenige normale Patienten bekannt.</translation>
    </message>
    <message>
      <source>This scan</source>
      <translation>Dieses Bild</translation>
    </message>
    <message>
      <source>Closest normal here: mean of {count} patients</source>
      <translation>Hier ähnlichstes Normales: Mittel von {count} Patienten</translation>
    </message>
  </context>
  <context>
    <name>scene.auditlog</name>
    <message>
      <source>Nothing was detected or decided in this scene yet.</source>
      <translation>In dieser Szene wurde noch nichts gesucht oder entschieden.</translation>
    </message>
    <message>
      <source>The log could not be written to {path}.</source>
      <translation>Das Protokoll konnte nicht nach {path} geschrieben werden.</translation>
    </message>
  </context>
  <context>
    <name>scene.colors</name>
    <message>
      <source>not marked</source>
      <translation>nicht markiert</translation>
    </message>
  </context>
  <context>
    <name>scene.evidencenode</name>
    <message>
      <source>The evidence of this result is damaged; detect again to see it.</source>
      <translation>Die Belege dieses Ergebnisses sind beschädigt; suchen Sie erneut, um sie zu sehen.</translation>
    </message>
  </context>
  <context>
    <name>scene.origin</name>
    <message>
      <source>no. {number}</source>
      <translation>Nr. {number}</translation>
    </message>
    <message>
      <source>series {number}</source>
      <translation>Serie {number}</translation>
    </message>
  </context>
  <context>
    <name>scene.overlay</name>
    <message>
      <source>The analysis process is of another version than this module; install the extension again.</source>
      <translation>Der Rechenprozess hat eine andere Version als dieses Modul; bitte die Erweiterung neu installieren.</translation>
    </message>
    <message>
      <source>The volume was changed during the analysis; its result was dropped.</source>
      <translation>Das Volumen wurde während der Untersuchung verändert; das Ergebnis wurde verworfen.</translation>
    </message>
  </context>
  <context>
    <name>scene.sample</name>
    <message>
      <source>The sample is missing. Install the SPMamba extension again.</source>
      <translation>Das Beispiel fehlt. Bitte die Erweiterung SPMamba neu installieren.</translation>
    </message>
    <message>
      <source>The sample cannot be read. Install the SPMamba extension again.</source>
      <translation>Das Beispiel lässt sich nicht lesen. Bitte die Erweiterung SPMamba neu installieren.</translation>
    </message>
  </context>
  <context>
    <name>scene.sliceplot</name>
    <message>
      <source>19 of 20 normal slices</source>
      <translation>19 von 20 normalen Schichten</translation>
    </message>
    <message>
      <source>operating point</source>
      <translation>Arbeitspunkt</translation>
    </message>
    <message>
      <source>highest map value</source>
      <translation>höchster Kartenwert</translation>
    </message>
    <message>
      <source>not seen yet</source>
      <translation>noch nicht gesehen</translation>
    </message>
    <message>
      <source>current slice</source>
      <translation>jetzige Schicht</translation>
    </message>
    <message>
      <source>Slices of {name}</source>
      <translation>Schichten von {name}</translation>
    </message>
    <message>
      <source>Slice</source>
      <translation>Schicht</translation>
    </message>
    <message>
      <source>Highest map value (normal spread)</source>
      <translation>Höchster Kartenwert (normale Streuung)</translation>
    </message>
  </context>
  <context>
    <name>scene.tables</name>
    <message>
      <source>Anomaly {rank}</source>
      <translation>Auffälligkeit {rank}</translation>
    </message>
  </context>
  <context>
    <name>scene.texts</name>
    <message>
      <source>accepted</source>
      <translation>angenommen</translation>
    </message>
    <message>
      <source>rejected</source>
      <translation>abgelehnt</translation>
    </message>
    <message>
      <source>unsure</source>
      <translation>unsicher</translation>
    </message>
    <message>
      <source>undecided</source>
      <translation>offen</translation>
    </message>
    <message>
      <source>artefact</source>
      <translation>Artefakt</translation>
    </message>
    <message>
      <source>normal variant</source>
      <translation>Normvariante</translation>
    </message>
    <message>
      <source>post-operative</source>
      <translation>postoperativ</translation>
    </message>
    <message>
      <source>positioning</source>
      <translation>Lagerung</translation>
    </message>
    <message>
      <source>other</source>
      <translation>anderes</translation>
    </message>
    <message>
      <source>unusual</source>
      <translation>auffällig</translation>
    </message>
    <message>
      <source>very unusual</source>
      <translation>sehr auffällig</translation>
    </message>
    <message>
      <source>extreme</source>
      <translation>extrem</translation>
    </message>
  </context>
  <context>
    <name>scene.volumeinfo</name>
    <message>
      <source>The volume has no voxels.</source>
      <translation>Das Volumen hat keine Voxel.</translation>
    </message>
    <message>
      <source>This is a label map; choose the image itself.</source>
      <translation>Das ist eine Labelkarte; bitte das Bild selbst wählen.</translation>
    </message>
    <message>
      <source>This is a color or vector image; convert it to a grayscale volume first (module Vector to Scalar Volume).</source>
      <translation>Das ist ein Farb- oder Vektorbild; bitte zuerst in ein Graustufenvolumen umwandeln (Modul Vector to Scalar Volume).</translation>
    </message>
  </context>
  <context>
    <name>sections.caseguard</name>
    <message>
      <source>The views show {seen}, this panel reads {read}. Select one volume to go on.</source>
      <translation>Die Ansichten zeigen {seen}, befundet wird {read}. Zum Weitermachen ein Volumen wählen.</translation>
    </message>
    <message>
      <source>The voxels of {name} were changed after the detection: its findings belong to the former ones. Detect again.</source>
      <translation>Die Voxel von {name} wurden nach der Suche verändert: die Befunde gehören zu den früheren. Bitte erneut suchen.</translation>
    </message>
  </context>
  <context>
    <name>sections.computer</name>
    <message>
      <source>Checking...</source>
      <translation>Prüfung läuft...</translation>
    </message>
    <message>
      <source>Checking: {percent} %, {text}</source>
      <translation>Prüfung: {percent} %, {text}</translation>
    </message>
    <message>
      <source>The check failed: {reason}</source>
      <translation>Die Prüfung ist fehlgeschlagen: {reason}</translation>
    </message>
    <message>
      <source>The check was stopped.</source>
      <translation>Die Prüfung wurde abgebrochen.</translation>
    </message>
    <message>
      <source>Stop the check</source>
      <translation>Prüfung abbrechen</translation>
    </message>
    <message>
      <source>Check this computer</source>
      <translation>Diesen Computer prüfen</translation>
    </message>
    <message>
      <source>The graphics card cannot be used as it is; Auto now means the CPU.</source>
      <translation>Die Grafikkarte ist so nicht benutzbar; Automatisch heißt jetzt CPU.</translation>
    </message>
    <message>
      <source>This computer cannot detect as it is.</source>
      <translation>Dieser Computer kann so nichts suchen.</translation>
    </message>
    <message>
      <source>This computer computes rightly, but:</source>
      <translation>Dieser Computer rechnet richtig, aber:</translation>
    </message>
    <message>
      <source>This computer computes rightly.</source>
      <translation>Dieser Computer rechnet richtig.</translation>
    </message>
    <message>
      <source>{card}, driver {driver}, PyTorch {torch}</source>
      <translation>{card}, Treiber {driver}, PyTorch {torch}</translation>
    </message>
    <message>
      <source>Used from now on: {device}, scan by {backend}, {count} slices at once.</source>
      <translation>Ab jetzt benutzt: {device}, Scan mit {backend}, {count} Schichten auf einmal.</translation>
    </message>
    <message>
      <source>Used from now on: {device}, scan by {backend}.</source>
      <translation>Ab jetzt benutzt: {device}, Scan mit {backend}.</translation>
    </message>
    <message>
      <source>The whole report is in Details. It does not say whose computer this is.</source>
      <translation>Der ganze Bericht steht unter Details. Wem der Computer gehört, sagt er nicht.</translation>
    </message>
  </context>
  <context>
    <name>sections.detect</name>
    <message>
      <source>Every volume of the scene has been analysed.</source>
      <translation>Jedes Volumen der Szene ist untersucht.</translation>
    </message>
    <message>
      <source>The scene has no volume that can be analysed.</source>
      <translation>Die Szene enthält kein Volumen, das untersucht werden kann.</translation>
    </message>
    <message>
      <source>The analysis could not be started or shown; the log has the details.</source>
      <translation>Die Untersuchung konnte nicht begonnen oder gezeigt werden; Einzelheiten stehen im Protokoll.</translation>
    </message>
    <message>
      <source>{number} of {total}, {name}: {text}</source>
      <translation>{number} von {total}, {name}: {text}</translation>
    </message>
    <message>
      <source>Done: {count} of {total} volumes.</source>
      <translation>Fertig: {count} von {total} Volumen.</translation>
    </message>
    <message>
      <source>Those that failed say why in the list of volumes.</source>
      <translation>Bei den gescheiterten steht der Grund in der Liste.</translation>
    </message>
    <message>
      <source>Not run: {count}; the button below the list of volumes goes on with them.</source>
      <translation>Nicht untersucht: {count}; der Knopf unter der Liste der Volumen macht mit ihnen weiter.</translation>
    </message>
    <message>
      <source>Cancelled.</source>
      <translation>Abgebrochen.</translation>
    </message>
    <message>
      <source>Cancelled. The scene is unchanged.</source>
      <translation>Abgebrochen. Die Szene ist unverändert.</translation>
    </message>
  </context>
  <context>
    <name>sections.export</name>
    <message>
      <source>Export to</source>
      <translation>Exportieren nach</translation>
    </message>
    <message>
      <source>1 file written to {folder}.</source>
      <translation>1 Datei nach {folder} geschrieben.</translation>
    </message>
    <message>
      <source>{count} files written to {folder}.</source>
      <translation>{count} Dateien nach {folder} geschrieben.</translation>
    </message>
    <message>
      <source>No volume of this scene was analysed yet.</source>
      <translation>In dieser Szene wurde noch kein Volumen untersucht.</translation>
    </message>
    <message>
      <source>{count} files of {volumes} volumes written to {folder}.</source>
      <translation>{count} Dateien von {volumes} Volumen nach {folder} geschrieben.</translation>
    </message>
    <message>
      <source>The log was written to {path}.</source>
      <translation>Das Protokoll wurde nach {path} geschrieben.</translation>
    </message>
    <message>
      <source>No finding is accepted yet. Accept findings first, then edit them.</source>
      <translation>Es ist noch kein Befund angenommen. Erst Befunde annehmen, dann bearbeiten.</translation>
    </message>
    <message>
      <source>{name} accepted</source>
      <translation>{name} angenommen</translation>
    </message>
    <message>
      <source>The accepted findings are in the segmentation {name}.</source>
      <translation>Die angenommenen Befunde stehen in der Segmentierung {name}.</translation>
    </message>
  </context>
  <context>
    <name>sections.findings</name>
    <message>
      <source>no reason given</source>
      <translation>kein Grund genannt</translation>
    </message>
    <message>
      <source>Select a finding to see what its score is made of.</source>
      <translation>Einen Befund wählen, um zu sehen, woraus sein Wert besteht.</translation>
    </message>
    <message>
      <source>&lt;b&gt;Finding {rank}&lt;/b&gt;, {place}, {side}</source>
      <translation>&lt;b&gt;Befund {rank}&lt;/b&gt;, {place}, {side}</translation>
    </message>
  </context>
  <context>
    <name>sections.findingstable</name>
    <message>
      <source>rank</source>
      <translation>Rang</translation>
    </message>
    <message>
      <source>all findings</source>
      <translation>alle Befunde</translation>
    </message>
    <message>
      <source>No result yet. What Detect anomalies finds is listed here.</source>
      <translation>Noch kein Ergebnis. Hier steht, was „Auffälligkeiten suchen“ findet.</translation>
    </message>
  </context>
  <context>
    <name>sections.panel</name>
    <message>
      <source>Select the volume to analyse first.</source>
      <translation>Zuerst das Volumen wählen, das untersucht werden soll.</translation>
    </message>
    <message>
      <source>No model is installed. Install the SPMamba extension again, or put a model into the models folder.</source>
      <translation>Es ist kein Modell installiert. Die Erweiterung SPMamba neu installieren oder ein Modell in den Modellordner legen.</translation>
    </message>
    <message>
      <source>Compare the volume with normal images and mark what is unusual.</source>
      <translation>Das Volumen mit normalen Bildern vergleichen und markieren, was ungewöhnlich ist.</translation>
    </message>
    <message>
      <source>Packages are being installed.</source>
      <translation>Pakete werden installiert.</translation>
    </message>
    <message>
      <source>Stop the analysis; the scene stays as it is.</source>
      <translation>Die Untersuchung anhalten; die Szene bleibt, wie sie ist.</translation>
    </message>
    <message>
      <source>The analysis is being stopped.</source>
      <translation>Die Untersuchung wird angehalten.</translation>
    </message>
    <message>
      <source>Analyse the volume again. The result shown is replaced after success.</source>
      <translation>Das Volumen erneut untersuchen. Das gezeigte Ergebnis wird ersetzt, sobald das gelungen ist.</translation>
    </message>
    <message>
      <source>Analyse this scan all the same; the result says that its marks cannot be trusted.</source>
      <translation>Diese Aufnahme trotzdem untersuchen; das Ergebnis sagt dazu, dass auf seine Markierungen kein Verlass ist.</translation>
    </message>
    <message>
      <source>Try again.</source>
      <translation>Noch einmal versuchen.</translation>
    </message>
    <message>
      <source>Done.</source>
      <translation>Fertig.</translation>
    </message>
    <message>
      <source>Done: no finding, but the scan as a whole is unusual.</source>
      <translation>Fertig: kein Befund, aber die Aufnahme ist im Ganzen ungewöhnlich.</translation>
    </message>
    <message>
      <source>Done: no finding.</source>
      <translation>Fertig: kein Befund.</translation>
    </message>
    <message>
      <source>Done: 1 finding.</source>
      <translation>Fertig: 1 Befund.</translation>
    </message>
    <message>
      <source>Done: {count} findings.</source>
      <translation>Fertig: {count} Befunde.</translation>
    </message>
    <message>
      <source>Load an image and select it above, or load the sample.</source>
      <translation>Ein Bild laden und oben auswählen, oder das Beispiel laden.</translation>
    </message>
    <message>
      <source>No model is installed.</source>
      <translation>Es ist kein Modell installiert.</translation>
    </message>
    <message>
      <source>Ready.</source>
      <translation>Bereit.</translation>
    </message>
    <message>
      <source>Installing packages...</source>
      <translation>Pakete werden installiert...</translation>
    </message>
    <message>
      <source>Starting...</source>
      <translation>Startet...</translation>
    </message>
    <message>
      <source>Analysing...</source>
      <translation>Untersucht...</translation>
    </message>
    <message>
      <source>Cancelling...</source>
      <translation>Bricht ab...</translation>
    </message>
    <message>
      <source>The analysis failed.</source>
      <translation>Die Untersuchung ist gescheitert.</translation>
    </message>
    <message>
      <source>How rarely a normal image may show a finding. To the right: more findings, more false alarms.</source>
      <translation>Wie selten ein normales Bild einen Befund zeigen darf. Nach rechts: mehr Befunde, mehr Fehlalarme.</translation>
    </message>
    <message>
      <source>Severity bands</source>
      <translation>Stufen</translation>
    </message>
    <message>
      <source>Anomaly map</source>
      <translation>Karte</translation>
    </message>
    <message>
      <source>Both</source>
      <translation>Beides</translation>
    </message>
    <message>
      <source>{action} ({key})</source>
      <translation>{action} ({key})</translation>
    </message>
    <message>
      <source>Cancel</source>
      <translation>Abbrechen</translation>
    </message>
    <message>
      <source>Installing...</source>
      <translation>Installiert...</translation>
    </message>
    <message>
      <source>Detect anyway</source>
      <translation>Trotzdem suchen</translation>
    </message>
    <message>
      <source>Detect anomalies</source>
      <translation>Auffälligkeiten suchen</translation>
    </message>
    <message>
      <source>Analyse every volume of the scene that has no result yet, one after the other; Cancel above stops all of them.</source>
      <translation>Alle Volumen der Szene, zu denen es noch kein Ergebnis gibt, nacheinander untersuchen; „Abbrechen“ oben hält alle an.</translation>
    </message>
    <message>
      <source>{text}, about {time} left</source>
      <translation>{text}, noch etwa {time}</translation>
    </message>
    <message>
      <source>Not for: {purposes}</source>
      <translation>Nicht für: {purposes}</translation>
    </message>
    <message>
      <source>Auto</source>
      <translation>Automatisch</translation>
    </message>
    <message>
      <source>CPU</source>
      <translation>CPU</translation>
    </message>
    <message>
      <source>{value} (normal spread)</source>
      <translation>{value} (normale Streuung)</translation>
    </message>
    <message>
      <source>Score of the whole scan among normal ones. The bar goes from what half of them reach to what none does; the line is the operating point. It says nothing of where, and a scan that is not unusual may be abnormal all the same.</source>
      <translation>Wert der ganzen Aufnahme unter normalen. Der Balken reicht von dem, was die Hälfte von ihnen erreicht, bis zu dem, was keine erreicht; der Strich ist der Arbeitspunkt. Er sagt nichts über den Ort, und auch eine Aufnahme, die nicht ungewöhnlich ist, kann krankhaft sein.</translation>
    </message>
    <message>
      <source>Slice {slice}: score {score}, {place} of {count}</source>
      <translation>Schicht {slice}: Wert {score}, {place} von {count}</translation>
    </message>
    <message>
      <source>{n} s</source>
      <translation>{n} s</translation>
    </message>
    <message>
      <source>{n} min</source>
      <translation>{n} min</translation>
    </message>
  </context>
  <context>
    <name>sections.shortcuts</name>
    <message>
      <source>next finding</source>
      <translation>nächster Befund</translation>
    </message>
    <message>
      <source>previous finding</source>
      <translation>voriger Befund</translation>
    </message>
    <message>
      <source>next slice by score</source>
      <translation>nächste Schicht nach Wert</translation>
    </message>
    <message>
      <source>previous slice by score</source>
      <translation>vorige Schicht nach Wert</translation>
    </message>
    <message>
      <source>next slice with a mark not seen yet</source>
      <translation>nächste ungesehene Schicht mit Markierung</translation>
    </message>
    <message>
      <source>previous slice with a mark not seen yet</source>
      <translation>vorige ungesehene Schicht mit Markierung</translation>
    </message>
    <message>
      <source>accept the finding</source>
      <translation>Befund annehmen</translation>
    </message>
    <message>
      <source>reject the finding</source>
      <translation>Befund ablehnen</translation>
    </message>
    <message>
      <source>unsure about the finding</source>
      <translation>unsicher über den Befund</translation>
    </message>
    <message>
      <source>take the last decision back</source>
      <translation>letzte Entscheidung zurücknehmen</translation>
    </message>
    <message>
      <source>why the finding was marked</source>
      <translation>warum der Befund markiert wurde</translation>
    </message>
    <message>
      <source>show or hide the overlay</source>
      <translation>Überlagerung zeigen oder verbergen</translation>
    </message>
    <message>
      <source>severity bands or continuous map</source>
      <translation>Stufen oder stufenlose Karte</translation>
    </message>
    <message>
      <source>blink</source>
      <translation>blinken</translation>
    </message>
    <message>
      <source>compare side by side</source>
      <translation>nebeneinander vergleichen</translation>
    </message>
    <message>
      <source>show these keys</source>
      <translation>diese Tasten zeigen</translation>
    </message>
  </context>
  <context>
    <name>sections.views</name>
    <message>
      <source>All slices with a mark were seen.</source>
      <translation>Alle Schichten mit Markierung wurden gesehen.</translation>
    </message>
    <message>
      <source>1 slice with a mark was not seen yet.</source>
      <translation>1 Schicht mit Markierung wurde noch nicht gesehen.</translation>
    </message>
    <message>
      <source>{count} slices with a mark were not seen yet.</source>
      <translation>{count} Schichten mit Markierung wurden noch nicht gesehen.</translation>
    </message>
    <message>
      <source>Seen {seen} of {count} slices. {marked}</source>
      <translation>{seen} von {count} Schichten gesehen. {marked}</translation>
    </message>
  </context>
  <context>
    <name>sections.worklist</name>
    <message>
      <source>reviewed, nothing found</source>
      <translation>gesehen, nichts gefunden</translation>
    </message>
    <message>
      <source>nothing found</source>
      <translation>nichts gefunden</translation>
    </message>
    <message>
      <source>reviewed, {count} findings</source>
      <translation>gesehen, {count} Befunde</translation>
    </message>
    <message>
      <source>reviewed, 1 finding</source>
      <translation>gesehen, 1 Befund</translation>
    </message>
    <message>
      <source>found {count}</source>
      <translation>{count} gefunden</translation>
    </message>
    <message>
      <source>, {decided} decided</source>
      <translation>, {decided} entschieden</translation>
    </message>
    <message>
      <source>Volume</source>
      <translation>Volumen</translation>
    </message>
    <message>
      <source>State</source>
      <translation>Stand</translation>
    </message>
    <message>
      <source>From</source>
      <translation>Herkunft</translation>
    </message>
    <message>
      <source>Whole scan</source>
      <translation>Ganze Aufnahme</translation>
    </message>
    <message>
      <source>running</source>
      <translation>läuft</translation>
    </message>
    <message>
      <source>waiting</source>
      <translation>wartet</translation>
    </message>
    <message>
      <source>not run</source>
      <translation>nicht untersucht</translation>
    </message>
    <message>
      <source>refused: {reason}</source>
      <translation>abgelehnt: {reason}</translation>
    </message>
    <message>
      <source>failed: {reason}</source>
      <translation>gescheitert: {reason}</translation>
    </message>
    <message>
      <source>Try the failed ones again ({count})</source>
      <translation>Gescheiterte erneut versuchen ({count})</translation>
    </message>
    <message>
      <source>Detect on all not run yet ({count})</source>
      <translation>In den {count} übrigen suchen</translation>
    </message>
    <message>
      <source>Detect on all</source>
      <translation>In allen suchen</translation>
    </message>
    <message>
      <source>Volumes of the scene</source>
      <translation>Volumen der Szene</translation>
    </message>
    <message>
      <source>Volumes of the scene ({count})</source>
      <translation>Volumen der Szene ({count})</translation>
    </message>
  </context>
</TS>
