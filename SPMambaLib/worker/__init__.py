"""The process a viewer starts: requests and events as JSON lines, voxels as ``.npy`` files in a job folder.

A separate process, so that a CUDA crash or an out-of-memory never takes the unsaved scene along; it stays warm between
runs, so that the second run pays for neither importing torch nor loading the model.  `protocol` is light and shared
with the viewer's side; `server` is the process itself.
"""
