"""Rules that hold in every row: public statements, declared in a schema or checked against a table."""

from __future__ import annotations

from tabgan.rules.combinations import FixedCombinations
from tabgan.rules.formula import Formula
from tabgan.rules.geo import Geo
from tabgan.rules.groups import OneOf, Unique
from tabgan.rules.inequality import Inequality
from tabgan.rules.judging import check_rule_columns, check_rules, keeps_rules, rule_from_dict, rules_of
from tabgan.rules.missing import Missing
from tabgan.rules.near import Near
from tabgan.rules.rule import Rule
from tabgan.rules.same import Same

__all__ = [
    "FixedCombinations",
    "Formula",
    "Geo",
    "Inequality",
    "Missing",
    "Near",
    "OneOf",
    "Rule",
    "Same",
    "Unique",
    "check_rule_columns",
    "check_rules",
    "keeps_rules",
    "rule_from_dict",
    "rules_of",
]
