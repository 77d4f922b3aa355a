"""ONNX Runtime, kept from reporting to its makers: every module takes it from here.

Since 1.32 its Linux builds note every session in the home folder and send that to Microsoft.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # it is read while the library is loaded

import onnxruntime

__all__ = ["onnxruntime"]
