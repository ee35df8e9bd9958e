"""From a folder of normal scans to a model bundle.

`adapt` makes the teacher, `fit` the prototypes and statistics, `train` the decoder, `assemble` calls them in order;
`work_folder` and `checkpoint` keep what a killed run needs to go on, `distributed` makes several processes act as one.
Everything is decided on normal images; test images are never seen here.
"""
