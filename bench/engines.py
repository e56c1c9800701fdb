"""Our engine for processors beside the libraries that exist for this: ONNX Runtime and OpenVINO.

    pip install -r bench/requirements-engines.txt
    python -m bench.engines [--users 16] [--rounds 2] [--encoder minilm|bert-base] [--data FOLDER] [--only NAME ...]

The contest is that of ``bench.predict``: the same made-up users and model, each contestant in a process of its
own, in turn. A rival takes the place of ``core.encoder.onednn_bert`` behind the same ``Engine``, so that it is given
the same packs, by the same threads, and its vectors go to the same head. It encodes the captions of a pack a length at
a time, without padding, computes in the last layer nothing but [CLS], and gives [CLS] of the last four layers.
Each competes twice: one session of one thread a worker, and all threads in one session. Numbers of few bits move
all vectors the same way; that is taken off again from a rival's, as from ours.

Columns: see ``bench.predict``; "first answer" is from the start of the process to the answer for one caption, with
the exported model there already; "export" is what it takes to make that, once a model. Memory is the most that the
process had. "Adds to disk" are the installed packages that the program does not have, for exporting and running.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from importlib.metadata import distribution
from pathlib import Path
from statistics import median
from threading import Lock
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from bench.made_users import made_users
from bench.predict import (
    CONTESTANTS,
    KNOWN,
    Captions,
    Contestant,
    Entry,
    Floats,
    Result,
    compete,
    differences,
    load_model,
    make_model,
    real_users,
    run_contestant,
)
from core.encoder.age_classifier import CLS_LAYERS
from core.encoder.engines import Engine, examples
from core.encoder.names import OFFLINE_ENCODER
from core.encoder.pretrained import load_tokenizer
from core.encoder.tokenization import Pack
from core.encoder.user_encoder import UserEncoder
from core.models.loading import load_predictor
from core.models.predictor import EncoderPredictor

Ids = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.float32]
Encode = Callable[[Ids], Vectors]
"""Captions of equal length [n, L] -> their vectors [n, 4H]; by several threads at once, or by one at a time."""

EXPORTS = "exports"
OPSET = 17
MODULE = "bench.engines"
OURS = ["plain loop", "exact", "fast, bfloat16", "fast, int8"]
ADDED = {
    "ONNX Runtime": ["onnxruntime", "flatbuffers"],
    "and to export for it": ["onnx", "ml_dtypes"],
    "OpenVINO": ["openvino", "openvino-telemetry"],
    "and to quantise for it": ["nncf", "ninja", "pydot", "pyparsing", "tabulate"],
}
"""Packages that the program does not have."""


# -------------------------------------------------------------------------------- what a rival is given


class ClsOfLastLayers(nn.Module):
    """What is exported of a BERT: token ids [n, L] of captions of equal length -> vectors h [n, 4H].

    Attention is written out, in the form that the optimizers of both libraries know.
    """

    def __init__(self, bert: Any) -> None:
        super().__init__()
        embeddings = bert.embeddings
        self.words, self.norm = embeddings.word_embeddings, embeddings.LayerNorm
        self.places = nn.Parameter(embeddings.position_embeddings.weight + embeddings.token_type_embeddings.weight[0])
        self.layers, self.heads = bert.encoder.layer, bert.config.num_attention_heads

    def forward(self, ids: Tensor) -> Tensor:
        """See the class."""
        x = self.norm(self.words(ids) + self.places[: ids.shape[1]])
        states = []
        *layers, last = self.layers
        for layer in layers:
            states.append(x[:, :1])
            x = self._layer(layer, x, x)
        states += [x[:, :1], self._layer(last, x[:, :1], x)]
        return torch.cat(states[-CLS_LAYERS:], dim=-1)[:, 0]

    def _layer(self, layer: Any, asking: Tensor, x: Tensor) -> Tensor:
        part = layer.attention.self
        query, key, value = self._by_head(part.query(asking)), self._by_head(part.key(x)), self._by_head(part.value(x))
        scores = query @ key.transpose(-1, -2) / (x.shape[-1] // self.heads) ** 0.5
        context = (scores.softmax(-1) @ value).transpose(1, 2)
        context = context.reshape(context.shape[0], context.shape[1], asking.shape[-1])
        asking = layer.attention.output(context, asking)
        y: Tensor = layer.output(layer.intermediate(asking), asking)
        return y

    def _by_head(self, x: Tensor) -> Tensor:
        return x.view(x.shape[0], x.shape[1], self.heads, x.shape[-1] // self.heads).transpose(1, 2)


class Rival:
    """A library's session as an :class:`Engine`.

    Args:
        encode: the session.
        one_at_a_time: it has threads of its own and is asked by one of ours at a time.

    Attributes:
        shift: [4H], added to all vectors; see :class:`core.encoder.onednn_bert.PackedBert`.
    """

    def __init__(self, encode: Encode, *, one_at_a_time: bool) -> None:
        self._encode, self._lock = encode, Lock() if one_at_a_time else nullcontext()
        self.shift: Tensor | float = 0.0

    def encode(self, pack: Pack) -> Tensor:
        """See :class:`Engine`."""
        ids, parts, first = pack.ids.numpy(), [], 0
        with self._lock:
            for captions, length in pack.groups:
                parts.append(self._encode(ids[first : first + captions * length].reshape(captions, length)))
                first += captions * length
        return torch.from_numpy(np.concatenate(parts)) + self.shift


class RivalEncoder(UserEncoder):
    """Users' vectors by a given engine."""

    def __init__(self, predictor: EncoderPredictor, engine: Engine) -> None:
        super().__init__(predictor.model, predictor.tokenizer, predictor.settings.max_seq_len, cache=None)
        self._given = engine

    def _ready_engine(self) -> Engine:
        return self._given


def rival(start: Callable[[Path, bool], Encode], file: str, *, shared: bool) -> Contestant:
    """Our program with the session that ``start`` makes of an exported model; ``shared``: all threads in one."""

    def prepare(folder: Path) -> Callable[[Captions], Floats]:
        predictor = cast(EncoderPredictor, load_predictor(folder))
        engine = Rival(start(folder / EXPORTS / file, shared), one_at_a_time=shared)
        pack = examples(predictor.tokenizer)
        engine.shift = (predictor.model.encode(pack) - engine.encode(pack)).mean(0)
        predictor.encoder = RivalEncoder(predictor, engine)
        return lambda users: predictor.probabilities(users)[:, 0]

    return prepare


# -------------------------------------------------------------------------------- ONNX Runtime


def start_onnxruntime(file: Path, shared: bool) -> Encode:
    """A session that computes in the thread that asks, or one with threads of its own."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads() if shared else 1
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return lambda ids: session.run(None, {"ids": ids})[0]


def export_onnx(bert: Any, folder: Path) -> None:
    """In 32 bits, with attention, GELU and normalisation fused."""
    from onnxruntime.transformers.optimizer import optimize_model

    plain = folder / "plain.onnx"
    torch.onnx.export(
        ClsOfLastLayers(bert).eval(),
        (torch.ones(2, 5, dtype=torch.long),),
        plain,
        input_names=["ids"],
        output_names=["vectors"],
        dynamic_axes={"ids": {0: "captions", 1: "tokens"}, "vectors": {0: "captions"}},
        opset_version=OPSET,
        dynamo=False,  # whose graph the optimizer knows
    )
    heads, hidden = bert.config.num_attention_heads, bert.config.hidden_size
    model = optimize_model(str(plain), "bert", num_heads=heads, hidden_size=hidden)
    fused = {name: count for name, count in model.get_fused_operator_statistics().items() if count}
    print(f"ONNX Runtime fused: {fused}", file=sys.stderr)
    model.save_model_to_file(str(folder / "float32.onnx"))


def quantize_onnx(folder: Path) -> None:
    """Weights in 7 bits, since AVX2 adds up pairs of products in 16, and values in 8 by their range in each product."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        folder / "float32.onnx",
        folder / "int8.onnx",
        per_channel=True,
        reduce_range=True,
        weight_type=QuantType.QInt8,
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
    )


# -------------------------------------------------------------------------------- OpenVINO


def start_openvino(numbers: str) -> Callable[[Path, bool], Encode]:
    """Sessions that compute in ``numbers`` what the model does not give in 8 bits: one a thread, or one for all."""

    def start(file: Path, shared: bool) -> Encode:
        import openvino

        core, threads = openvino.Core(), torch.get_num_threads()
        if numbers == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise SystemExit("OpenVINO does not compute in bfloat16 on this processor")
        sessions = 1 if shared else threads
        options = {"NUM_STREAMS": sessions, "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": numbers}
        compiled = core.compile_model(core.read_model(file), "CPU", options)
        free = [compiled.create_infer_request() for _ in range(sessions)]

        def encode(ids: Ids) -> Vectors:
            request = free.pop()
            vectors: Vectors = request.infer({0: ids})[0]  # a copy
            free.append(request)
            return vectors

        return encode

    return start


def export_openvino(bert: Any, folder: Path) -> None:
    """In 32 bits."""
    import openvino

    module, example = ClsOfLastLayers(bert).eval(), torch.ones(2, 5, dtype=torch.long)
    model = openvino.convert_model(module, example_input=example, input=[-1, -1])
    openvino.save_model(model, folder / "float32.xml", compress_to_fp16=False)


def quantize_openvino(folder: Path, tokenizer: Any) -> None:
    """Weights in 7 bits as for ONNX Runtime, values in 8 by their range in the made-up captions that ours has, too."""
    import nncf
    import openvino

    pack = examples(tokenizer)
    ends = np.cumsum([captions * length for captions, length in pack.groups])[:-1]
    captions = [ids.reshape(shape) for ids, shape in zip(np.split(pack.ids.numpy(), ends), pack.groups, strict=True)]
    model = nncf.quantize(
        openvino.Core().read_model(folder / "float32.xml"),
        nncf.Dataset(captions),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=len(captions),
        advanced_parameters=nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix.ENABLE),
    )
    openvino.save_model(model, folder / "int8.xml")


def compress_openvino(folder: Path) -> None:
    """Weights in 8 bits, which OpenVINO multiplies with values in 8 bits where the processor can: "dynamic"."""
    import nncf
    import openvino

    model = openvino.Core().read_model(folder / "float32.xml")
    compressed = nncf.compress_weights(model, mode=nncf.CompressWeightsMode.INT8_ASYM)
    openvino.save_model(compressed, folder / "weights8.xml")


# -------------------------------------------------------------------------------- the contest

_SESSIONS: dict[str, tuple[Callable[[Path, bool], Encode], str, str]] = {
    "ONNX Runtime": (start_onnxruntime, "float32.onnx", "float32"),
    "ONNX Runtime, dynamic int8": (start_onnxruntime, "int8.onnx", "int8"),
    "OpenVINO": (start_openvino("f32"), "float32.xml", "float32"),
    "OpenVINO, bfloat16": (start_openvino("bf16"), "float32.xml", "bfloat16"),
    "OpenVINO, int8": (start_openvino("f32"), "int8.xml", "int8"),
    "OpenVINO, dynamic int8": (start_openvino("f32"), "weights8.xml", "int8"),
}
_WAYS = {", a session a thread": False, ", one session": True}
CONTESTANTS.update(
    {
        name + way: Entry(rival(start, file, shared=shared), numbers)
        for name, (start, file, numbers) in _SESSIONS.items()
        for way, shared in _WAYS.items()
    }
)
NAMES = [*OURS, *(name + way for name in _SESSIONS for way in _WAYS)]


@torch.no_grad()
def export(folder: Path) -> dict[str, float]:
    """All exported models, and the seconds that each took."""
    exports = folder / EXPORTS
    exports.mkdir()
    bert, tokenizer = load_model(folder).bert, load_tokenizer(str(folder))
    steps: dict[str, Callable[[], None]] = {
        "ONNX Runtime, 32 bits": lambda: export_onnx(bert, exports),
        "ONNX Runtime, 8 bits of that": lambda: quantize_onnx(exports),
        "OpenVINO, 32 bits": lambda: export_openvino(bert, exports),
        "OpenVINO, 8 bits of that": lambda: quantize_openvino(exports, tokenizer),
        "OpenVINO, weights of that in 8 bits": lambda: compress_openvino(exports),
    }
    return {name: _seconds(step) for name, step in steps.items()}


def _seconds(step: Callable[[], None]) -> float:
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def disk_mb(packages: Sequence[str]) -> float:
    """What the files of installed ``packages`` take, in MB."""
    files = [file.locate() for package in packages for file in distribution(package).files or []]
    return sum(Path(file).stat().st_size for file in files if Path(file).is_file()) / 1e6


def print_table(runs: dict[str, Result], users: int) -> None:
    """One line a contestant."""
    head = "users a second | over plain | over exact | over fast | memory | first answer"
    print(f"| | {head} | difference, largest | mean | AUC |")
    print("|" + "---|" * 10)
    times = {name: median(run.seconds) for name, run in runs.items()}
    times["fast"] = min((times[name] for name in OURS[2:] if name in times), default=np.nan)
    reference = runs["plain loop"].probability if "plain loop" in runs else None
    for name, run in runs.items():
        over = [f"{times.get(other, np.nan) / times[name]:.2f}" for other in ("plain loop", "exact", "fast")]
        cells = [name, f"{users / times[name]:.2f}", *over, f"{run.memory:.0f} MB", f"{median(run.first):.1f} s"]
        auc = "-" if run.auc is None else f"{run.auc:.4f}"
        print("| " + " | ".join([*cells, *differences(run.probability, reference), auc]).replace("nan", "-") + " |")


def main() -> None:
    """Make users, a model and what is exported of it, let everyone run, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--encoder", choices=("minilm", "bert-base"), default="minilm")
    parser.add_argument("--data", type=Path, help="a folder with real labels, for the AUC")
    parser.add_argument("--only", nargs="*", choices=NAMES, default=NAMES)
    parser.add_argument("--contestant", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contestant:
        name, *paths = given.contestant
        run_contestant(name, *map(Path, paths))
        return
    with tempfile.TemporaryDirectory() as scratch:
        bench(given, Path(scratch) / "model")


def bench(given: argparse.Namespace, folder: Path) -> None:
    """All of it, in ``folder``."""
    captions, at_least = real_users(given.data) if given.data else ([], None)
    make_model(folder, given.encoder, (captions[:KNOWN], at_least[:KNOWN]) if at_least is not None else None)
    exported = export(folder)
    users = made_users(load_tokenizer(OFFLINE_ENCODER), given.users)
    runs = compete(given.only, users, folder, given.rounds, MODULE)
    if at_least is not None:
        for name, run in compete([*runs], captions[KNOWN:], folder, 1, MODULE).items():
            runs[name].auc = roc_auc_score(at_least[KNOWN:, 0], run.probability)
    threads = torch.get_num_threads()
    print(f"{given.encoder}, {given.users} users of 100 captions, {given.rounds} rounds, {threads} threads")
    print_table(runs, given.users)
    print("export: " + ", ".join(f"{name} {seconds:.0f} s" for name, seconds in exported.items()))
    print("adds to disk: " + ", ".join(f"{name} {disk_mb(packages):.0f} MB" for name, packages in ADDED.items()))


if __name__ == "__main__":
    main()
