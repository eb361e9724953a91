"""Figures: `make bench`. Each file in here measures one thing; `run.py` prints the table."""
