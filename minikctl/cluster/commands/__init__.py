"""Commands about the cluster itself; `dispatch` finds them beside kubectl's."""
