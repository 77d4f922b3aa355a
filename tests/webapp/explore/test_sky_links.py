"""The addresses of other services, as they want them."""

from webapp.explore.sky_links import sky_links


def urls(*position):
    return {link.name: link.url for link in sky_links(*position)}


def test_positions_are_given_to_six_decimals():
    assert urls(150.1, 2.2, 0.0308) == {
        "Legacy Survey": "https://www.legacysurvey.org/viewer?ra=150.100000&dec=2.200000"
        "&layer=ls-dr10&zoom=16&mark=150.100000,2.200000",
        "hips2fits": "https://alasky.cds.unistra.fr/hips-image-services/hips2fits"
        "?hips=CDS%2FP%2FDESI-Legacy-Surveys%2FDR10%2Fr&ra=150.100000&dec=2.200000&fov=0.030800"
        "&width=424&height=424&projection=TAN&coordsys=icrs&format=fits",
        "SIMBAD": "https://simbad.cds.unistra.fr/simbad/sim-coo?Coord=150.100000%20%2B2.200000"
        "&CooFrame=ICRS&CooEpoch=2000&CooEqui=2000&Radius=10&Radius.unit=arcsec",
        "NED": "https://ned.ipac.caltech.edu/conesearch?search_type=Near%20Position%20Search"
        "&in_csys=Equatorial&in_equinox=J2000.0&ra=150.100000d&dec=2.200000d&radius=0.166667",
        "Aladin Lite": "https://aladin.cds.unistra.fr/AladinLite/?target=150.100000%20%2B2.200000"
        "&fov=0.030800&survey=CDS/P/DESI-Legacy-Surveys/DR10/color",
    }


def test_the_south_has_its_sign_and_a_field_has_its_limits():
    found = urls(359.9999999, -0.0000001, 90.0)
    assert "ra=0.000000" in found["Legacy Survey"] or "ra=360.000000" in found["Legacy Survey"]
    assert "%20-0.000000" in found["SIMBAD"]
    assert "fov=5.000000" in found["hips2fits"]
    assert "fov=0.030000" in urls(1.0, 2.0)["hips2fits"]
