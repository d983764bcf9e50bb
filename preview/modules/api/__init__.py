"""The HTTP interface under /sdapi/v1."""
