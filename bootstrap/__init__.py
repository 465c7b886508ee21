"""What `environment.py` is made of; plain Python from 3.9 on, standard library only."""
