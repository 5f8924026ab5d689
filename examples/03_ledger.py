"""A ledger: fits on one table add up, and a cap refuses the one that would cost too much.

    python examples/03_ledger.py

Writes ``people.ledger`` into the working folder, which must not hold one yet.
"""

from tabgan import LedgerConfig, TabGAN
from tabgan.datasets import make_people
from tabgan.errors import BudgetExceededError

people = make_people(3_000).drop(columns="patient")
ledger = LedgerConfig("people.ledger", epsilon_cap=1.1, delta_cap=1e-6)

model = TabGAN(epsilon=1.0, random_state=0).fit(people, ledger=ledger)
print(model.privacy_)

try:
    TabGAN(epsilon=1.0, random_state=1).fit(people, ledger=ledger)
except BudgetExceededError as error:
    print(error)  # before a row was read
