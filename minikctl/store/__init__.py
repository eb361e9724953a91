"""The cluster's memory: a directory of JSON files, with one order of all writes. Our etcd."""

from minikctl.store.errors import (
    Compacted,
    CorruptObject,
    FutureVersion,
    StoreError,
    StoreExists,
    StoreMissing,
    StoreMoved,
)
from minikctl.store.journal import ADDED, DELETED, MODIFIED, Record
from minikctl.store.store import Listing, Store
from minikctl.store.watch import Notifier, Watch

__all__ = [
    "ADDED",
    "DELETED",
    "MODIFIED",
    "Compacted",
    "CorruptObject",
    "FutureVersion",
    "Listing",
    "Notifier",
    "Record",
    "Store",
    "StoreError",
    "StoreExists",
    "StoreMissing",
    "StoreMoved",
    "Watch",
]
