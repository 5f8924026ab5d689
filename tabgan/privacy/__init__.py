"""The guarantee: budget, accounting, filter and ledger, which see no row, and the doors, which alone read rows.

:mod:`tabgan.privacy.accounting` computes epsilon, :mod:`tabgan.privacy.plan` divides it, :mod:`tabgan.privacy.filter`
keeps every charge within the plan. ``doors/README.md`` walks through the code that reads rows. A new mechanism draws
its noise in :mod:`tabgan.privacy.doors.mechanisms`, and has its name and cost in :mod:`tabgan.privacy.events`.
"""
