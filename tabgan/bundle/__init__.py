"""Release bundles: one folder or archive of everything that leaves the organisation, its descriptions, and its checks.

Nothing here meets a real row: a bundle is made of released numbers, of synthetic rows, and of what a person states.
"""
