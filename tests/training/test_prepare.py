import numpy as np
import pytest
from PIL import Image

from inference.formats.catalog import CatalogRefused, write_catalog
from inference.formats.run import RunRefused
from tests.training import sky
from training.config import Config
from training.errors import DataRefused
from training.prepare import prepare, read_class_folders, read_counts

CONFIG = Config(size_px=32, crop=0.5)


def picture(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, "JPEG" if path.suffix == ".jpg" else "PNG")


@pytest.fixture
def source(tmp_path):
    """A catalog of ten galaxies with their pictures."""
    catalog, _ = sky.galaxies(10)
    write_catalog(catalog, tmp_path / "catalog.parquet")
    for number, name in enumerate(catalog.pictures):
        picture(tmp_path / name, number)
    return tmp_path / "catalog.parquet"


def test_a_catalog_becomes_a_run(source, tmp_path):
    run = prepare(source, tmp_path / "run", CONFIG)

    request = run.read_request()
    assert Config.parse(request.config) == CONFIG
    assert run.open_stamps(CONFIG.input, 10).shape == (10, 32, 32, 3)
    assert run.read_catalog().subject_ids[3] == "G3"


def test_missing_and_broken_pictures_are_refused_and_nothing_is_left(source, tmp_path):
    (tmp_path / "G4.jpg").write_bytes(b"GIF89a")
    with pytest.raises(DataRefused, match=r"G4\.jpg cannot be used.*GIF"):
        prepare(source, tmp_path / "run", CONFIG)
    assert not (tmp_path / "run" / "request.json").exists()

    (tmp_path / "G4.jpg").unlink()
    with pytest.raises(CatalogRefused, match=r"G4\.jpg"):
        prepare(source, tmp_path / "other", CONFIG)
    assert not (tmp_path / "other").exists()


def test_a_folder_that_is_not_empty_is_refused(source, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "precious").touch()

    with pytest.raises(RunRefused, match="not empty"):
        prepare(source, tmp_path / "run", CONFIG)

    assert (tmp_path / "run" / "precious").exists()


def test_pictures_of_a_second_survey_come_along(source, tmp_path):
    picture(tmp_path / "second" / "a.png")
    picture(tmp_path / "second" / "b.png")

    run = prepare(source, tmp_path / "run", CONFIG, unlabeled=tmp_path / "second")

    assert run.open_unlabeled(CONFIG.input).shape == (2, 32, 32, 3)


def test_class_folders_become_one_question(tmp_path):
    for name in ("Edge on", "spiral"):
        for number in range(3):
            picture(tmp_path / name / f"{number}.jpg")

    catalog = read_class_folders(tmp_path)

    (question,) = catalog.tree.questions
    assert [answer.key for answer in question.answers] == ["edge-on", "spiral"]
    assert catalog.votes.sum(axis=0).tolist() == [3, 3]
    assert catalog.pictures[0] == "Edge on/0.jpg"


def test_one_folder_is_no_classes(tmp_path):
    picture(tmp_path / "spiral" / "0.jpg")

    with pytest.raises(DataRefused, match="has 1 folders with pictures"):
        read_class_folders(tmp_path)


def test_a_table_of_counts_is_read_by_the_names_of_its_columns(tmp_path):
    path = tmp_path / "counts.csv"
    path.write_text("id_str,file_loc,shape_featured,shape_smooth\nJ1,a.jpg,12,28\n")

    catalog = read_counts(path, sky.tree())

    assert catalog.votes[0].tolist() == [28, 12, 0, 0, 0]
    assert catalog.asked[0].tolist() == [40, 0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id_str,file_loc\nJ1,a.jpg\n", "no column of the tree"),
        ("file_loc,shape_smooth\na.jpg,1\n", "none of the columns id_str"),
        ("id_str,file_loc,shape_smooth\nJ1,a.jpg,some\n", "line 2, has 'some' in shape_smooth"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused(tmp_path, text, words):
    path = tmp_path / "counts.csv"
    path.write_text(text)

    with pytest.raises(DataRefused, match=words):
        read_counts(path, sky.tree())


def test_negative_counts_are_refused(tmp_path):
    path = tmp_path / "counts.csv"
    path.write_text("id_str,file_loc,shape_smooth\nJ1,a.jpg,-1\n")

    with pytest.raises(CatalogRefused, match="-1"):
        read_counts(path, sky.tree())
