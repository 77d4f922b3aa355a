"""Find galaxies around a position, nearest first, as a table of astropy; needs no account.

python cone_with_pyvo.py http://localhost:8000 hubble-deep-field 189.2 62.2 0.1
"""

import sys

import pyvo
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.table import QTable


def around(site: str, campaign: str, center: SkyCoord, radius: units.Quantity) -> QTable:
    """Return the galaxies of a campaign in a circle, with their distance from its middle."""
    service = pyvo.dal.SCSService(f"{site}/cone/{campaign}")
    found = service.search(center, radius, verbosity=2).to_qtable()
    places = SkyCoord(found["ra"], found["dec"])
    found["distance"] = center.separation(places).to(units.arcsec)
    found.sort("distance")
    return found


if __name__ == "__main__":
    site, campaign, ra, dec, radius = sys.argv[1:6]
    center = SkyCoord(float(ra), float(dec), unit="deg")
    galaxies = around(site, campaign, center, float(radius) * units.deg)
    print(f"{len(galaxies)} galaxies are within {radius} degrees.")
    shown = galaxies[galaxies["votes_shown"] == 1]  # votes of the others are still hidden
    print(f"The votes of {len(shown)} of them can be seen.")
    galaxies["source_id", "ra", "dec", "distance"][:10].pprint()
