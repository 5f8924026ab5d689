"""Kinds that names of real tables suggest, and names that only look like those of people."""

import pytest

from tabgan.columns.named import line_of_name, line_of_person, says_codes

#: Names of personal data and of text with a form, by what they suggest.
NAMED = {
    "provider: email": "email e-mail Email_Address contact_email customerEmail billing_email mail",
    "provider: phone_number": "phone Phone_Number home_phone cell_phone mobile_phone cell mobile work_cell "
    "customer_mobile contact_tel fax office_fax telephone phoneNo emergency_phone Handynummer",
    "provider: first_name": "first_name FirstName given_name forename vorname student_first_name",
    "provider: last_name": "last_name surname LastName family_name nachname patient_surname",
    "provider: user_name": "username user_name login nickname login_name",
    "provider: street_address": "address street_address Address_1 home_address billing_address strasse street",
    "provider: name": "name Name full_name customer_name patientName employee_name author_name guest_name "
    "doctor_name contact_name account_holder_name nurse_name",
    "kind: text": "zip zip_code postal_code PLZ license_plate number_plate vin serial_number",
    "kind: identifier": "customer_id id uuid account_number patient_no",
}

#: Names of other things.
OTHERS = (
    "fuel_cell t_cell blood_cell solar_cell cells excel mobile_home auto_mobile is_mobile bookings_mobile has_phone "
    "smart_phone headphone is_email has_email opt_in_email email_opt_in n_emails junk_mail voice_mail last_login "
    "first_login ip_address mac_address IPAddr web_address wallet_address team_name company_name product_name "
    "file_name brand_name city_name school_name species_name drug_name event_name movie_name hospital_name "
    "country_name airport_name column_name ship_name model_name host_name domain_name course_name names_count title "
    "job_title movie_title artist album steel_plate plate home_plate mailing_list companies company occupation "
    "home_team hotel fuel_type street_type address_count phone_model wine_type state county city Title subtitle "
    "vintage"
)


@pytest.mark.parametrize("said", NAMED)
def test_names_of_personal_data_are_told(said):
    wrong = {name: line for name in NAMED[said].split() if said not in (line := str(line_of_name(name)))}
    assert not wrong


def test_names_of_other_things_are_not():
    assert {name: line for name in OTHERS.split() if (line := line_of_name(name)) is not None} == {}
    assert [name for name in OTHERS.split() if says_codes(name)] == []


def test_one_person_is_told_from_a_thing_with_a_name():
    assert line_of_person("patient_name") is not None
    assert line_of_person("team_name") is None
    assert line_of_person("name") is None
