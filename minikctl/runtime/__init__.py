"""Container runtimes behind one interface (`interface.py`): simulated, plain processes, later sandboxes."""
