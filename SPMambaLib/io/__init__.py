"""Images in and out: `image` is the front door, `nifti` and `dicom` know their formats."""
