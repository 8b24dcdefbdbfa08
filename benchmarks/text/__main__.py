"""The text and age stages against the ways of the source systems: `python -m benchmarks.text [--quick] [--json]`."""

from benchmarks.measure import Report, options
from benchmarks.text import age_predict, age_train, tokens

chosen = options(__doc__ or "")
report = Report("text", ["numpy", "torch", "transformers", "kiwipiepy", "konlpy"])
for stage in (tokens, age_predict, age_train):
    stage.measure(report, chosen.quick)
report.show(as_json=chosen.json)
