import numpy as np
import pytest
from PIL import Image
from results_folders import labels, write_results

from cmgai_fem.errors import InputError
from cmgai_fem.study.file import studies_folder
from cmgai_fem.study.pipelines import study_module

figure_overview = study_module(studies_folder(), "overview").figure_overview


@pytest.mark.medium
@pytest.mark.parametrize("kind", ["line", "triangle"])
def test_overview_is_one_small_picture(tmp_path, kind):
    folder = write_results(tmp_path / "results", labels(kind, 4))
    (tmp_path / "picture").mkdir()
    path = figure_overview(folder, tmp_path / "picture" / "overview.png")
    assert path.stat().st_size < 200_000
    assert [entry.name for entry in path.parent.iterdir()] == ["overview.png"]
    with Image.open(path) as picture:
        assert picture.size == (1100, 330)
        assert np.asarray(picture.convert("RGB")).std() > 10.0


def test_overview_without_fields_is_refused(tmp_path):
    folder = write_results(tmp_path / "results", labels("line", 2))
    (folder / "fields" / "reference.npz").unlink()
    with pytest.raises(InputError, match=r"needs fields/reference\.npz"):
        figure_overview(folder, tmp_path / "overview.png")
