"""How good a model is on images whose truth is known, for a hospital to judge its own model.

`curves` holds the metrics as functions of counts per score, `ranking` collects such counts in bounded memory;
`image_metrics`, `pixel_metrics`, `aupro`, `froc`, `bootstrap` and `controls` are one view each; `evaluate` runs the
detector over a data set, `tally` collects, `result` puts the views together, `report` shows them.
"""
