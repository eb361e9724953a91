"""nautilus and kitten: the two faces of Kubernetes' update demo. Their pictures are not here; what names them is."""

from pathlib import Path

from minikctl.runtime.images import MIB, Image, Program, of_the_e2e_tests

AGNHOST = Path(__file__).with_name("agnhost") / "server.py"

IMAGES = tuple(
    Image(
        names=(*of_the_e2e_tests(name), f"gcr.io/google-samples/update-demo-{name}"),
        tags=r"latest|1\.[0-9]",
        entrypoint=("/agnhost", "test-webserver"),
        ports=(80,),
        programs={"/agnhost": Program(script=AGNHOST)},
        files={"/data.json": f'{{"image": "{name}.jpg"}}\n'},
        size=30 * MIB,
    )
    for name in ("nautilus", "kitten")
)
