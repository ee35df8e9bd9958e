"""From network outputs to findings: maps, components, calibration, connected regions.

`calibration` and `findings` need numpy (and SimpleITK at the call) only, so that the panel can move the threshold
without the model; `maps` and `components` work on torch tensors inside the detector and the training code alike.
"""
