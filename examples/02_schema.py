"""A schema: what is public of the columns is declared, costs nothing, and is kept by every synthetic row.

    python examples/02_schema.py

Writes ``schema.yaml`` and ``synthetic.csv`` into the working folder.
"""

from tabgan import Categorical, Identifier, Numeric, Schema, TabGAN
from tabgan.datasets import make_people

people = make_people(3_000)

schema = Schema(
    columns=[
        Numeric(name="age", bounds=(0, 120), decimals=0),
        Categorical(name="sex", categories=("female", "male")),
        Categorical(name="ward", categories=("surgery", "cardiology", "geriatrics")),
        Identifier(name="patient", pattern="P{:06d}"),  # generated, never read
    ],
    target="readmitted",  # what others will predict: its pairs get less noise
)
model = TabGAN(epsilon=1.0, schema=schema, random_state=0).fit(
    people
)  # weight and readmitted are found privately

with open("schema.yaml", "w", encoding="utf-8") as file:
    file.write(model.schema_.to_yaml())  # the completed schema, which may accompany the table

synthetic = model.sample(1_000)
synthetic.to_csv("synthetic.csv", index=False)
print(synthetic.describe(include="all"))
