"""The unit of privacy: a row, or an entity, all rows with one key, of which at most ``max_rows`` are used."""

from __future__ import annotations

from dataclasses import dataclass

from tabgan.schema import MOST_ROWS_EACH, Schema


@dataclass(frozen=True)
class PrivacyUnit:
    """The unit whose presence is protected.

    Attributes:
        entity: The column whose value a unit's rows share; ``None`` where every row is a unit of its own.
        max_rows: The most rows of one unit that a fit uses, at least 1.
    """

    entity: str | None = None
    max_rows: int = 1

    @property
    def kind(self) -> str:
        """``"row"`` or ``"entity"``."""
        return "row" if self.entity is None else "entity"

    @property
    def name(self) -> str:
        """The unit in words, to follow "one"."""
        if self.entity is None:
            return "row"
        rows = "row" if self.max_rows == 1 else "rows"
        return f"entity ({self.entity}), at most {self.max_rows} {rows} each"

    @classmethod
    def of_schema(cls, schema: Schema) -> PrivacyUnit:
        """Return the unit that a schema declares."""
        return cls() if schema.entity is None else cls(schema.entity, int(schema.max_rows or 1))

    @classmethod
    def from_dict(cls, data: dict[str, object]) -> PrivacyUnit:
        """Return the unit of ``{"entity": ..., "max_rows": ...}``.

        Raises:
            ValueError: the data is not a valid unit.
        """
        entity, max_rows = data["entity"], data["max_rows"]
        if (
            not (entity is None or isinstance(entity, str))
            or not isinstance(max_rows, int)
            or isinstance(max_rows, bool)
        ):
            raise ValueError("not a privacy unit")
        is_usable = 1 <= max_rows <= MOST_ROWS_EACH and (entity is not None or max_rows == 1)
        if not is_usable or set(data) != {"entity", "max_rows"}:
            raise ValueError("not a privacy unit")
        return cls(entity, max_rows)


#: Every row is a unit of its own.
ROW = PrivacyUnit()
