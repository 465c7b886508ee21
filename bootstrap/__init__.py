"""Parts of `environment.py`; Python 3.9 or later, standard library only."""
