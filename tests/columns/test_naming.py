"""Names that say that whole numbers are codes, and those that do not."""

import pytest

from tabgan.columns.naming import says_code, words_of


@pytest.mark.parametrize(
    "name",
    [
        *(
            "zip",
            "zip_code",
            "zipcode",
            "FIPS",
            "countyfips",
            "MCC",
            "naics",
            "SIC",
            "icd9",
            "ISCO88",
            "ccode",
        ),
        *(
            "dept_id",
            "DepartmentId",
            "storeid",
            "schoolid",
            "product_id",
            "merchant id",
            "hospitalID",
            "site_cd",
            "state",
        ),
    ],
)
def test_codes(name):
    assert says_code(name)


@pytest.mark.parametrize(
    "name",
    [
        "age",
        "paid",
        "covid",
        "valid",
        "humid",
        "lipid",
        "id",
        "items",
        "decoded",
        "education",
        "basic",
        "acid",
    ],
)
def test_quantities(name):
    assert not says_code(name)


def test_words_are_parted():
    assert words_of("HomeAddress Straße-Nr") == "home_address_strasse_nr"
