import pytest

from tabgan.bundle.commitment import Commitment, check_commitment
from tabgan.errors import BundleError, ConfigError
from tabgan.privacy.filter import UNTOLD_PLACE, LedgerPlace

#: Of names so long that no random digest holds them: one in 500 held one of four digits.
PLACE = LedgerPlace("1234567890123456", 7, "abcdefabcdefabcd")


def test_only_its_key_opens_it(tmp_path):
    first, second = (Commitment.to_place(PLACE) for _ in range(2))
    assert first.told["digest"] != second.told["digest"]
    first.keep(tmp_path / "first.json")
    assert (tmp_path / "first.json").stat().st_mode & 0o077 == 0
    opened = check_commitment(first.told, tmp_path / "first.json")
    assert f"line 7 of ledger {PLACE.ledger}, whose hash is {PLACE.hash}" in opened
    with pytest.raises(BundleError, match="that of another bundle"):
        check_commitment(second.told, tmp_path / "first.json")


def test_it_tells_nothing_of_the_place():
    told = str(Commitment.to_place(PLACE).told)
    assert PLACE.ledger not in told
    assert PLACE.hash not in told


def test_a_fit_without_a_line_in_a_ledger_has_none():
    assert Commitment.to_place(None) is None
    assert Commitment.to_place(UNTOLD_PLACE) is None


@pytest.mark.parametrize("content", ["", "{}", '{"data":{},"sha256":""}'])
def test_a_file_that_is_no_key(tmp_path, content):
    (tmp_path / "key.json").write_text(content)
    with pytest.raises(ConfigError, match="--input-key: expected the file that was kept"):
        check_commitment(Commitment.to_place(PLACE).told, tmp_path / "key.json")
    with pytest.raises(ConfigError, match="cannot read"):
        check_commitment(Commitment.to_place(PLACE).told, tmp_path / "none.json")
