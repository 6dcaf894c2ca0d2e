"""A new study through each door: existing or uploaded data, refusals, and the cost."""

from __future__ import annotations

import errno
import io
import stat
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.making import TINY
from tests.sampling import one_in
from tests.serve.making import PICTURE, TABLE, client_of, form_key
from tests.waiting import wait_until
from tuner.commands.doors import reference_of
from tuner.commands.study import parser as study_parser
from tuner.errors import UsageError
from tuner.serve.disk.room import Disk
from tuner.serve.jobs.job_command import command_of
from tuner.serve.orders.requests import study_request
from tuner.serve.shelf import unpacking
from tuner.serve.shelf.cases import Shelf
from tuner.serve.shelf.data import DataShelf
from tuner.serve.shelf.outlining import outline
from tuner.serve.shelf.unpacking import unpack
from tuner.serve.web import access, uploads
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from starlette.testclient import TestClient

    from tuner.serve.service import Service

NEW, UPLOAD, API = "/tuner/new", "/tuner/uploads", "/api/v1/data"


def zipped(*names: str, **modes: int) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            entry = zipfile.ZipInfo(name)
            plain = stat.S_IFDIR if name.endswith("/") else stat.S_IFREG
            entry.external_attr = modes.get("mode", plain | 0o644) << 16
            archive.writestr(entry, b"" if name.endswith("/") else PICTURE)
    return made.getvalue()


def send(client: TestClient, name: str, content: bytes, **headers: str) -> tuple[int, str]:
    key = form_key(client, f"{NEW}?case=tiny")
    told = {"Content-Type": "application/octet-stream", "X-Form-Key": key, **headers}
    answer = client.post(UPLOAD, params={"name": name}, content=content, headers=told)
    return answer.status_code, answer.text


def send_by_api(
    client: TestClient, name: str, content: bytes | Iterator[bytes], **headers: str
) -> tuple[int, str]:
    told = {"Content-Type": "application/octet-stream", **headers}
    answer = client.post(API, params={"name": name}, content=content, headers=told)
    return answer.status_code, answer.text


def test_a_table_is_uploaded_and_searched(empty: Service) -> None:
    client = client_of(empty)
    assert send(client, "houses.csv", TABLE.encode()) == (201, '{"data":"uploads/houses.csv"}')
    page = client.get(f"{NEW}?door=table&data=uploads/houses.csv").text
    assert "Its columns: size, town, price" in page
    assert 'name="case"' not in page, "the target is not known yet"
    page = client.get(f"{NEW}?door=table&data=uploads/houses.csv&target=price").text
    case = "table --data uploads/houses.csv --target price"
    assert f'name="case" value="{case}"' in page
    assert 'name="name" value="houses"' in page
    fields = {"form_key": form_key(client, NEW), "case": case, "name": "houses", "trials": "4"}
    answer = client.post(NEW, data={**fields, "seeds": "0", "seed": "0", "minutes": "2"})
    assert answer.headers["location"] == "/tuner/studies/houses"
    (job,) = empty.queue.all()
    assert job.options["budget"] == 120
    words = command_of(job, empty.workplace, empty.shelf, 1)
    path = empty.workplace.root / "uploads" / "houses.csv"
    assert words[:6] == ["study", "table", "--data", str(path.resolve()), "--target", "price"]
    assert words[-1] == "--budget=120"
    assert case not in words
    assert path.read_text(encoding="utf-8") == TABLE
    assert "uploads/houses.csv" in client.get("/tuner/machine").text
    key = form_key(client, "/tuner/machine")
    removed = client.post(f"{UPLOAD}/remove", data={"form_key": key, "data": "uploads/houses.csv"})
    assert removed.status_code == 303
    assert not path.exists()


def test_a_table_in_utf_16_is_taken_as_a_study_takes_it(empty: Service) -> None:
    client = client_of(empty)
    assert send(client, "houses.csv", TABLE.encode("utf-16"))[0] == 201
    path = empty.shelf.data.path("uploads/houses.csv")
    assert outline(f"table --data {path} --target price", empty.workplace.data)["said"]
    assert "is empty; choose a file with rows" in send(client, "none.csv", b" \n")[1]


def test_pictures_are_uploaded_as_a_zip_file(empty: Service) -> None:
    client = client_of(empty)
    content = zipped(
        *("pets/cats/1.png", "pets/cats/2.png", "pets/dogs/1.png", "pets/notes.txt"),
        *("pets/.hidden.png", "__MACOSX/pets/cats/._1.png", "pets/empty/"),
    )
    assert send(client, "pets.zip", content) == (201, '{"data":"uploads/pets"}')
    folder = empty.workplace.root / "uploads" / "pets"
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))
    assert found == ["cats/1.png", "cats/2.png", "dogs/1.png"]
    page = client.get(f"{NEW}?door=images&data=uploads/pets&size=16").text
    assert 'name="case" value="images --data uploads/pets --size 16"' in page
    assert send(client, "Pets.zip", content)[0] == 400, "the name differs by case alone"


def test_what_was_sent_through_the_other_door_is_shown_at_its_own(empty: Service) -> None:
    client = client_of(empty)
    send(client, "first.csv", TABLE.encode())
    send(client, "houses.csv", TABLE.encode())
    send(client, "pets.zip", zipped("pets/cats/1.png", "pets/dogs/1.png"))
    page = client.get(f"{NEW}?door=images&data=uploads/houses.csv").text
    assert "<option selected>uploads/houses.csv</option>" in page
    assert "Its columns: size, town, price" in page
    assert 'name="case"' not in page, "no study of pictures is begun on a table"
    page = client.get(f"{NEW}?door=table&data=uploads/pets").text
    assert "<option selected>uploads/pets</option>" in page
    assert 'name="case" value="images --data uploads/pets"' in page
    gone = client.get(f"{NEW}?door=table&data=uploads/gone.csv&target=price")
    assert gone.status_code == 400
    assert "no data &#39;uploads/gone.csv&#39;" in gone.text


def test_a_table_is_not_read_before_its_target_is_named(empty: Service) -> None:
    client = client_of(empty)
    send(client, "houses.csv", TABLE.encode())
    answer = client.get(f"{NEW}?door=table&data=uploads/houses.csv&target=&read=1")
    assert answer.status_code == 400
    assert "say which column to predict." in answer.text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (zipped("../x.png", "a/1.png"), "cannot be used"),
        (zipped("/x.png"), "cannot be used"),
        (zipped("a/../../x.png"), "cannot be used"),
        (zipped("c:\\x.png"), "cannot be used"),
        (zipped("a\\..\\x.png"), "cannot be used"),
        (zipped("a/\x07.png"), "cannot be used"),
        (zipped("a/b/c/d/e/f/g/h/i.png"), "cannot be used"),
        (zipped("a/1.png.", "b/1.png"), "cannot be used"),
        (zipped(f"a/{'x' * 300}.png"), "cannot be used"),
        (zipped("a/1.png", mode=stat.S_IFLNK | 0o777), "a link or a special file"),
        (zipped("a/1.png", mode=stat.S_IFIFO | 0o644), "a link or a special file"),
        (zipped("a/1.png", "a/1.PNG"), "the same on some file systems"),
        (zipped("a/1.png", "A/2.png"), "the same on some file systems"),
        (zipped("a/\u00e9.png", "a/e\u0301.png"), "the same on some file systems"),
        (zipped("a/1.png", "a"), "as a file and as a folder"),
        (zipped("a/notes.txt"), "holds no picture"),
        (b"PK not a zip file", "cannot be read"),
        (zipped("a/1.png")[:-40], "cannot be read"),
    ],
)
def test_an_archive_that_could_do_harm_is_refused_whole(
    tmp_path: Path, content: bytes, said: str
) -> None:
    archive, folder = tmp_path / "x.zip", tmp_path / "inside" / "folder"
    archive.write_bytes(content)
    folder.mkdir(parents=True)
    with pytest.raises(UsageError, match=said):
        unpack(archive, folder, roomy)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [archive]


def roomy(_size: int) -> None:
    """Accept any size, as a disk with enough space does."""


@pytest.mark.parametrize(
    ("limit", "most", "said"),
    [
        ("MOST_FILES", 9, "has 10 entries; it may have 9"),
        ("LARGEST_LIST", 400, "the list of what is in the ZIP file is larger than"),
    ],
)
@pytest.mark.parametrize("large", [False, True])
def test_a_list_that_is_too_long_is_not_taken_apart(
    tmp_path: Path, limit: str, most: int, said: str, large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if large:  # the end of the archive is then in ZIP64 format
        monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
    (tmp_path / "x.zip").write_bytes(zipped(*(f"a/{number}.png" for number in range(10))))
    monkeypatch.setattr(unpacking, limit, most)
    monkeypatch.setattr(zipfile, "ZipInfo", None)
    with pytest.raises(UsageError, match=said):
        unpack(tmp_path / "x.zip", tmp_path / "folder", roomy)


def test_what_is_not_unpacked_may_have_any_name(tmp_path: Path) -> None:
    names = ("a/1.png", "Icon\r", "__MACOSX/a/._Icon\r", "notes: a?.txt", "a/" + "x" * 250 + ".txt")
    (tmp_path / "x.zip").write_bytes(zipped(*names))
    assert unpack(tmp_path / "x.zip", tmp_path / "folder", roomy) == 1
    assert [path.name for path in (tmp_path / "folder/a").iterdir()] == ["1.png"]
    for name in ("a/2?.png", "../notes.txt", "/notes.txt", "a\\notes.txt"):
        (tmp_path / "x.zip").write_bytes(zipped("a/1.png", name))
        with pytest.raises(UsageError, match="an entry that cannot be used"):
            unpack(tmp_path / "x.zip", tmp_path / "other", roomy)


def test_an_archive_that_says_less_than_it_holds_is_refused(tmp_path: Path) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/1.png", bytes(10_000_000))
    told = made.getvalue().replace((10_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    (tmp_path / "x.zip").write_bytes(told)
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(UsageError):
        unpack(tmp_path / "x.zip", folder, roomy)
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) <= 10


@pytest.mark.parametrize(
    ("name", "content", "status", "said"),
    [
        ("../x.csv", b"a,b\n1,2\n", 400, "has a slash"),
        (".x.csv", b"a,b\n1,2\n", 400, "begins with a dot"),
        ("x.py", b"print()", 400, "send a table (.csv, .parquet), or pictures (.zip)"),
        ("x", b"print()", 400, "send a table (.csv, .parquet), or pictures (.zip)"),
        ("x.csv", b"a\0b", 400, "is not a table as text"),
        ("x.csv", b"", 400, "is empty"),
        ("x.parquet", b"a,b\n1,2\n", 400, "is not a whole Parquet file"),
        ("x.parquet", b"PAR1", 400, "is not a whole Parquet file"),
        ("x.parquet", b"", 400, "is not a whole Parquet file"),
        ("x.zip", b"PK", 400, "cannot be read"),
        ("x.zip", zipped("a/1.png", "../2.png"), 400, "an entry that cannot be used"),
        ("x.zip", zipped("a/1.png", "/2.png"), 400, "an entry that cannot be used"),
        ("x.zip", zipped("a/1.png", mode=stat.S_IFLNK | 0o777), 400, "a link or a special file"),
        ("x.zip", zipped("a/run.py"), 400, "holds no picture"),
        ("owners.CSV", b"a,b\n1,2\n", 400, "there is already data"),
    ],
)
@pytest.mark.parametrize("sending", one_in(2, [send, send_by_api]))
def test_uploads_that_cannot_be_used_are_refused(
    empty: Service,
    tmp_path: Path,
    sending: Callable[..., tuple[int, str]],
    name: str,
    content: bytes,
    status: int,
    said: str,
) -> None:
    shelf = empty.shelf.data
    (tmp_path / "owners").mkdir()
    (tmp_path / "owners" / "owners.csv").write_text(TABLE, encoding="utf-8")
    object.__setattr__(shelf, "folder", tmp_path / "owners")
    found, text = sending(client_of(empty), name, content)
    assert found == status
    assert said in text
    folder = empty.workplace.root / "uploads"
    assert not folder.exists() or list(folder.iterdir()) == []


@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_archive_of_any_kind_is_refused(tmp_path: Path, kind: int) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", kind) as archive:
        archive.writestr("a/1.png", PICTURE * 100)
    content = bytearray(made.getvalue())
    content[50:90] = bytes(40)
    (tmp_path / "x.zip").write_bytes(content)
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match="the ZIP file cannot be read"):
        unpack(tmp_path / "x.zip", tmp_path / "folder", roomy)


def test_a_disk_that_is_full_is_told(empty: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(uploads, "_put", full)
    status, text = send(client_of(empty), "x.csv", TABLE.encode())
    assert (status, "the file cannot be kept: No space left on device" in text) == (507, True)
    assert list((empty.workplace.root / "uploads").iterdir()) == []


def test_an_upload_needs_its_headers_a_role_and_room(
    empty: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, content = client_of(empty), TABLE.encode()
    assert send(client, "x.csv", content, **{"X-Form-Key": "0"})[0] == 403
    assert send(client, "x.csv", content, **{"Content-Type": "text/plain"})[0] == 415
    assert send(client, "x.csv", content, Origin="http://evil.example")[0] == 403
    empty.room.look = lambda _: Disk(100, 4)
    assert "nothing can be added" in send(client, "x.csv", content)[1]
    empty.room.look = lambda _: Disk(10**6, 4 * 10**5)
    monkeypatch.setattr(access, "LARGEST_UPLOAD", 100)
    assert send(client, "x.csv", content)[0] == 413
    assert list((empty.workplace.root / "uploads").iterdir()) == []
    viewer = client_of(empty, empty.tokens.create("ann", "viewer"))
    assert viewer.post(UPLOAD, content=content).status_code == 403


def test_what_does_not_fit_on_the_disk_is_refused_before_it_comes(empty: Service) -> None:
    empty.room.look = lambda _: Disk(100 * 2**20, 6 * 2**20)
    for sending in (send, send_by_api):
        status, text = sending(client_of(empty), "x.csv", bytes(2**21))
        assert (status, "2 MiB do not fit on the disk" in text) == (400, True)
    assert not (empty.workplace.root / "uploads").exists()


@pytest.mark.parametrize(("name", "until"), [("x.csv", 2**20), ("x.zip", 6 * 2**20)])
def test_a_disk_that_others_fill_meanwhile_is_not_filled_further(
    empty: Service, name: str, until: int
) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a/1.png", bytes(2**22))
    folder = empty.workplace.root / "uploads"

    def look(_: Path) -> Disk:
        written = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        return Disk(100 * 2**20, (50 if written < until else 4) * 2**20)

    empty.room.look = look
    content = made.getvalue() if name == "x.zip" else (b"a,b\n" * 2**15 for _ in range(32))
    status, text = send_by_api(client_of(empty), name, content)
    assert (status, "nothing can be added" in text) == (400, True)
    assert list(folder.iterdir()) == []


def test_pictures_that_do_not_fit_are_not_unpacked(empty: Service) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/1.png", bytes(2**22))
    empty.room.look = lambda _: Disk(100 * 2**20, 6 * 2**20)
    status, text = send_by_api(client_of(empty), "x.zip", made.getvalue())
    assert (status, "4 MiB do not fit on the disk" in text) == (400, True)
    assert list((empty.workplace.root / "uploads").iterdir()) == []


def test_the_api_takes_data_as_the_page_does(
    empty: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, content = client_of(empty), TABLE.encode()
    assert send_by_api(client, "x.csv", content, **{"Content-Type": "text/plain"})[0] == 415
    assert send_by_api(client, "x.csv", content, Origin="http://evil.example")[0] == 403
    empty.room.look = lambda _: Disk(100, 4)
    assert "nothing can be added" in send_by_api(client, "x.csv", content)[1]
    empty.room.look = lambda _: Disk(10**6, 4 * 10**5)
    assert send_by_api(client, "x.csv", content) == (201, '{"data":"uploads/x.csv"}')
    assert send_by_api(client, "pets.zip", zipped("cats/1.png", "dogs/1.png"))[0] == 201
    monkeypatch.setattr(access, "LARGEST_UPLOAD", 100)
    assert send_by_api(client, "y.csv", content)[0] == 413
    assert client.get(API).json()["data"] == ["uploads/pets", "uploads/x.csv"]
    assert [one.what for one in empty.acts.newest()] == ["upload", "upload"]
    viewer = client_of(empty, empty.tokens.create("ann", "viewer"))
    assert send_by_api(viewer, "y.csv", content)[0] == 403
    assert viewer.get(API).status_code == 200
    assert client_of(empty).get(API).status_code == 401


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("table --data ../x.csv --target y", "no data '../x.csv'"),
        ("table --data /etc/passwd --target y", "no data '/etc/passwd'"),
        ("table --data data/owners.csv", "--target is missing"),
        ("table --data data/owners.csv --target y --task none", "--task"),
        ("images --data data/photos --weights /etc/passwd", "no option 'weights'"),
        ("images --data data/photos --backbone resnet18", "no option 'backbone'"),
        ("images --data", "cannot be read; write it like"),
        ("images --data 'data/photos", "cannot be read; write it like"),
    ],
)
def test_a_door_takes_no_path_and_no_option_that_it_should_not(
    tmp_path: Path, case: str, said: str
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "owners.csv").write_text(TABLE, encoding="utf-8")
    shelf = Shelf(data=DataShelf(tmp_path))
    with pytest.raises(UsageError, match=None) as refused:
        study_request({"case": case, "name": "x"}, shelf)
    assert said in str(refused.value)


def test_a_study_of_a_case_has_its_options_behind_the_case(empty: Service) -> None:
    job = empty.queue.submit(study_request({"case": "tiny", "trials": 3}, empty.shelf), "ann")
    job.options = {**job.options, "parent": "--help", "budget": 60}
    words = command_of(job, empty.workplace, empty.shelf, 1)
    case = empty.shelf.reference("tiny")
    assert words[:2] == ["study", case]
    assert words[-2:] == ["--from=--help", "--budget=60"]
    arguments = study_parser().parse_args(words[1:])
    assert (arguments.case, arguments.parent, arguments.trials) == (case, "--help", 3)


def test_a_column_that_begins_with_a_dash_is_searched_for(empty: Service) -> None:
    client = client_of(empty)
    send(client, "dash.csv", TABLE.replace("price", "-price").encode())
    door = "table --data uploads/dash.csv --target"
    for name, case in (("one", f"{door} -price"), ("two", f"{door}=-price")):
        job = empty.queue.submit(study_request({"case": case, "name": name}, empty.shelf), "ann")
        typed = command_of(job, empty.workplace, empty.shelf, 1)
        arguments = study_parser("table").parse_args(typed[2:])
        assert arguments.target == "-price"
        assert reference_of(arguments, "table") == empty.shelf.reference(case)


def test_what_the_owner_has_put_there_is_offered(tmp_path: Path) -> None:
    for name in ("photos", ".hidden"):
        (tmp_path / name).mkdir()
    for name in ("houses.csv", "cars.parquet", "notes.txt", ".secret.csv"):
        (tmp_path / name).write_text("a;b\n1;2\n", encoding="utf-8")
    shelf = DataShelf(tmp_path, tmp_path / "none")
    assert shelf.names("table") == ["data/cars.parquet", "data/houses.csv"]
    assert shelf.names("images") == ["data/photos"]
    assert shelf.columns("data/houses.csv") == ["a", "b"]
    assert shelf.columns("data/cars.parquet") == []
    for name, content in (
        ("mac.csv", b"a,b\r1,2\r3,4\r"),
        ("windows.csv", "a;b\r\n1;2\r\n".encode("utf-8-sig")),
        ("long.csv", b"a,b\n" + b"x" * 200_000 + b",2\n"),
    ):
        (tmp_path / name).write_bytes(content)
        assert shelf.columns(f"data/{name}") == ["a", "b"], name
    (tmp_path / "empty.csv").touch()
    assert shelf.columns("data/empty.csv") == []
    with pytest.raises(UsageError, match="only the machine's owner can remove it"):
        shelf.remove("data/houses.csv")


def test_an_outline_has_ranges_and_the_baseline(tmp_path: Path) -> None:
    found = outline(TINY, tmp_path)
    assert found["space"]["width"]["low"] == 2
    assert found["baseline"]["width"] == 4
    assert found["logarithmic"] == ["learning_rate"]
    table = tmp_path / "houses.csv"
    table.write_text(TABLE, encoding="utf-8")
    found = outline(f"table --data {table} --target price", tmp_path)
    assert "batch_size" in found["space"]
    assert found["said"]


@pytest.mark.slow  # imports torch in a process of its own
def test_ranges_and_the_baseline_are_read_in_a_process(service: Service) -> None:
    client = client_of(service)
    plain = client.get(f"{NEW}?case=tiny").text
    assert "the baseline has" not in plain
    read = client.get(f"{NEW}?case=tiny&read=1").text
    assert "2 to 8; the baseline has 4" in read
    assert "logarithmic; the baseline has 0.001" in read
    assert "the baseline has 4" in client.get(f"{NEW}?case=tiny").text, "it is kept"
    wrong = client.get(f"{NEW}?door=table&data=data/none.csv&target=x&read=1")
    assert wrong.status_code == 400
    assert "no data" in wrong.text


def test_the_price_is_that_of_an_earlier_study(client: TestClient) -> None:
    assert "Judging by study <a" in client.get(f"{NEW}?case=tiny").text
    assert "is known once the baseline" in client.get(f"{NEW}?case=housing").text


def test_the_time_left_is_corrected_as_trials_end(service: Service) -> None:
    client = client_of(service)
    client.post("/api/v1/studies", json={"case": "tiny", "trials": 20, "seeds": 0})
    with_six = service.browser.study("tiny")["left"]
    assert with_six > 0
    client.post("/api/v1/studies/tiny/total", json={"trials": 35})
    assert service.browser.study("tiny")["left"] == pytest.approx(2 * with_six)
    assert "left" in client.get("/tuner/studies/tiny").text


@pytest.mark.slow  # a process for each study
def test_a_study_of_an_upload_runs_and_makes_a_model(empty: Service) -> None:
    client = client_of(empty)
    send(client, "houses.csv", TABLE.encode())
    case = "table --data uploads/houses.csv --target price"
    with client:
        client.post(
            "/api/v1/studies", json={"case": case, "name": "houses", "trials": 2, "seeds": 0}
        )
        wait_until(lambda: empty.queue.all()[0].state not in {"queued", "running"})
        empty.browser.forget()
        page = client.get(f"{NEW}?door=table&data=uploads/houses.csv&target=price").text
        assert "Judging by study <a" in page, "its price is known by what was searched before"
        client.post("/api/v1/studies/houses/models", json={"arm": "best"})
        wait_until(lambda: empty.queue.all()[0].state not in {"queued", "running"})
    for job in empty.queue.all():
        assert job.state == "done", job.last_words
    assert Workplace.at(empty.workplace.root).report("houses").is_dir()
    (model,) = client.get("/api/v1/models").json()["models"]
    assert model["case"] == "table houses.csv price", "another table has another current model"
    promoted = client.post(
        f"/api/v1/models/houses/{model['bundle']}/promote",
        json={"alias": "current", "reason": "the first"},
    )
    assert promoted.status_code == 201, promoted.text
    current = client.get("/api/v1/cases/table%20houses.csv%20price/current").json()
    assert current["study"] == "houses"


def test_a_study_that_is_there_is_not_begun_as_another(service: Service) -> None:
    client = client_of(service)
    same = {"case": "tiny", "seed": 0, "trials": 30}
    for other, told in (
        ({"seed": 9}, "its seed is 0, not 9"),
        ({"case": "housing"}, "its case is tiny, not housing"),
        ({"fix": ["width=4"]}, "its set of fixed values is none, not width=4"),
        ({"metric": "r2"}, "its metric is accuracy, not r2"),
        ({"precision": "bfloat16"}, "its precision is float32, not bfloat16"),
    ):
        answer = client.post("/api/v1/studies", json={**same, "name": "tiny", **other})
        assert answer.status_code == 400
        assert f"there is already a study 'tiny', and {told}; choose" in answer.json()["detail"]
    assert service.queue.all() == [], "the study that is there is as it was"
    assert client.post("/api/v1/studies", json=same).status_code == 201
    assert [job.options["trials"] for job in service.queue.all()] == [30]


def test_a_new_study_is_offered_a_name_that_is_free(service: Service) -> None:
    client = client_of(service)
    assert 'name="name" value="tiny 2"' in client.get(f"{NEW}?case=tiny").text
    client.post("/api/v1/studies", json={"case": "tiny", "name": "tiny 2"})
    assert 'name="name" value="tiny 3"' in client.get(f"{NEW}?case=tiny").text
    assert 'name="name" value="housing"' in client.get(f"{NEW}?case=housing").text


def test_a_name_that_cannot_be_one_is_told_in_the_words_of_the_page(empty: Service) -> None:
    client = client_of(empty)
    fields = {"form_key": form_key(client, f"{NEW}?case=tiny"), "case": "tiny", "name": "a/b"}
    told = client.post(NEW, data={**fields, "trials": "3", "seed": "0"}).text
    assert "has a slash" in told
    assert "Choose another name." in told
    client.headers["Accept-Language"] = "zh"
    told = client.post(NEW, data={**fields, "trials": "3", "seed": "0"}).text
    assert "含有斜杠" in told
    assert "请另取一个名称" in told
