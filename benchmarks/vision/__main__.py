"""The vision stage against the way a notebook would take: `python -m benchmarks.vision [--quick] [--json]`."""

from benchmarks.measure import Report, options
from benchmarks.vision import captions, clusters, embeddings, int8, near_duplicates, quality, targets

chosen = options(__doc__ or "")
report = Report("vision", ["numpy", "torch", "transformers", "scikit-learn", "opencv-python-headless", "pillow"])
for stage in (quality, near_duplicates, captions, embeddings, int8, clusters):
    stage.measure(report, chosen.quick)
targets.compare(report)
report.show(as_json=chosen.json)
