"""From the voxels of a scan to what the network sees.

`prepare` cuts, normalises and resizes; `alignment` moves a film into the position of the average normal one.
"""
