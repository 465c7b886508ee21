"""The runner that `session-retrieval run` and `tfx run create --engine=local` start.

TFX passes no arguments to a runner, and loads it for `tfx pipeline create`, too.
`session-retrieval run` writes a configuration into the folder that the environment variable
SESSION_RETRIEVAL_OUT names. Without it, SESSION_RETRIEVAL_PRESET names a preset or a YAML file; the
default is the bundled sample.
"""

from __future__ import annotations

import gc
import os
import sys

from modules.files.folders import FolderError
from modules.files.mlmd_file import MetadataFileError, check_metadata_file
from pipeline.beam.job_failures import explained
from pipeline.config import ConfigError
from pipeline.data_files import describe_cut
from pipeline.paths import Paths
from pipeline.run.console_summary import format_report
from pipeline.run.launch import find_config, make_sample_if_missing, runner_environment, started
from pipeline.run.lock import BusyError, exclusive
from pipeline.run.mlmd import read_run
from pipeline.run.progress import FAILED, Console, console, report_failure, watch_nodes


def run(stream: Console) -> None:
    """Runs the configured pipeline once, and prints its summary."""
    began = started(os.environ)
    os.environ.update(runner_environment(os.environ))
    config, out, source = find_config(os.environ)
    print(f"Pipeline {config.name}, configured by {source}; its outputs are in {out}")
    if cut := describe_cut(config.data):
        print(cut)
    with exclusive(out):
        check_metadata_file(Paths.under(out).metadata)
        make_sample_if_missing(config)
        gc.disable()  # Imports make no garbage; searching for it takes 1.7 s of their 8.4.
        from tfx.orchestration.local.local_dag_runner import LocalDagRunner

        from pipeline.history.update import update_history
        from pipeline.pipeline import create_pipeline
        from pipeline.run.gate_results import forget_failed_check
        from pipeline.run.identity import identity
        from pipeline.run.recovery import recovered_outputs
        from pipeline.run.retention import remove_outdated
        from pipeline.run.run_folders import record_run
        from pipeline.run.summary import summarize
        from pipeline.run.summary_file import SUMMARY_FILE, write_summary

        gc.enable()
        paths = Paths.under(out)
        pipeline = create_pipeline(config, paths)
        with recovered_outputs(paths, out / SUMMARY_FILE) as digests:
            made_from = identity(config)
            with watch_nodes(stream, len(pipeline.components), digests.record) as nodes:
                with explained(config.beam):
                    LocalDagRunner().run(pipeline)
            if nodes.seconds:  # `tfx pipeline create` loads this file too, and runs nothing.
                removed = remove_outdated(
                    out, config.keep, read_run(paths.metadata, config.name).folders()
                )
                summary = summarize(config, out, nodes.seconds, began)
                write_summary(summary, out)
                record_run(out, config, summary, began, made_from)
                forget_failed_check(read_run(paths.metadata, config.name))
                print(f"\n{format_report(summary)}")
                if removed.paths:
                    print(f"\n{removed.text()}")
                for warning in update_history(out):
                    print(warning)


if __name__ == "__main__":
    with console() as stream:
        try:
            run(stream)
        except (ConfigError, FolderError, BusyError, MetadataFileError) as error:
            print(f"{FAILED}{error}")
            sys.exit(2)
        except Exception as error:
            report_failure(error)
            sys.exit(1)
