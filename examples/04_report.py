"""A report: how good the synthetic table is, how it stands up to attacks, and whether it may be released.

    python examples/04_report.py

Writes ``internal.html``, computed on real rows, and ``shareable.html``, which may accompany the table.
"""

from tabgan import TabGAN
from tabgan.datasets import make_people

people, others = (make_people(1_500, random_state=seed).drop(columns="patient") for seed in (0, 1))

model = TabGAN(epsilon=2.0, random_state=0).fit(people)
report = model.evaluate(
    real=people,
    holdout=others,  # people that no fit has seen
    target="readmitted",
    gate={"epsilon": 2.5, "fidelity": {"tvd2": {"within": 0.1}}, "attacks": {"membership_auc": 0.2}},
)
print(report.decision.outcome)
for check in report.decision.checks:
    print(check.text)

report.to_html("internal.html")  # stays within the organisation
report.shareable.to_html("shareable.html")
