"""Models by the API: uploading, choosing, removing; what is refused and how that is said."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import onnx
import pytest
from onnx import TensorProto, helper

from server.config import BUNDLED_MODEL

from ..core.builders import FIXTURES
from ..inference.models import write_model
from ..support.server import Client, client_of, own_folder, serving
from ..support.waiting import eventually

GUN = (FIXTURES / "pictures" / "gun-59027a480205419a.jpg").read_bytes()
BYTES = {"Content-Type": "application/octet-stream"}

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
async def own(tmp_path: Path, data_dir: Path) -> AsyncIterator[Client]:
    """A client of a server that no other test changes the model of."""
    async with (
        serving(own_folder(tmp_path / "data", data_dir), models={"most": 2}) as server,
        client_of(server) as client,
    ):
        yield client


def variant(folder: Path, version: str = "9.9") -> bytes:
    """The bundled model as another file, of another version."""
    model = onnx.load(str(BUNDLED_MODEL))
    told = {entry.key: entry.value for entry in model.metadata_props}
    helper.set_model_props(model, {**told, "version": version})
    path = folder / "variant.onnx"
    onnx.save(model, str(path))
    return path.read_bytes()


def knives(folder: Path) -> bytes:
    """A small model that knows no guns."""
    return write_model(folder / "knives.onnx", names="{0: 'knife'}").read_bytes()


async def upload(client: Client, content: bytes, name: str = "mine") -> dict[str, Any]:
    answer = await client.post("/api/v1/models", params={"name": name}, data=io.BytesIO(content), headers=BYTES)
    assert answer.status == 201, answer.text
    model = answer.json()
    assert answer.headers["Location"] == f"/api/v1/models/{model['id']}"
    return model


async def models(client: Client) -> dict[str, dict[str, Any]]:
    """All models, by their names."""
    return {model["name"]: model for model in (await client.get("/api/v1/models")).json()["models"]}


async def activate(client: Client, model: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post(f"/api/v1/models/{model['id']}/activate")
    assert answer.status == 200, answer.text
    return answer.json()


async def test_the_bundled_model_is_there_and_active(own: Client) -> None:
    body = (await own.get("/api/v1/models")).json()
    [model] = body["models"]
    assert model["id"] == hashlib.sha256(BUNDLED_MODEL.read_bytes()).hexdigest()
    assert (model["name"], model["origin"], model["state"]) == ("gun-yolov8n", "bundled", "active")
    assert model["labels"] == ["gun"]
    assert model["size_bytes"] == BUNDLED_MODEL.stat().st_size
    assert (model["backend"], model["on_trial"], model["reason"]) == ("openvino", False, None)
    assert body["detector"]["fallback"] is False
    assert body["refused"] == []
    assert (await own.get("/readyz")).json()["model"]["id"] == model["id"]
    assert (await own.get(f"/api/v1/models/{model['id']}")).json() == model


async def test_another_model_is_uploaded_and_looks(own: Client, tmp_path: Path) -> None:
    content = variant(tmp_path)
    model = await upload(own, content)
    assert model["id"] == hashlib.sha256(content).hexdigest()
    assert (model["state"], model["origin"], model["version"], model["checked"]) == ("stored", "uploaded", "9.9", None)
    active = await activate(own, model)
    assert (active["state"], active["on_trial"]) == ("active", True)
    checked = active["checked"]
    assert checked["score"] > 0.8
    assert checked["output"] == [5, 5040]
    assert checked["warm_up_ms"] > checked["look_ms"] > 0
    assert checked["left_out"] == []
    looked = (await own.detect(GUN)).json()
    assert looked["model"] == "mine"
    assert looked["detections"][0]["label"] == "gun"
    assert (await models(own))["gun-yolov8n"]["state"] == "stored"
    assert (await own.metric("vigie_model_changes_total{active}")) == 1


async def test_a_form_with_a_file(own: Client, tmp_path: Path) -> None:
    form = aiohttp.FormData()
    form.add_field("comment", "from the lab")
    form.add_field("file", knives(tmp_path), filename="knives.onnx")
    answer = await own.post("/api/v1/models", data=form)
    assert (answer.status, answer.json()["name"], answer.json()["labels"]) == (201, "knives", ["knife"])


async def test_the_same_file_again_is_the_same_model(own: Client, tmp_path: Path) -> None:
    model = await upload(own, knives(tmp_path))
    again = await own.post("/api/v1/models?name=other", data=knives(tmp_path), headers=BYTES)
    assert (again.status, again.json()) == (200, model)
    bundled = await own.post("/api/v1/models", data=io.BytesIO(BUNDLED_MODEL.read_bytes()), headers=BYTES)
    assert (bundled.status, bundled.json()["origin"]) == (200, "bundled")


async def test_two_models_have_two_names(own: Client, tmp_path: Path) -> None:
    """Events name their model by it."""
    model = await upload(own, variant(tmp_path), "gun-yolov8n.onnx")
    assert model["name"] == f"gun-yolov8n-{model['id'][:8]}"


async def test_a_model_of_other_classes(own: Client, tmp_path: Path) -> None:
    active = await activate(own, await upload(own, knives(tmp_path), "knives\r\nERROR forged"))
    assert active["name"] == "knivesERROR forged"
    assert active["checked"]["score"] is None
    assert active["checked"]["left_out"] == ["known gun: this model has no class named gun"]
    assert (await own.get("/api/v1/server")).json()["model"]["labels"] == ["knife"]
    found = (await own.detect(GUN)).json()["detections"]
    assert {one["label"] for one in found} == {"knife"}
    bundled = (await models(own))["gun-yolov8n"]
    await activate(own, bundled)
    assert (await own.detect(GUN)).json()["detections"][0]["label"] == "gun"


async def test_one_that_sees_no_gun_is_not_taken(own: Client, tmp_path: Path) -> None:
    """It says that it knows guns, and gives how bright the picture is."""
    model = await upload(own, write_model(tmp_path / "blind.onnx").read_bytes(), "blind")
    answer = await own.post(f"/api/v1/models/{model['id']}/activate")
    detail = answer.problem("invalid-model", 422)
    assert "does not see the gun" in detail
    after = await models(own)
    assert (after["blind"]["state"], after["blind"]["reason"]) == ("failed", detail)
    assert after["gun-yolov8n"]["state"] == "active"
    [refused] = (await own.get("/readyz")).json()["refused"]
    assert (refused["name"], refused["state"], refused["reason"]) == ("blind", "failed", detail)
    assert (await own.metric("vigie_model_changes_total{failed}")) == 1


def external(folder: Path) -> bytes:
    model = onnx.load(str(write_model(folder / "whole.onnx")))
    tensor = helper.make_tensor("far", TensorProto.FLOAT, [2], [1.0, 2.0])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    model.graph.initializer.append(tensor)
    return bytes(model.SerializeToString())


def nested_external(folder: Path) -> bytes:
    """In an attribute of a node in the branch of another one."""
    model = onnx.load(str(write_model(folder / "whole.onnx")))
    tensor = helper.make_tensor("far", TensorProto.FLOAT, [1], [1.0])
    tensor.data_location = TensorProto.EXTERNAL
    inner = helper.make_graph([helper.make_node("Constant", [], ["x"], value=tensor)], "inner", [], [])
    model.graph.node.append(helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner))
    return bytes(model.SerializeToString())


def custom(folder: Path) -> bytes:
    model = onnx.load(str(write_model(folder / "whole.onnx")))
    model.graph.node.append(helper.make_node("Run", ["images"], ["z"], domain="org.example"))
    return bytes(model.SerializeToString())


REFUSED: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "a file of PyTorch": (lambda folder: b"PK\x03\x04" + bytes(500), "is code that runs when it is opened"),
    "an old file of PyTorch": (lambda folder: b"\x80\x02" + bytes(500), "is code that runs when it is opened"),
    "text": (lambda folder: b"This is no model. " * 50, "cannot be read as an ONNX model"),
    "nothing": (lambda folder: b"", "cannot be read as an ONNX model"),
    "cut off": (lambda folder: BUNDLED_MODEL.read_bytes()[:100_000], "cannot be read as an ONNX model"),
    "no names": (lambda folder: write_model(folder / "x.onnx", names=None).read_bytes(), "names no classes"),
    "bad names": (lambda folder: write_model(folder / "x.onnx", names="gun").read_bytes(), "not a YOLOv8 detector"),
    "another file": (external, "lies in another file"),
    "another file, deep within": (nested_external, "lies in another file"),
    "operators of somebody's": (custom, "operators of org.example"),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_what_is_no_model_is_refused_at_once(client: Client, what: str, tmp_path: Path) -> None:
    make, words = REFUSED[what]
    answer = await client.post("/api/v1/models", data=make(tmp_path), headers=BYTES)
    assert words in answer.problem("invalid-model", 422)
    assert list((client.server.settings.data_dir / "models").glob("*.part")) == []
    assert [model["origin"] for model in (await models(client)).values()] == ["bundled"]


async def test_what_is_no_upload(client: Client) -> None:
    kind = {"Content-Type": "text/plain"}
    (await client.post("/api/v1/models", data=b"x", headers=kind)).problem("unsupported-content-type", 415)
    form = aiohttp.FormData()
    form.add_field("other", b"x", filename="x.onnx")
    (await client.post("/api/v1/models", data=form)).problem("missing-file", 400)
    unclear = {"Content-Type": "multipart/form-data"}
    (await client.post("/api/v1/models", data=b"x", headers=unclear)).problem("malformed-request", 400)


async def test_a_file_that_is_too_large(tmp_path: Path, data_dir: Path) -> None:
    folder = own_folder(tmp_path / "data", data_dir)
    async with serving(folder, models={"upload_bytes": 10_000}) as server, client_of(server) as client:
        for announced in (True, False):
            content: Any = bytes(20_000) if announced else _pieces()
            (await client.post("/api/v1/models", data=content, headers=BYTES)).problem("model-too-large", 413)
        assert list((folder / "models").iterdir()) == []


async def _pieces() -> AsyncIterator[bytes]:
    for _ in range(20):
        yield bytes(1000)


async def test_no_more_than_the_limit(own: Client, tmp_path: Path) -> None:
    await upload(own, knives(tmp_path), "one")
    two = await upload(own, write_model(tmp_path / "two.onnx", names="{0: 'bat'}").read_bytes(), "two")
    three = write_model(tmp_path / "three.onnx", names="{0: 'axe'}").read_bytes()
    (await own.post("/api/v1/models", data=three, headers=BYTES)).problem("too-many-models", 409)
    assert (await own.send("DELETE", f"/api/v1/models/{two['id']}")).status == 204
    await upload(own, three, "three")


async def test_removing(own: Client, tmp_path: Path) -> None:
    model = await upload(own, knives(tmp_path))
    path = f"/api/v1/models/{model['id']}"
    await activate(own, model)
    (await own.send("DELETE", path)).problem("model-in-use", 409)
    bundled = (await models(own))["gun-yolov8n"]
    (await own.send("DELETE", f"/api/v1/models/{bundled['id']}")).problem("model-not-removable", 409)
    await activate(own, bundled)
    assert (await own.send("DELETE", path)).status == 204
    (await own.send("DELETE", path)).problem("unknown-model", 404)
    (await own.post(f"{path}/activate")).problem("unknown-model", 404)
    (await own.get(path)).problem("unknown-model", 404)
    assert not list((own.server.settings.data_dir / "models").glob("*.onnx"))


async def test_one_change_at_a_time(own: Client, tmp_path: Path) -> None:
    model = await upload(own, knives(tmp_path))
    path = f"/api/v1/models/{model['id']}/activate"
    first = asyncio.create_task(own.post(path))

    async def is_changing() -> bool:
        return bool((await own.get("/api/v1/models")).json()["changing"])

    await eventually(is_changing)
    (await own.post(path)).problem("model-changing", 409)
    (await own.send("DELETE", f"/api/v1/models/{model['id']}")).problem("model-in-use", 409)
    assert (await first).status == 200


async def test_the_choice_survives_a_restart_and_is_cleared_by_choosing_the_configured_one(
    tmp_path: Path, data_dir: Path
) -> None:
    folder = own_folder(tmp_path / "data", data_dir)
    async with serving(folder) as server, client_of(server) as client:
        model = await upload(client, variant(tmp_path))
        await activate(client, model)
    async with serving(folder) as server, client_of(server) as client:
        assert (await client.get("/api/v1/server")).json()["model"]["name"] == "mine"
        assert (await models(client))["mine"]["state"] == "active"
        await activate(client, (await models(client))["gun-yolov8n"])
    async with serving(folder) as server, client_of(server) as client:
        assert (await client.get("/api/v1/server")).json()["model"]["name"] == "gun-yolov8n"
        assert (await models(client))["mine"]["state"] == "stored"


async def events(client: Client) -> list[tuple[str, str]]:
    return [(event["kind"], event["state"]) for event in (await client.get("/api/v1/events")).json()["events"]]


async def test_a_chosen_model_that_does_not_load_any_more_is_loudly_left_out(
    tmp_path: Path, data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = own_folder(tmp_path / "data", data_dir)
    async with serving(folder) as server, client_of(server) as client:
        model = await upload(client, variant(tmp_path))
        await activate(client, model)
    (folder / "models" / f"{model['id']}.onnx").write_bytes(b"no model any more")
    async with serving(folder) as server, client_of(server) as client:
        after = await models(client)
        assert (after["gun-yolov8n"]["state"], after["mine"]["state"]) == ("active", "failed")
        assert "cannot be read" in after["mine"]["reason"]
        assert (await client.get("/readyz")).status == 200
        await eventually(lambda: _told(client, "confirmed"))
        await upload(client, knives(tmp_path), "knives")
        await activate(client, (await models(client))["knives"])
        await eventually(lambda: _told(client, "ended"))
    assert "The model mine that was chosen cannot be used" in caplog.text


async def _told(client: Client, state: str) -> bool:
    return ("model-failed", state) in await events(client)


async def test_one_that_the_server_died_with_is_not_opened_again(tmp_path: Path, data_dir: Path) -> None:
    """A model that takes the process down would do so at each start."""
    folder = own_folder(tmp_path / "data", data_dir)
    async with serving(folder) as server, client_of(server) as client:
        model = await upload(client, variant(tmp_path))
        await activate(client, model)
        kept = folder / "models" / "models.json"

        def on_trial() -> bool:
            return bool((json.loads(kept.read_text())["choice"] or {}).get("on_trial"))

        await eventually(on_trial)
        died_with = kept.read_text()
    kept.write_text(died_with)
    async with serving(folder) as server, client_of(server) as client:
        after = await models(client)
        assert (after["gun-yolov8n"]["state"], after["mine"]["state"]) == ("active", "rolled-back")
        assert "the server ended while this model was on trial" in after["mine"]["reason"]


async def test_a_device_that_is_not_there_is_replaced_by_the_cpu_and_that_is_said(
    tmp_path: Path, data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for backend, device in (("onnxruntime", "cuda"), ("openvino", "gpu")):
        folder = own_folder(tmp_path / backend, data_dir)
        async with (
            serving(folder, detector={"backend": backend, "device": device}) as server,
            client_of(server) as client,
        ):
            for path in ("/readyz", "/api/v1/models"):
                answer = await client.get(path)
                detector = answer.json()["detector"]
                assert (answer.status, detector["asked"], detector["fallback"]) == (200, device, True)
                assert detector["reason"]
            assert (await client.get("/api/v1/server")).json()["model"]["fallback"] == detector["reason"]
            assert await client.metric("vigie_detector_fallback") == 1
            assert (await client.detect(GUN)).json()["detections"]
        assert f"not on {device} as detector.device asks" in caplog.text


async def test_a_settings_model_stands_beside_the_bundled_one(tmp_path: Path, data_dir: Path) -> None:
    folder = own_folder(tmp_path / "data", data_dir)
    path = tmp_path / "ours.onnx"
    path.write_bytes(knives(tmp_path))
    async with serving(folder, detector={"model": path}) as server, client_of(server) as client:
        after = await models(client)
        assert {name: (one["origin"], one["state"]) for name, one in after.items()} == {
            "ours": ("settings", "active"),
            "gun-yolov8n": ("bundled", "stored"),
        }
        await activate(client, after["gun-yolov8n"])
        assert (await client.detect(GUN)).json()["detections"][0]["label"] == "gun"
