"""Read galaxies that most people see a feature in, as a table of pandas.

TOKEN=tf_... python catalog_with_requests.py http://localhost:8000 hubble-deep-field
"""

import os
import sys

import pandas as pd
import requests


def catalog(site: str, campaign: str, token: str, **filters: str) -> pd.DataFrame:
    """Return the rows that meet the filters, page by page."""
    address: str | None = f"{site}/api/workflows/{campaign}/consensus/"
    query = {"limit": "1000", **filters}
    rows: list[dict[str, object]] = []
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {token}"
        while address:
            answer = session.get(address, params=query, timeout=60)
            if not answer.ok:
                sys.exit(answer.json()["detail"])  # one sentence: what is wrong, what to do
            rows += answer.json()["results"]
            address, query = answer.json()["next"], {}  # the address has the filters in it
    return pd.DataFrame(rows)


if __name__ == "__main__":
    site, campaign = sys.argv[1:3]
    galaxies = catalog(site, campaign, os.environ["TOKEN"], n_classifications="1..")
    print(f"{len(galaxies)} galaxies have votes.")
    print(galaxies.filter(regex="^(source_id|ra|dec|lead_|n_classifications)").head())
