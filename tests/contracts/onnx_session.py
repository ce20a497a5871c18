"""A module as an ONNX model, for the tests that run it at sizes other than its own."""

from pathlib import Path

import onnxruntime
import torch


def onnx_session(
    module: torch.nn.Module, x: torch.Tensor, folder: Path, dynamo: bool, sizes: dict
) -> onnxruntime.InferenceSession:
    """Export by either exporter, with the axes of ``sizes``, by number, left open."""
    file = str(folder / 'module.onnx')
    axes = {axis: torch.export.Dim.AUTO for axis in sizes}
    dynamic = (
        dict(dynamic_shapes=(axes,)) if dynamo else dict(dynamic_axes=dict(x=sizes))
    )
    torch.onnx.export(
        module,
        (x,),
        file,
        dynamo=dynamo,
        input_names=['x'],
        verbose=False,
        **dynamic,
    )
    return onnxruntime.InferenceSession(file)
