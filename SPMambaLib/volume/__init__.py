"""A head volume as a whole: where it lies (`head_frame`), which of it is brain and how bright that is (`brain`), and
what is brighter than normal brain is at its place (`excess`, `normal_brain`).
"""
