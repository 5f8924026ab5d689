# %% [markdown]
# # A quick start
#
# A table of made-up patients in, a synthetic one and a model out. The whole fit costs at most epsilon 1.

# %%
from tabgan import TabGAN
from tabgan.datasets import make_people

people = make_people(3_000).drop(columns="patient")
model = TabGAN(epsilon=1.0, random_state=0).fit(people, progress=False)
model.sample(5, random_state=0)

# %% [markdown]
# What was promised, and what was spent:

# %%
print(model.privacy_)

# %% [markdown]
# The released counts are in the model. They have noise of a known size, and cost nothing more.

# %%
counts = model.marginals()
counts[(counts["column_1"] == "ward") & counts["column_2"].isna()][["value_1", "count", "noise_stddev"]]

# %% [markdown]
# A file of the model holds no rows and runs no code. It samples the same rows again for the same `random_state`.

# %%
model.save("people.tabgan")
again = TabGAN.load("people.tabgan")
assert again.sample(100, random_state=0).equals(model.sample(100, random_state=0))
