"""Makes the scripts of kubeflow/ importable: a folder without __init__.py, and not a package.

At the end of the path, so that no name of theirs hides another module.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[3] / "kubeflow"))
