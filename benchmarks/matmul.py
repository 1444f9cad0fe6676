"""The share of the machine's matrix-multiply rate that inference reaches."""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import prod
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from server.config import BUNDLED_MODEL, DetectorSettings
from server.inference.openvino import PRECISION, OpenVinoBackend, open_model

from .results import Options, Result, Row, median_of

SIDE = 2048
SHAPES = {"16:9, 384x640": (384, 640), "4:3, 480x640": (480, 640)}
PAUSE_S = 0.2
"""Between measurements: threads that spin for more work must not slow the other side."""

WARM_UP = 4


def convolution_flop(path: Path, height: int, width: int) -> int:
    """Two operations for each multiply-accumulate of the network's convolutions, counted off its graph.

    Everything else in it (activations, sums, pooling, the softmax of the boxes) is left out, so that the rate is
    understated rather than flattered.
    """
    model = onnx.load(str(path))
    for dimension, side in zip(model.graph.input[0].type.tensor_type.shape.dim, (1, 3, height, width), strict=True):
        dimension.dim_value = side
    graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = {value.name: [side.dim_value for side in value.type.tensor_type.shape.dim] for value in graph.value_info}
    weights = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    flop = 0
    for node in graph.node:
        if node.op_type == "Conv":
            # Weights are (outputs, inputs / groups, kernel height, kernel width): one output costs all but the first.
            output = shapes[node.output[0]]
            if not all(output):
                raise ValueError(f"the size of {node.output[0]} is not known")
            flop += 2 * prod(output) * prod(weights[node.input[1]][1:])
    return flop


def run(options: Options) -> Result:
    """See docs/performance.md."""
    rounds, seconds = (3, 0.5) if options.quick else (11, 2.0)
    workers = DetectorSettings().workers
    flop = {name: convolution_flop(BUNDLED_MODEL, *shape) for name, shape in SHAPES.items()}
    matrices = [np.random.default_rng(seed).random((SIDE, SIDE), np.float32) for seed in range(2)]
    rates: dict[str, list[float]] = {"matrix product": []}
    with tempfile.TemporaryDirectory() as cache, ThreadPoolExecutor(workers) as pool:
        backend = open_model(BUNDLED_MODEL, workers=workers, cache_dir=Path(cache))
        for shape in SHAPES.values():
            _infer(backend, shape, pool, workers, 0, least=WARM_UP)
        _multiply(matrices, 0.1)
        for number in range(rounds):
            time.sleep(PAUSE_S)
            rates["matrix product"].append(2 * SIDE**3 * _multiply(matrices, seconds) / 1e9)
            for name, shape in SHAPES.items():
                time.sleep(PAUSE_S)
                rate = _infer(backend, shape, pool, workers, seconds) * flop[name] / 1e9
                rates.setdefault(name, []).append(rate)
            print(f"   round {number + 1}: " + ", ".join(f"{name} {all_[-1]:.0f}" for name, all_ in rates.items()))
    return Result(
        "matmul",
        _rows(rates, flop),
        {
            "side": SIDE,
            "rounds": rounds,
            "round_s": seconds,
            "workers": workers,
            "flop_of_one_look": flop,
            "precision": PRECISION,
        },
        {"gflop_per_second": rates},
    )


def _rows(rates: dict[str, list[float]], flop: dict[str, int]) -> list[Row]:
    product = rates["matrix product"]
    rows = [median_of(f"numpy product of two float32 {SIDE}x{SIDE} matrices", product, "GFLOP/s")]
    for name, values in rates.items():
        if name == "matrix product":
            continue
        rows.append(median_of(f"network at {name}", values, "GFLOP/s", f"{flop[name] / 1e9:.3f} GFLOP a look"))
        shares = [value / most for value, most in zip(values, product, strict=True)]
        row = median_of(f"share of the matrix rate at {name}", shares, "x")
        rows.append(Row(row.name, row.value, "x", row.spread, "at least 0.9", (row.value or 0) >= 0.9))
    return rows


def _multiply(matrices: list[NDArray[np.float32]], seconds: float) -> float:
    """Products a second."""
    out = np.empty((SIDE, SIDE), np.float32)
    count, begun = 0, time.perf_counter()
    while count == 0 or time.perf_counter() - begun < seconds:
        np.matmul(matrices[0], matrices[1], out=out)
        count += 1
    return count / (time.perf_counter() - begun)


def _infer(
    backend: OpenVinoBackend,
    shape: tuple[int, int],
    pool: ThreadPoolExecutor,
    workers: int,
    seconds: float,
    least: int = 1,
) -> float:
    """Looks a second by all workers at once, as the detector's own threads call it."""
    begun = time.perf_counter()
    counts = pool.map(partial(_looks, backend, shape, begun + seconds, least), range(workers))
    total = sum(counts)
    return total / (time.perf_counter() - begun)


def _looks(backend: OpenVinoBackend, shape: tuple[int, int], until: float, least: int, seed: int) -> int:
    picture = np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)
    count = 0
    while count < least or time.perf_counter() < until:
        backend.infer(picture)
        count += 1
    return count
