"""Rules for where a pipeline runs: folders, buckets, volumes, resources, caching, Beam."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from modules.files.patterns import is_plain
from modules.messages.quoting import quote
from pipeline.beam_runners import on_this_machine, runner_name
from pipeline.cluster.deployment import COPIED_SCHEMES, ROOT_SCHEMES
from pipeline.cluster.lint_view import Problem, SpecView, Task
from pipeline.cluster.platform_config import FIELDS

FOLDER_SUFFIX = "_folder"
_SET_ROOT = "set `pipeline_root` in the deployment file, or --pipeline-root for a run"
_NOT_PLAIN = "must have none of * ? [ \\ in it, which TFX takes for patterns"

Rule = Callable[[SpecView], Iterator[Problem]]


def pipeline_root(view: SpecView) -> Iterator[Problem]:
    """Checks the bucket of the artifacts."""
    root = view.spec.get("defaultPipelineRoot") or ""
    if view.target == "vertex":
        root = ((view.job or {}).get("runtimeConfig") or {}).get("gcsOutputDirectory") or ""
    schemes = ROOT_SCHEMES[view.target]
    if not root.startswith(schemes):
        yield Problem(
            "",
            f"the pipeline root must start with {' or '.join(schemes)}, got {quote(root)}",
            _SET_ROOT,
        )
    if not is_plain(root):
        yield Problem("", f"the pipeline root {_NOT_PLAIN}, got {quote(root)}", _SET_ROOT)


def documents(view: SpecView) -> Iterator[Problem]:
    """Checks the number of documents."""
    if view.target == "oss" and view.documents > (2 if view.platform else 1):
        yield Problem(
            "",
            f"the file has {view.documents} documents",
            "keep the specification and the platform",
        )


def _mounts(view: SpecView, task: Task) -> list[str]:
    """Returns the folders that volumes are mounted at in a task's pod."""
    platform = view.platform_of(task)
    volumes = [
        *platform.get("pvcMount", []),
        *platform.get("genericEphemeralVolume", []),
        *platform.get("emptyDirMounts", []),
    ]
    return [volume["mountPath"].rstrip("/") for volume in volumes if volume.get("mountPath")]


def _is_below(path: str, folders: list[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)


def folders(view: SpecView) -> Iterator[Problem]:
    """Checks that folders which outlive a pod can be reached in every pod that uses them."""
    for task in view.tasks():
        for source in task.inputs("parameters").values():
            name = source.get("componentInputParameter") or ""
            if name.endswith(FOLDER_SUFFIX):
                value = str((view.parameters().get(name) or {}).get("defaultValue") or "")
                yield from _folder(view, task, name, value)


def _folder(view: SpecView, task: Task, name: str, value: str) -> Iterator[Problem]:
    if value.startswith(COPIED_SCHEMES):
        yield Problem(
            task.name,
            f"{name} is {value}, which neither TFX nor the launcher opens for a parameter",
            "use a volume that platform.yaml mounts, or gs://",
        )
    elif value.startswith("/") and view.target == "vertex" and not value.startswith("/gcs/"):
        yield Problem(task.name, f"{name} is {value}, and Vertex mounts no volumes", "use gs://")
    elif (
        value.startswith("/") and view.target == "oss" and not _is_below(value, _mounts(view, task))
    ):
        yield Problem(
            task.name,
            f"{name} is {value}, and no volume is mounted there",
            f"mount one in platform.yaml (all: pvcMount), or set {name} to gs://",
        )
    elif not value.startswith(("/", "gs://")):
        yield Problem(
            task.name, f"{name} must be an absolute path or gs://, got {quote(value)}", "set it so"
        )
    if not is_plain(value):
        yield Problem(task.name, f"{name} {_NOT_PLAIN}, got {quote(value)}", "name another folder")


def machine_paths(view: SpecView) -> Iterator[Problem]:
    """Checks that no path of the compiling machine is fixed in a parameter."""
    for task in view.tasks():
        for name, value in task.constants():
            for path in _paths(value):
                if not _is_below(path, _mounts(view, task)):
                    yield Problem(
                        task.name,
                        f"parameter {name} names {path}, which the container does not have",
                        "use a path relative to the image's working directory, or a mounted one",
                    )


def fixed_folders(view: SpecView) -> Iterator[Problem]:
    """Checks that a folder which a run may choose is fixed in no node."""
    defaults = {
        name: str(definition.get("defaultValue") or "")
        for name, definition in view.parameters().items()
        if name.endswith(FOLDER_SUFFIX)
    }
    for task in view.tasks():
        taken = {s.get("componentInputParameter") for s in task.inputs("parameters").values()}
        for name, folder in defaults.items():
            holders = [key for key, value in task.constants() if folder and folder in str(value)]
            if holders and name not in taken:
                yield Problem(
                    task.name,
                    f"parameter {holders[0]} holds {folder}, the default of {name}, and would keep "
                    "it in a run with another one",
                    "add the node to the bindings in pipeline/cluster/cluster_pipeline.py",
                )


def _paths(value: Any) -> list[str]:
    if not isinstance(value, str):
        return []
    words = value.replace('"', " ").replace("\\", " ").split()
    return [word.rstrip(",}]") for word in words if word.startswith("/") and word.count("/") > 1]


def caching(view: SpecView) -> Iterator[Problem]:
    """Checks that no node is cached whose inputs or effects KFP cannot see."""
    for task in view.tasks():
        if not (task.task.get("cachingOptions") or {}).get("enableCache"):
            continue
        reads_folder = any(
            (source.get("componentInputParameter") or "").endswith(FOLDER_SUFFIX)
            for source in task.inputs("parameters").values()
        ) or "input_base" in task.definitions("input", "parameters")
        if reads_folder and not task.inputs("artifacts"):
            yield Problem(
                task.name,
                "is cached, but reads a folder whose content KFP does not see",
                "add it to UNCACHED in pipeline/cluster/compiler.py",
            )
        if not task.definitions("output", "artifacts"):
            yield Problem(
                task.name,
                "is cached, but has no output: its effect would be left out",
                "add it to UNCACHED in pipeline/cluster/compiler.py",
            )


def resources(view: SpecView) -> Iterator[Problem]:
    """Checks what containers ask for."""
    for task in view.tasks():
        wanted = task.container.get("resources") or {}
        for kind in ("cpu", "memory"):
            request, limit = wanted.get(f"{kind}Request"), wanted.get(f"{kind}Limit")
            if task.container and not (limit and limit > 0):
                yield Problem(
                    task.name, f"has no {kind} limit", "set it in the deployment file's resources"
                )
            if request and limit and request > limit:
                yield Problem(
                    task.name, f"requests {request} {kind}, above its limit {limit}", "lower it"
                )
        accelerator = wanted.get("accelerator") or {}
        is_resource = "/" in (accelerator.get("type") or "")
        if accelerator and is_resource != (view.target == "oss"):
            example = "nvidia.com/gpu" if view.target == "oss" else "NVIDIA_TESLA_T4"
            yield Problem(
                task.name,
                f"asks for {accelerator.get('type')!r}, no accelerator of {view.target}",
                f"set gpu_type, such as {example}",
            )


def beam(view: SpecView) -> Iterator[Problem]:
    """Checks that workers elsewhere can reach the artifacts."""
    root = view.spec.get("defaultPipelineRoot") or ""
    for task in view.tasks():
        flags = task.container.get("args") or []
        if not on_this_machine(flags) and root.startswith(COPIED_SCHEMES):
            yield Problem(
                task.name,
                f"Beam's workers of {runner_name(flags)} cannot see a pod's copies of {root}",
                "use gs:// for the pipeline root, or `beam: direct`",
            )


def platform(view: SpecView) -> Iterator[Problem]:
    """Checks the platform document: its nodes, its keys, its volumes."""
    kubernetes = ((view.platform or {}).get("platforms") or {}).get("kubernetes") or {}
    executors = (kubernetes.get("deploymentSpec") or {}).get("executors") or {}
    known = {task.component.get("executorLabel"): task.name for task in view.tasks()}
    for label, values in executors.items():
        node = known.get(label, label)
        if label not in known:
            yield Problem(
                node, "the platform document names an executor there is not", "compile again"
            )
        for key in set(values) - set(FIELDS):
            yield Problem(node, f"platform key {key!r} is unknown to KFP", "see platform_config.py")
        for mount in values.get("pvcMount") or []:
            if not mount.get("mountPath") or not (
                mount.get("constant") or mount.get("componentInputParameter")
            ):
                yield Problem(
                    node,
                    f"pvcMount must have mountPath and constant, got {quote(mount)}",
                    "edit platform.yaml",
                )


RULES: tuple[Rule, ...] = (
    pipeline_root,
    documents,
    folders,
    machine_paths,
    fixed_folders,
    caching,
    resources,
    beam,
    platform,
)
