"""What other programs read from the same files: SimpleITK, and 3D Slicer's own storage node."""
from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def volume(shape=(17, 19, 21), dtype="int16"):
    return np.random.default_rng(0).integers(0, 200, shape).astype(dtype)


def itk_geometry(path):
    """ijk_to_ras as SimpleITK reads it."""
    image = sitk.ReadImage([str(p) for p in path] if isinstance(path, list) else str(path))
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    matrix[:3, 3] = image.GetOrigin()
    return LPS_TO_RAS @ matrix, sitk.GetArrayFromImage(image)


def mrml_volume(path):
    """(ijk_to_ras, voxels) of the volume node that 3D Slicer's own storage node reads."""
    slicer = pytest.importorskip("slicer")
    vtk = pytest.importorskip("vtk")
    from vtk.util.numpy_support import vtk_to_numpy

    scene = slicer.vtkMRMLScene()
    node, storage = slicer.vtkMRMLScalarVolumeNode(), slicer.vtkMRMLVolumeArchetypeStorageNode()
    scene.AddNode(node)
    scene.AddNode(storage)
    storage.SetFileName(str(path))
    assert storage.ReadData(node) == 1
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    data = node.GetImageData()
    voxels = vtk_to_numpy(data.GetPointData().GetScalars()).reshape(data.GetDimensions()[::-1]).copy()
    return np.array([[matrix.GetElement(r, c) for c in range(4)] for r in range(4)]), voxels


def assert_same_in_patient(image, ijk_to_ras, voxels, tolerance, values=0.0):
    """Both show the same value (up to `values`) at each point; their axes may be stored in another order."""
    turn = np.rint(np.linalg.inv(ijk_to_ras) @ image.ijk_to_ras)
    corners = np.array([[i, j, k, 1] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) \
        * [*np.array(image.voxels.shape[::-1]) - 1, 1]
    assert np.abs((image.ijk_to_ras - ijk_to_ras @ turn) @ corners.T).max() < tolerance
    other = np.abs(turn[:3, :3]).argmax(axis=0)  # which of the other's axes each of ours runs along
    assert sorted(other) == [0, 1, 2]
    signs = turn[other, [0, 1, 2]]
    ends = [0 if sign > 0 else voxels.shape[2 - axis] - 1 for axis, sign in zip(other, signs)]
    assert np.array_equal(turn[other, 3], ends)
    turned = voxels.transpose([2 - axis for axis in other[::-1]])[tuple(slice(None, None, int(s)) for s in signs[::-1])]
    assert image.voxels.shape == turned.shape
    assert np.array_equal(image.voxels, turned) if values == 0 else np.allclose(image.voxels, turned, 1e-5, values)
