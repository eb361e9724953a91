"""NetworkPolicy in force: `api/policy/network.py` decides, `table.py` says it in nftables, `enforcer.py` keeps it true."""
