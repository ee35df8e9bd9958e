"""From a folder of normal scans to a model bundle.

`adapt` makes the teacher, `fit` the prototypes and statistics, `train` the decoder, `assemble` calls them in order.
Everything is decided on normal images; test images are never seen here.
"""
