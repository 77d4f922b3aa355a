"""Ways to turn a good model file into one that a stranger might send."""

import numpy as np
import pytest
from onnx import helper, numpy_helper

from inference.vision.check import check_model
from inference.vision.model_file import ModelRefused


def refusal(path, **options):
    with pytest.raises(ModelRefused) as caught:
        check_model(path, **options)
    sentence = str(caught.value)
    assert sentence.isprintable()
    return sentence


def written(tmp_path, content):
    path = tmp_path / "x.onnx"
    path.write_bytes(content)
    return path


def node(kind, inputs, output, **attributes):
    return helper.make_node(kind, inputs.split(), output.split(), **attributes)


def numbers(name, value):
    return numpy_helper.from_array(np.asarray(value), name)


def replace_weights(name, value):
    def change(model):
        (old,) = [tensor for tensor in model.graph.initializer if tensor.name == name]
        old.CopyFrom(numbers(name, np.full_like(numpy_helper.to_array(old), value)))

    return change


def put_before(output, *nodes, weights=(), rename="raw"):
    """Change a model so that nodes stand between an output and what gave it, now named "raw"."""

    def change(model):
        for old in model.graph.node:
            old.output[:] = [rename if name == output else name for name in old.output]
            old.input[:] = [rename if name == output else name for name in old.input]
        model.graph.node.extend(nodes)
        model.graph.initializer.extend(weights)

    return change
