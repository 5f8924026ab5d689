"""A quick start: a table of people in, a synthetic one and a model out.

    python examples/01_quickstart.py

Writes ``synthetic.csv`` and ``people.tabgan`` into the working folder.
"""

import pandas as pd

from tabgan import Between, TabGAN
from tabgan.datasets import make_people

people = make_people(3_000).drop(columns="patient")  # made up; or a table of yours

model = TabGAN(epsilon=1.0, random_state=0).fit(people)  # the whole fit costs at most epsilon
synthetic = model.sample(1_000)
synthetic.to_csv("synthetic.csv", index=False)
print(synthetic.head())
print(model.privacy_)  # what is promised, and what was spent on what

model.save("people.tabgan")  # no rows, no code: the model may accompany the table
model = TabGAN.load("people.tabgan")
print(
    model.sample(3, conditions={"sex": "female", "age": Between(60, 80), "ward": ["surgery", "geriatrics"]})
)
print(model.sample(4, proportions={"sex": {"female": 0.5, "male": 0.5}}, impute=True))
some = pd.DataFrame({"age": [70, 30], "sex": ["female", None]})
print(model.complete(some))  # the rest of these rows
