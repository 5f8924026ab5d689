# %% [markdown]
# # Epsilons compared
#
# The same made-up table at three values of epsilon: the noise of a count, and the shares of a column. On a table of
# yours each fit is charged; try arguments on a made-up or public one.

# %%
import pandas as pd

from tabgan import Boolean, Categorical, Numeric, Schema, TabGAN
from tabgan.datasets import make_people

people = make_people(4_000).drop(columns="patient")
schema = Schema(
    columns=[
        Numeric(name="age", bounds=(0, 105), decimals=0),
        Categorical(name="sex", categories=("female", "male")),
        Categorical(name="ward", categories=("surgery", "cardiology", "geriatrics")),
        Numeric(name="weight", bounds=(20, 140), decimals=1),
        Boolean(name="readmitted", nullable=False),
    ]
)
models = {
    epsilon: TabGAN(epsilon=epsilon, schema=schema, random_state=0).fit(people, progress=False)
    for epsilon in (0.1, 1.0, 10.0)
}

# %% [markdown]
# Noise of the number of patients in a ward:

# %%
noise = {}
for epsilon, model in models.items():
    counts = model.marginals()
    wards = counts[(counts["column_1"] == "ward") & counts["column_2"].isna()]
    noise[epsilon] = wards["noise_stddev"].iloc[0]
pd.Series(noise, name="noise_stddev").rename_axis("epsilon").round(1)

# %% [markdown]
# Shares of wards, and how readmissions differ between them:

# %%
tables = {"real": people} | {f"epsilon {e:g}": m.sample(4_000, random_state=0) for e, m in models.items()}
shares = pd.DataFrame({name: df["ward"].value_counts(normalize=True) for name, df in tables.items()}).round(3)
shares

# %%
pd.DataFrame({name: df.groupby("ward")["readmitted"].mean() for name, df in tables.items()}).round(3)
