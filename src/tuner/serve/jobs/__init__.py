"""The jobs of the service: each is one command, which trains in a process of its own.

A `queue` with `leases`; `holding` locks a job, `turns` says which is next, and `seats` which card
it gets. The `supervisor` runs its `job_command` in a `process`, which is a `child`, and reads its
`logs`.
"""
