"""Networks in the files of other programs.

In the order to read them:

    tracing.py      which operations a network applied to its input
    onnx_graph.py   an ONNX graph while it is made
    onnx_ops.py     for each operation its nodes in ONNX
    onnx_write.py   a network as an .onnx file, checked
    onnx_read.py    the layers in an .onnx file
"""
