# %% [markdown]
# # Conditions
#
# Rows that meet a condition, in exactly the number that was asked for; shares; rows of which some cells are given. None
# of it costs anything: all of it is computed from what was released.

# %%
import pandas as pd

from tabgan import Between, TabGAN
from tabgan.datasets import make_people

people = make_people(3_000).drop(columns="patient")
model = TabGAN(epsilon=2.0, random_state=0).fit(people, progress=False)
old = model.sample(
    1_000, conditions={"age": Between(70, 90), "ward": ["surgery", "geriatrics"]}, random_state=0
)
old.head()

# %%
assert len(old) == 1_000
assert old["age"].between(70, 90).all()
old["ward"].value_counts()

# %% [markdown]
# Half of the rows each:

# %%
model.sample(1_000, proportions={"sex": {"female": 0.5, "male": 0.5}}, random_state=0)["sex"].value_counts()

# %% [markdown]
# The rest of rows of which some cells are known. The result holds the given cells, and is no less confidential than
# they are.

# %%
some = pd.DataFrame({"age": [30, 85], "sex": ["male", None]})
model.complete(some, random_state=0)
