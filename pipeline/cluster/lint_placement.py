"""Rules for where a pipeline runs: folders, buckets, volumes, resources, caching, Beam."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modules.files.patterns import is_plain
from modules.messages.quoting import quote
from pipeline.beam.runners import on_this_machine, runner_name
from pipeline.cluster.deployment import COPIED_SCHEMES, ROOT_SCHEMES
from pipeline.cluster.lint_view import Problem, Rule, SpecView, Task, for_each_task
from pipeline.cluster.platform_config import FIELDS

FOLDER_SUFFIX = "_folder"
_SET_ROOT = "set `pipeline_root` in the deployment file, or --pipeline-root for a run"
_NOT_PLAIN = "must have none of * ? [ \\ in it, which TFX takes for patterns"
_UNCACHED = "add it to UNCACHED in pipeline/cluster/specification.py"


def pipeline_root(view: SpecView) -> Iterator[Problem]:
    """Checks the bucket of the artifacts."""
    root = view.spec.get("defaultPipelineRoot") or ""
    if view.target == "vertex":
        root = ((view.job or {}).get("runtimeConfig") or {}).get("gcsOutputDirectory") or ""
    schemes = ROOT_SCHEMES[view.target]
    if not root.startswith(schemes):
        what = f"the pipeline root must start with {' or '.join(schemes)}, got {quote(root)}"
        yield Problem(what, _SET_ROOT)
    if not is_plain(root):
        yield Problem(f"the pipeline root {_NOT_PLAIN}, got {quote(root)}", _SET_ROOT)


def documents(view: SpecView) -> Iterator[Problem]:
    """Checks the number of documents."""
    if view.target == "oss" and view.documents > (2 if view.platform else 1):
        what = f"the file has {view.documents} documents"
        yield Problem(what, "keep the specification and the platform")


def _mounts(view: SpecView, task: Task) -> list[str]:
    """Returns the folders at which volumes are mounted in a task's pod."""
    platform = view.platform_of(task)
    kinds = ("pvcMount", "genericEphemeralVolume", "emptyDirMounts")
    volumes = [volume for kind in kinds for volume in platform.get(kind, [])]
    return [volume["mountPath"].rstrip("/") for volume in volumes if volume.get("mountPath")]


def _is_below(path: str, folders: list[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)


@for_each_task
def folders(view: SpecView, task: Task) -> Iterator[Problem]:
    """Checks that folders which outlive a pod can be reached in every pod that uses them."""
    for source in task.inputs("parameters").values():
        name = source.get("componentInputParameter") or ""
        if name.endswith(FOLDER_SUFFIX):
            value = str((view.parameters().get(name) or {}).get("defaultValue") or "")
            yield from _folder(view, task, name, value)


def _folder(view: SpecView, task: Task, name: str, value: str) -> Iterator[Problem]:
    if value.startswith(COPIED_SCHEMES):
        what = f"{name} is {value}, which neither TFX nor the launcher opens for a parameter"
        yield Problem(what, "use a volume that platform.yaml mounts, or gs://")
    elif not value.startswith(("/", "gs://")):
        what = f"{name} must be an absolute path or gs://, got {quote(value)}"
        yield Problem(what, "use one of these")
    elif value.startswith("/") and view.target == "vertex" and not value.startswith("/gcs/"):
        yield Problem(f"{name} is {value}, and Vertex mounts no volumes", "use gs://")
    elif (
        value.startswith("/") and view.target == "oss" and not _is_below(value, _mounts(view, task))
    ):
        fix = f"mount one in platform.yaml (all: pvcMount), or set {name} to gs://"
        yield Problem(f"{name} is {value}, and no volume is mounted there", fix)
    if not is_plain(value):
        yield Problem(f"{name} {_NOT_PLAIN}, got {quote(value)}", "name another folder")


@for_each_task
def machine_paths(view: SpecView, task: Task) -> Iterator[Problem]:
    """Checks that no path of the compiling machine is fixed in a parameter."""
    for name, value in task.constants():
        for path in _paths(value):
            if not _is_below(path, _mounts(view, task)):
                what = f"parameter {name} names {path}, which the container does not have"
                fix = "use a path relative to the image's working directory, or a mounted one"
                yield Problem(what, fix)


@for_each_task
def fixed_folders(view: SpecView, task: Task) -> Iterator[Problem]:
    """Checks that a folder which is a parameter of the run is fixed in no node."""
    taken = {source.get("componentInputParameter") for source in task.inputs("parameters").values()}
    for name, definition in view.parameters().items():
        folder = str(definition.get("defaultValue") or "")
        if not folder or name in taken or not name.endswith(FOLDER_SUFFIX):
            continue
        for holder in [key for key, value in task.constants() if folder in str(value)][:1]:
            what = f"parameter {holder} contains {folder}, the default of {name}, and would keep "
            fix = "add the node to the bindings in pipeline/cluster/cluster_pipeline.py"
            yield Problem(f"{what}it in a run with another one", fix)


def _paths(value: Any) -> list[str]:
    if not isinstance(value, str):
        return []
    words = value.replace('"', " ").replace("\\", " ").split()
    return [word.rstrip(",}]") for word in words if word.startswith("/") and word.count("/") > 1]


@for_each_task
def caching(_: SpecView, task: Task) -> Iterator[Problem]:
    """Checks that no node is cached whose inputs or effects KFP cannot see."""
    if not (task.task.get("cachingOptions") or {}).get("enableCache"):
        return
    reads_folder = any(
        (source.get("componentInputParameter") or "").endswith(FOLDER_SUFFIX)
        for source in task.inputs("parameters").values()
    ) or "input_base" in task.definitions("input", "parameters")
    if reads_folder and not task.inputs("artifacts"):
        yield Problem("is cached, but reads a folder whose content KFP does not see", _UNCACHED)
    if not task.definitions("output", "artifacts"):
        yield Problem("is cached, but has no output: its effect would be left out", _UNCACHED)


@for_each_task
def resources(view: SpecView, task: Task) -> Iterator[Problem]:
    """Checks the resources that a container requests."""
    wanted = task.container.get("resources") or {}
    for kind in ("cpu", "memory"):
        request, limit = wanted.get(f"{kind}Request"), wanted.get(f"{kind}Limit")
        if task.container and not (limit and limit > 0):
            yield Problem(f"has no {kind} limit", "set it in the deployment file's resources")
        if request and limit and request > limit:
            yield Problem(f"requests {request} {kind}, above its limit {limit}", "lower it")
    accelerator = wanted.get("accelerator") or {}
    is_resource = "/" in (accelerator.get("type") or "")
    if accelerator and is_resource != (view.target == "oss"):
        example = "nvidia.com/gpu" if view.target == "oss" else "NVIDIA_TESLA_T4"
        what = f"requests {accelerator.get('type')!r}, which is not an accelerator of {view.target}"
        yield Problem(what, f"set gpu_type, such as {example}")


@for_each_task
def beam(view: SpecView, task: Task) -> Iterator[Problem]:
    """Checks that Beam workers outside the pod can reach the artifacts."""
    root = view.spec.get("defaultPipelineRoot") or ""
    flags = task.container.get("args") or []
    if not on_this_machine(flags) and root.startswith(COPIED_SCHEMES):
        what = f"Beam's workers of {runner_name(flags)} cannot see a pod's copies of {root}"
        yield Problem(what, "use gs:// for the pipeline root, or `beam: direct`")


@for_each_task
def workers(view: SpecView, task: Task) -> Iterator[Problem]:
    """Checks that the workers of the Trainer can reach the artifacts."""
    root = view.spec.get("defaultPipelineRoot") or ""
    starts = any('"TFJob"' in str(value) for name, value in task.constants())
    if starts and root.startswith(COPIED_SCHEMES):
        what = f"its workers on other machines cannot see a pod's copies of {root}"
        yield Problem(what, "use gs:// for the pipeline root, or leave out `trainer_workers`")


def platform(view: SpecView) -> Iterator[Problem]:
    """Checks the platform document: its nodes, its keys, its volumes."""
    known = {task.component.get("executorLabel"): task.name for task in view.tasks()}
    for label, values in view.platform_executors().items():
        node = known.get(label, label)
        if label not in known:
            what = "the platform document names an executor that the pipeline does not have"
            yield Problem(what, "compile again", node)
        for key in set(values) - set(FIELDS):
            yield Problem(f"platform key {key!r} is unknown to KFP", "see platform_config.py", node)
        for mount in values.get("pvcMount") or []:
            source = mount.get("constant") or mount.get("componentInputParameter")
            if not (mount.get("mountPath") and source):
                what = f"pvcMount must have mountPath and constant, got {quote(mount)}"
                yield Problem(what, "edit platform.yaml", node)


RULES: tuple[Rule, ...] = (
    *(pipeline_root, documents, folders, machine_paths, fixed_folders),
    *(caching, resources, beam, workers, platform),
)
