"""`trace`: where one request goes and why it does not arrive. `words.py` reads what is meant, `routing.py` and `hops.py`
decide by objects alone, `text.py` draws."""
