"""Tables in parts."""

from __future__ import annotations

import pandas as pd
import pytest

from tabgan.errors import ConfigError, DataError
from tabgan.table.partitions import FrameParts, checked, is_in_parts

TABLE = pd.DataFrame({"age": [1, 2, 3], "name": ["a", "b", None]})


class TestFrameParts:
    def test_one_part_is_the_frame_itself(self):
        (part,) = FrameParts(TABLE)
        assert part is TABLE

    @pytest.mark.parametrize("rows", [1, 2, 3, 4])
    def test_slices_are_the_rows_in_their_order(self, rows):
        parts = FrameParts(TABLE, rows)
        for _ in range(2):
            pd.testing.assert_frame_equal(pd.concat(list(parts)), TABLE)

    def test_the_header_has_the_dtypes_and_no_row(self):
        header = FrameParts(TABLE).header
        assert len(header) == 0
        assert dict(header.dtypes) == dict(TABLE.dtypes)

    def test_a_part_has_rows(self):
        with pytest.raises(ConfigError, match="at least 1 row"):
            FrameParts(TABLE, 0)

    def test_other_things_are_no_frame(self):
        with pytest.raises(DataError, match="got list"):
            FrameParts([TABLE])


class TestProtocol:
    def test_parts_are_told_from_frames(self):
        assert is_in_parts(FrameParts(TABLE))
        odd = pd.DataFrame({"header": [1], "is_rereadable": [True]})
        assert not any(map(is_in_parts, (TABLE, odd, [TABLE], None, "table.csv")))

    @pytest.mark.parametrize(
        ("part", "said"),
        [
            (TABLE[["age"]], "lacks the column 'name'"),
            (TABLE.assign(city="x"), "unlike the table's header, the column 'city'"),
            (TABLE[["name", "age"]], "not in the order"),
            (TABLE.astype({"age": "float64"}), "column 'age': expected dtype int64, .* found float64"),
            (TABLE.to_dict(), "got dict"),
        ],
    )
    def test_a_part_unlike_the_header_is_refused(self, part, said):
        with pytest.raises(DataError, match=f"Part 2 of the table.*{said}"):
            checked(part, TABLE.iloc[:0], 2)

    def test_a_part_like_it_is_not(self):
        assert checked(TABLE, TABLE.iloc[:0], 1) is TABLE
