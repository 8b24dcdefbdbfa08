"""Targets of the ratios by class of processor: which class this one is in, and each ratio beside its target.

Beside them stand the rates of a linear layer in fp32 and in bf16, since they bound every ratio: where bf16 is twice as
fast as fp32, no implementation gains more by precision than that.
"""

import time
from collections.abc import Callable, Mapping

from benchmarks.measure import Report

_FLAGS = ("amx_bf16", "avx512_bf16", "avx512", "avx2")
_TARGETS: Mapping[str, Mapping[str, float]] = {
    "AMX": {
        "caption_ratio_greedy": 6.5,
        "caption_ratio_scored": 8.5,
        "embed_ratio": 6,
        "embed_ratio_draft": 8,
        "dbscan_ratio_10000": 6,
    },
    "avx512_bf16 without AMX": {
        "caption_ratio_greedy": 5.5,
        "caption_ratio_scored": 7.5,
        "embed_ratio": 5,
        "embed_ratio_draft": 7.5,
        "dbscan_ratio_10000": 6,
    },
    "no bf16 units": {
        "caption_ratio_greedy": 3,
        "caption_ratio_scored": 4,
        "embed_ratio": 2.5,
        "dbscan_ratio_10000": 6,
    },
}


def compare(report: Report) -> None:
    """Note the processor's flags as torch sees them, and each ratio in the report beside the target of its class."""
    import torch

    from instagram_assets.models.devices import packs_bf16

    capabilities = torch.cpu.get_capabilities()
    flags = {flag: any(bool(value) for name, value in capabilities.items() if name.startswith(flag)) for flag in _FLAGS}
    report.note("processor: " + ", ".join(f"{'' if there else 'no '}{flag}" for flag, there in flags.items()))
    fp32, bf16 = linear_rates()
    report.note(f"a linear layer: {fp32:.0f} GFLOP/s in fp32, {bf16:.0f} in bf16, {bf16 / fp32:.1f} times")
    report.figures |= {"linear_gflops_fp32": fp32, "linear_gflops_bf16": bf16}
    if torch.cuda.is_available():
        report.note("targets are those of processors; there are none for CUDA yet")
        return
    report.note("CUDA: not measured, this machine has none")
    # Not where oneDNN may not use them, as with ONEDNN_MAX_CPU_ISA=AVX2.
    kind = processor_class(flags if packs_bf16() else {})
    for name, target in _TARGETS[kind].items():
        if name in report.figures:
            value = report.figures[name]
            verdict = "reached" if value >= target else "MISSED"
            report.note(f"{name:<24} {value:5.2f}, target {target:.1f} on {kind}: {verdict}")


def linear_rates() -> tuple[float, float]:
    """Best GFLOP/s of a feed-forward layer of ViT-B for four images: fp32 as torch computes it, bf16 as we do."""
    import torch

    from instagram_assets.models.kernels import linear

    rows, inputs, outputs = 200, 768, 3072
    x, weight, bias = torch.randn(rows, inputs), torch.randn(outputs, inputs), torch.randn(outputs)
    rounded = x.bfloat16()
    packed = linear(weight.bfloat16(), bias.bfloat16())
    ways: tuple[Callable[[], object], ...] = (
        lambda: torch.nn.functional.linear(x, weight, bias),
        lambda: packed(rounded),
    )
    fp32, bf16 = (2e-9 * rows * inputs * outputs / _least_seconds(way) for way in ways)
    return fp32, bf16


def _least_seconds(work: Callable[[], object], rounds: int = 20) -> float:
    import torch

    best = float("inf")
    with torch.inference_mode():
        for _ in range(rounds):
            start = time.perf_counter()
            work()
            best = min(best, time.perf_counter() - start)
    return best


def processor_class(flags: Mapping[str, bool]) -> str:
    """The class of processor in the table of targets, from flags such as `amx_bf16`."""
    if flags.get("amx_bf16"):
        return "AMX"
    return "avx512_bf16 without AMX" if flags.get("avx512_bf16") else "no bf16 units"
