"""DICOM in: files and series with their true geometry."""
