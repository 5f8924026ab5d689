# %% [markdown]
# # An audit
#
# An attempt to disprove the claimed epsilon of this installation, on a made-up table with planted rows. It costs no
# budget. The lower bound is what the attack has shown; a bound above the claim would be an error. Passing proves
# nothing.

# %%
from tabgan.audit import audit

result = audit(8.0, 1e-5, n_canaries=1_000, progress=False)
print("claimed:", result.epsilon, " shown at least:", round(result.epsilon_lower_bound, 2))
assert result.has_passed

# %% [markdown]
# Each mechanism by itself: the noise that was measured against the noise that was charged.

# %%
for check in result.checks[:6]:
    print(
        f"{check.name}: {check.observed:.3g} of {check.expected:.3g},",
        "passed" if check.has_passed else "FAILED",
    )
