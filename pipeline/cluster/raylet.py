"""What the Ray of a node counts of its part of the object store."""

from __future__ import annotations


def taken_in(address: str, port: int) -> int | None:
    """Bytes of all objects that it ever held: those that were sent to it, and those that were made there; None without an answer.

    A transfer that broke off and began again counts again, as it does on the network.
    """
    import grpc
    from ray._private.internal_api import node_stats

    try:
        told = node_stats(address, port, include_memory_info=False)  # type: ignore[no-untyped-call]  # Ray's own
    except grpc.RpcError:
        return None
    return int(told.store_stats.cumulative_created_bytes)
